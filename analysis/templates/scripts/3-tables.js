// Tables: sorting, filtering, and rows that pick their trial.

const SHOWN = 500; // rows of a long table that are shown before the reader asks for all

const compare = (a, b) => {
  if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
  const numbers = [Number(a), Number(b)];
  return numbers.some(Number.isNaN) ? a.localeCompare(b, "en") : numbers[0] - numbers[1];
};

const element = (name, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};

// One row of a table is in the tab order; the arrows move between rows, Enter picks.
const isTrialRow = (row) => row && row.dataset.trial !== undefined && !row.hidden;
const tabStop = (body, wanted = null) => {
  const before = body.querySelector("tr[tabindex='0']");
  const row = wanted || (isTrialRow(before) ? before : [...body.rows].find(isTrialRow));
  if (before && before !== row) before.tabIndex = -1;
  if (row) row.tabIndex = 0;
};

const setUpTable = (table, key) => {
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const words = new Map(); // the text of a row in lower case: read once
  const heads = [...table.tHead.rows[0].cells];
  const kept = { filter: "", column: null, down: false, whole: false, ...remembered.tables[key] };
  const keep = () => remember({ tables: { ...remembered.tables, [key]: kept } });

  const input = element("input", { type: "search", placeholder: "for example: front, or linear", value: kept.filter });
  const status = element("span");
  const more = element("button", { type: "button", className: "plain" });
  status.setAttribute("role", "status");
  table.closest(".scroll").before(element("div", { className: "filter" },
    element("label", {}, "Filter ", input), status, more,
    element("span", { className: "hint", textContent: "A click or Enter on a row picks its trial." })));

  const filter = () => {
    const wanted = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const textOfRow = (row) => {
      if (!words.has(row)) words.set(row, row.textContent.toLowerCase());
      return words.get(row);
    };
    let found = 0;
    for (const row of rows) {
      const matches = wanted.every((word) => textOfRow(row).includes(word));
      row.hidden = !matches || !kept.whole && found >= SHOWN;
      found += matches;
    }
    status.textContent = `${found} of ${rows.length} rows`;
    more.hidden = found <= SHOWN;
    more.textContent = kept.whole ? `Show ${SHOWN}` : `Show all ${found}`;
    tabStop(body);
  };
  const sort = () => {
    if (kept.column === null || kept.column >= heads.length) return;
    heads.forEach((head) => head.removeAttribute("aria-sort"));
    heads[kept.column].setAttribute("aria-sort", kept.down ? "descending" : "ascending");
    const sign = kept.down ? -1 : 1;
    const keys = new Map(rows.map((row) => [row, row.cells[kept.column].dataset.sort]));
    // Rows without a value stay last in both directions.
    rows.sort((a, b) => {
      const [left, right] = [keys.get(a), keys.get(b)];
      return (left !== undefined && right !== undefined ? sign : 1) * compare(left, right);
    });
    body.append(...rows);
  };

  heads.forEach((head, column) => {
    const button = element("button", { type: "button", textContent: head.textContent });
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      kept.down = head.getAttribute("aria-sort") === "ascending";
      kept.column = column;
      sort();
      filter();
      keep();
    });
  });
  input.addEventListener("input", () => {
    kept.filter = input.value;
    filter();
    keep();
  });
  more.addEventListener("click", () => {
    kept.whole = !kept.whole;
    filter();
    keep();
  });
  sort();
  filter();
};

const steps = {
  ArrowDown: (row) => row.nextElementSibling, ArrowUp: (row) => row.previousElementSibling,
};
const focusRow = (row, options) => {
  tabStop(row.parentElement, row);
  row.focus(options);
};
const setUpRows = () => {
  for (const body of all("tbody")) {
    if (!body.querySelector("tr[data-trial]")) continue;
    tabStop(body);
    body.addEventListener("click", (event) => {
      const row = event.target.closest("tr");
      if (isTrialRow(row) && getSelection().isCollapsed && !event.target.closest("a, button")) pick(Number(row.dataset.trial));
    });
    body.addEventListener("keydown", (event) => {
      const row = event.target;
      if (!isTrialRow(row)) return;
      if (event.key === "Enter" || event.key === " ") pick(Number(row.dataset.trial));
      else if (event.key in steps) {
        let next = steps[event.key](row);
        while (next && !isTrialRow(next)) next = steps[event.key](next);
        if (next) focusRow(next);
      } else return;
      event.preventDefault();
    });
  }
};

const setUpTables = () => {
  all("table.tools").forEach((table, key) => {
    if (table.dataset.whole && "DecompressionStream" in window) setUpLongTable(table, key);
    else setUpTable(table, key);
  });
  setUpRows();
};
