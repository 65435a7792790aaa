(() => {
  "use strict";
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const palette = read("palette");
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  const narrow = matchMedia("(max-width: 640px)");
  const plots = [...document.querySelectorAll(".plot")];
  const shown = new Map(plots.map((plot) => [plot.id, 0]));
  const config = {
    displaylogo: false, showSendToCloud: false, responsive: true,
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
    toImageButtonOptions: { format: "svg" },
  };

  // Figures are written in the light colours; only values under a key that names a colour are exchanged.
  const recolour = (value, inColour) => {
    if (typeof value === "string") return inColour && palette[value] || value;
    if (Array.isArray(value)) return value.map((item) => recolour(item, inColour));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, recolour(item, /color$/.test(key))]));
  };

  const draw = (plot, dark) => {
    const figure = read(`${plot.id}-data`);
    const wide = figure.views[shown.get(plot.id)];
    const view = narrow.matches && wide.narrow || wide;
    const data = figure.data.map((trace, i) => ({ ...trace, ...view.data[i] }));
    const layout = { ...figure.layout, ...view.layout, autosize: true };
    if (narrow.matches) {
      layout.margin = { l: 44, r: 8, t: 8, b: 44 };
      layout.legend = { entrywidth: 0.48, entrywidthmode: "fraction", font: { size: 10 } };
      layout.dragmode = false; // a finger that scrolls the page must not zoom the plot
    }
    const paint = (value) => (dark ? recolour(value, false) : value);
    return Plotly.react(plot, paint(data), paint(layout), config);
  };

  const drawAll = (dark) => plots.forEach((plot) => draw(plot, dark));
  drawAll(scheme.matches);
  for (const query of [scheme, narrow]) query.addEventListener("change", () => drawAll(scheme.matches));
  addEventListener("beforeprint", () => drawAll(false));
  addEventListener("afterprint", () => drawAll(scheme.matches));

  for (const group of document.querySelectorAll(".views")) {
    group.hidden = false;
    const plot = document.getElementById(group.dataset.for);
    const buttons = [...group.querySelectorAll("button")];
    buttons.forEach((button, i) => button.addEventListener("click", () => {
      shown.set(plot.id, i);
      buttons.forEach((other, j) => other.setAttribute("aria-pressed", String(i === j)));
      draw(plot, scheme.matches);
    }));
  }

  const compare = (a, b) => {
    if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
    const numbers = [Number(a), Number(b)];
    return numbers.some(Number.isNaN) ? a.localeCompare(b, "en") : numbers[0] - numbers[1];
  };

  for (const table of document.querySelectorAll("table.tools")) {
    const body = table.tBodies[0];
    const rows = [...body.rows];
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const key = (row) => row.cells[column].dataset.sort;
        const sign = down ? -1 : 1;
        // Rows without a value stay last in both directions.
        rows.sort((a, b) => (key(a) && key(b) ? sign : 1) * compare(key(a), key(b)));
        body.append(...rows);
      });
    });
    const bar = document.createElement("div");
    bar.className = "filter";
    const label = document.createElement("label");
    const input = document.createElement("input");
    const status = document.createElement("span");
    input.type = "search";
    input.placeholder = "for example: front, or linear";
    label.append("Filter ", input);
    status.setAttribute("role", "status");
    bar.append(label, status);
    table.closest(".scroll").before(bar);
    const filter = () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const row of rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
      }
      status.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} rows`;
    };
    input.addEventListener("input", filter);
    filter();
  }
})();
