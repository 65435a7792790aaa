// Drawing: views, light and dark, narrow screens, and what picking adds to a figure.

const palette = read("palette");
const scheme = matchMedia("(prefers-color-scheme: dark)");
const narrow = matchMedia("(max-width: 640px)");
const plots = all(".plot");
const figures = new Map(); // by id, in the light colours, as soon as they are unpacked
const INK = "#1d2429", PAPER = "#fefefe"; // as in theme.py: exchanged with all other colours
let curves = null;

const config = {
  displaylogo: false, showSendToCloud: false, responsive: true,
  modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
  toImageButtonOptions: { format: "svg" },
};

const isDark = () => {
  const chosen = document.documentElement.dataset.scheme;
  return chosen ? chosen === "dark" : scheme.matches;
};

// Figures are written in the light colours; only values under a key that names a colour are exchanged.
const recolour = (value, inColour) => {
  if (typeof value === "string") return inColour && palette[value] || value;
  if (Array.isArray(value)) return value.map((item) => recolour(item, inColour));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, recolour(item, /color$/.test(key))]));
};

// Plotly writes an array as a list, or as base64 of its bytes.
const TYPES = { f8: Float64Array, f4: Float32Array, i4: Int32Array, u4: Uint32Array, i2: Int16Array, u2: Uint16Array, i1: Int8Array, u1: Uint8Array };
const list = (value) => {
  if (!value || !value.bdata) return Array.isArray(value) ? value : [];
  return [...new TYPES[value.dtype](fromBase64(value.bdata).buffer)];
};
const isTrials = (trace) => trace.meta === "trials";
const trialAt = (trace, i) => Number([list(trace.customdata)[i]].flat()[0]);

// A ring around the picked trial, with a gap of paper, so that it shows on any colour.
const rings = (traces, picked) => traces.filter(isTrials).flatMap((trace) => {
  const y = list(trace.y), foot = list(trace.base);
  // A lying bar is picked at its middle: its x is a length from its foot.
  const x = list(trace.x).map((value, i) => foot.length ? foot[i] + value / 2 : value);
  return list(trace.customdata).flatMap((entry, i) => Number([entry].flat()[0]) !== picked ? [] : [{
    type: trace.type === "scattergl" ? "scattergl" : "scatter", mode: "markers",
    x: [x[i], x[i]], y: [y[i], y[i]], xaxis: trace.xaxis, yaxis: trace.yaxis, name: "picked",
    marker: { symbol: "circle-open", size: 21, opacity: 1, color: [PAPER, INK], line: { width: [7, 3] } },
    hoverinfo: "skip", showlegend: false, cliponaxis: false,
  }]);
});

const ownCurves = (plot, picked) => {
  if (!curves || plot.id !== `${curves.picture}-plot` || !(picked in curves.trials)) return [];
  const [x, ...rows] = curves.trials[picked];
  return rows.map((row, i) => ({
    type: "scatter", mode: "lines", name: `trial ${picked}`, legendgroup: "picked", showlegend: i === 0,
    x, y: row.map((value) => value === null || curves.units[i] !== "fraction" ? value : 100 * value),
    xaxis: i ? `x${i + 1}` : "x", yaxis: i ? `y${i + 1}` : "y", line: { color: INK, width: 3.5 },
    hovertemplate: `<b>trial ${picked}</b>, picked<br>u = %{x:.2f}: %{y:.4~g}<extra></extra>`,
  }));
};

const draw = (plot, dark = isDark()) => {
  const figure = figures.get(plot.id);
  if (!figure) return;
  const at = remembered.views[plot.id] || 0;
  const wide = figure.views[at] || figure.views[0];
  const view = narrow.matches && wide.narrow || wide;
  const data = figure.data.map((trace, i) => ({ ...trace, ...view.data[i] }));
  // The revision: zoom and legend stay as the reader left them while the view is the same.
  const layout = { ...figure.layout, ...view.layout, autosize: true, uirevision: `${at} ${narrow.matches}` };
  if (narrow.matches) {
    layout.margin = { l: 44, r: 8, t: 8, b: 44 };
    layout.legend = { entrywidth: 0.48, entrywidthmode: "fraction", font: { size: 10 } };
    layout.dragmode = false; // a finger that scrolls the page must not zoom the plot
  }
  if (remembered.picked !== null) {
    data.push(...ownCurves(plot, remembered.picked), ...rings(data, remembered.picked));
  }
  const paint = (value) => (dark ? recolour(value, false) : value);
  Plotly.react(plot, paint(data), paint(layout), config);
};

const drawAll = (dark) => plots.forEach((plot) => draw(plot, dark));

// Those in sight come first, so that a large report answers at once.
const byDistance = () => {
  const distance = (plot) => Math.abs(plot.getBoundingClientRect().top);
  return [...plots].sort((a, b) => distance(a) - distance(b));
};
const showsTrials = (plot) => {
  const figure = figures.get(plot.id);
  return figure && (figure.data.some(isTrials) || curves && plot.id === `${curves.picture}-plot`);
};
let round = 0;
const redraw = async () => {
  const mine = ++round;
  for (const plot of byDistance().filter(showsTrials)) {
    if (mine !== round) return;
    draw(plot);
    await wait();
  }
};

const setUpFigure = (plot) => {
  plot.on("plotly_click", ({ points: [point] }) => {
    if (isTrials(point.data)) pick(trialAt(point.data, point.pointNumber));
  });
  plot.on("plotly_relayout", (changes) => {
    const zoom = Object.entries(changes).filter(([key]) => /axis\d*\.(range|autorange)/.test(key));
    if (zoom.length) remember({ zooms: { ...remembered.zooms, [plot.id]: Object.fromEntries(zoom) } });
  });
};

const setUpViews = () => {
  for (const group of all(".views")) {
    group.hidden = false;
    const plot = byId(group.dataset.for);
    const buttons = all("button", group);
    const press = (at) => buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(i === at)));
    press(Math.min(remembered.views[plot.id] || 0, buttons.length - 1));
    buttons.forEach((button, i) => button.addEventListener("click", () => {
      remember({ views: { ...remembered.views, [plot.id]: i }, zooms: { ...remembered.zooms, [plot.id]: undefined } });
      press(i);
      draw(plot);
    }));
  }
};

const setUpFigures = async () => {
  if (!byId("plotly")) return;
  const script = document.createElement("script");
  script.textContent = await textOf("plotly"); // the page's policy lets it run by its hash
  document.head.append(script);
  curves = byId("curves-data") ? await load("curves-data") : null;
  const zooms = { ...remembered.zooms };
  for (const plot of byDistance()) {
    figures.set(plot.id, await load(`${plot.id}-data`));
    draw(plot);
    setUpFigure(plot);
    if (zooms[plot.id]) Plotly.relayout(plot, zooms[plot.id]);
    await wait();
  }
  for (const query of [scheme, narrow]) query.addEventListener("change", () => drawAll());
  addEventListener("beforeprint", () => drawAll(false));
  addEventListener("afterprint", () => drawAll());
};
