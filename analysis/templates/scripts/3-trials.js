// Long tables: all rows are kept by columns and drawn a page at a time, so that 10,000 of them stay quick.

const PAGE = 50; // rows that are drawn at once
const longTables = [];

// As text.py writes numbers, so that the page and its plain tables say the same.
const grouped = (digits) => digits.replace(/\B(?=(\d{3})+$)/g, ",");
const plainNumber = (value) => {
  if (Number.isInteger(value)) return grouped(String(Math.abs(value)));
  const size = Math.abs(value);
  if (size >= 1000) return grouped(size.toFixed(0));
  if (size < 1e-4) return size.toExponential(2).replace(/\.?0+e/, "e").replace(/e([+-])(\d)$/, "e$10$2");
  return String(Number(size.toPrecision(3)));
};
// One digit, and ties to the even one, as Python has it: of decimals, only odd quarters are ties in binary.
const tenths = (value) => {
  const tie = Number.isInteger(4 * value) && !Number.isInteger(2 * value);
  return tie ? (2 * Math.round(5 * value) / 10).toFixed(1) : value.toFixed(1);
};
const spaced = (value, unit) => `${tenths(value)}\u00a0${unit}`;
const seconds = (value) => {
  if (value < 120) return spaced(value, "s");
  return value < 7200 ? spaced(value / 60, "min") : spaced(value / 3600, "h");
};
const written = (column, row) => {
  const value = column.values[row];
  if (value === null) return "\u2013";
  if (column.texts) return column.texts[value];
  const sign = value < 0 ? "\u2212" : "";
  if (column.trials) return String(value);
  if (column.unit === "fraction") return sign + spaced(100 * Math.abs(value), "%");
  return sign + (column.unit === "s" ? seconds(Math.abs(value)) : plainNumber(value));
};

// "linear sparsity>95": words that stand anywhere in a row, and columns compared with a number as it is shown.
const plainLabel = (label) => label.toLowerCase().replace(/[^a-z0-9]/g, "");
const RELATIONS = {
  "<": (a, b) => a < b, ">": (a, b) => a > b, "<=": (a, b) => a <= b, ">=": (a, b) => a >= b, "=": (a, b) => a === b,
};
const condition = (word, columns, textOf) => {
  const parts = /^([^<>=]+)(<=|>=|<|>|=)(-?\d*\.?\d+)%?$/.exec(word);
  const name = parts && plainLabel(parts[1]);
  const named = name && (columns.find(({ label, texts }) => !texts && plainLabel(label) === name)
    || columns.find(({ label, texts }) => !texts && plainLabel(label).includes(name)));
  if (!named) return (row) => textOf(row).includes(word);
  const limit = Number(parts[3]) / (named.unit === "fraction" ? 100 : 1);
  return (row) => named.values[row] !== null && RELATIONS[parts[2]](named.values[row], limit);
};

const setUpLongTable = async (table, key) => {
  const kept = { filter: "", column: null, down: false, page: 0, hidden: null, ...remembered.tables[key] };
  const keep = () => remember({ tables: { ...remembered.tables, [key]: kept } });
  const plainRows = [...table.tBodies[0].rows];
  plainRows.forEach((row, i) => { row.hidden = i >= PAGE; }); // the page has its final length at once

  const input = element("input", { type: "search", placeholder: "for example: linear sparsity>95", value: kept.filter });
  const status = element("span");
  status.setAttribute("role", "status");
  const choice = element("details", { className: "columns" });
  const turn = (text, label, by) => {
    const button = element("button", { type: "button", className: "plain", textContent: text });
    button.setAttribute("aria-label", label);
    button.addEventListener("click", () => { show(kept.page + by); });
    return button;
  };
  const back = turn("\u2190", "Previous rows", -1), on = turn("\u2192", "Next rows", 1);
  const where = element("span");
  const filterBar = element("div", { className: "filter" }, element("label", {}, "Filter ", input), status,
    element("span", { className: "turn" }, back, where, on), choice);
  table.closest(".scroll").before(filterBar);

  const whole = await load(table.dataset.whole);
  const { columns } = whole;
  const hidden = new Set(kept.hidden ?? whole.hidden);
  const texts = new Map();
  const textOf = (row) => {
    if (!texts.has(row)) texts.set(row, columns.map((column) => written(column, row)).join("\n").toLowerCase());
    return texts.get(row);
  };
  const every = Array.from({ length: whole.rows }, (_, row) => row);
  let sorted = every, found = every;

  const cell = (column, row) => {
    const value = column.values[row];
    const long = column.texts && value !== null && column.texts[value].length > 60;
    const made = element("td", { className: column.texts ? (long ? "" : "named") : "number" });
    if (value !== null) made.dataset.sort = value;
    if (column.colors && value !== null) {
      const dot = element("i", { className: "swatch" });
      dot.style.setProperty("--light", column.colors[value]);
      dot.style.setProperty("--dark", palette[column.colors[value]] || column.colors[value]);
      made.append(dot);
    }
    made.append(written(column, row));
    return made;
  };
  const shownColumns = () => columns.filter((_, i) => !hidden.has(i));
  const numbers = columns.find((column) => column.trials);
  const show = (page) => {
    const last = Math.max(0, Math.ceil(found.length / PAGE) - 1);
    kept.page = Math.min(Math.max(0, page), last);
    const from = kept.page * PAGE;
    const shown = shownColumns();
    table.tBodies[0].replaceChildren(...found.slice(from, from + PAGE).map((row, i) => {
      const made = element("tr", {}, ...shown.map((column) => cell(column, row)));
      if (numbers) {
        made.dataset.trial = numbers.values[row];
        made.tabIndex = i ? -1 : 0;
      }
      return made;
    }));
    status.textContent = `${grouped(String(found.length))} of ${grouped(String(whole.rows))} rows`;
    where.textContent = found.length ? [from + 1, Math.min(from + PAGE, found.length)].map((at) => grouped(String(at))).join("\u2013") : "none";
    back.disabled = kept.page === 0;
    on.disabled = kept.page === last;
    mark(remembered.picked);
    keep();
  };
  const filter = (page = 0) => {
    const wanted = input.value.toLowerCase().split(/\s+/).filter(Boolean).map((word) => condition(word, columns, textOf));
    kept.filter = input.value;
    found = wanted.length ? sorted.filter((row) => wanted.every((holds) => holds(row))) : sorted;
    show(page);
  };
  const sort = () => {
    const column = columns[kept.column];
    if (!column) return;
    const sign = kept.down ? -1 : 1;
    const { values } = column;
    // Rows without a value stay last in both directions; equal ones in the order of their numbers.
    sorted = [...every].sort((a, b) => (values[a] === null || values[b] === null
      ? (values[a] === null) - (values[b] === null) : sign * (values[a] - values[b])) || a - b);
  };
  const head = () => table.tHead.replaceChildren(element("tr", {}, ...columns.flatMap((column, i) => {
    if (hidden.has(i)) return [];
    const button = element("button", { type: "button", textContent: column.label });
    const made = element("th", { scope: "col", className: column.texts ? "" : "number" }, button);
    if (kept.column === i) made.setAttribute("aria-sort", kept.down ? "descending" : "ascending");
    button.addEventListener("click", () => {
      kept.down = kept.column === i && !kept.down;
      kept.column = i;
      sort();
      head();
      filter();
      all("th button", table)[shownColumns().indexOf(column)].focus();
    });
    return [made];
  })));
  const tell = () => { choice.firstChild.textContent = `Columns: ${columns.length - hidden.size} of ${columns.length}`; };
  choice.append(element("summary"), element("div", {}, ...columns.map(({ label }, i) => {
    const box = element("input", { type: "checkbox", checked: !hidden.has(i) });
    box.addEventListener("change", () => {
      hidden[box.checked ? "delete" : "add"](i);
      kept.hidden = [...hidden];
      tell();
      head();
      show(kept.page);
    });
    return element("label", {}, box, ` ${label}`);
  })));

  longTables.push({
    showTrial(number) {
      const row = numbers ? numbers.values.indexOf(number) : -1;
      if (row < 0) return;
      if (!found.includes(row)) {
        input.value = "";
        filter();
      }
      show(Math.floor(found.indexOf(row) / PAGE));
    },
  });
  input.addEventListener("input", () => filter());
  if (table.caption) table.caption.textContent = whole.caption;
  tell();
  head();
  sort();
  filter(kept.page);
};
