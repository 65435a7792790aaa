// One trial can be picked: it is marked in every figure and table, its curves are drawn, a bar tells its numbers.

const bar = byId("picked");
let rowsOfTrials = null; // number -> row of the table of trials

const shownValue = (value, unit) => {
  if (value === null || value === undefined) return "\u2013";
  if (unit === "fraction") return `${(100 * value).toFixed(1)}\u00a0%`;
  return value.toLocaleString("en", { maximumSignificantDigits: 4 });
};

const describe = async (number) => {
  const parts = [];
  if (byId("trials-file")) {
    const file = await tableFile("trials");
    const get = (name) => {
      const entry = file.layout.find((one) => one.name === name);
      return entry ? column(file, entry) : [];
    };
    rowsOfTrials ??= {
      at: new Map(get("number").map((one, i) => [one, i])), scheduler: get("scheduler"), outcome: get("outcome"),
      shown: facts.shown.map(({ name }) => get(name)),
    };
    const at = rowsOfTrials.at.get(number);
    if (at === undefined) return "";
    parts.push(facts.schedules[rowsOfTrials.scheduler[at]] || rowsOfTrials.scheduler[at], rowsOfTrials.outcome[at]);
    facts.shown.forEach(({ label, unit }, i) => {
      const value = rowsOfTrials.shown[i][at];
      if (value !== null) parts.push(`${label} ${shownValue(value, unit)}`);
    });
  }
  return parts.join(" \u00b7 ");
};

const mark = (number) => {
  for (const row of all("tr.picked")) {
    row.classList.remove("picked");
    row.removeAttribute("aria-current");
  }
  if (number === null) return;
  for (const row of all(`tr[data-trial="${number}"]`)) {
    row.classList.add("picked");
    row.setAttribute("aria-current", "true");
  }
};

const showBar = async (number) => {
  bar.hidden = number === null;
  document.body.classList.toggle("with-bar", number !== null);
  if (number === null) return;
  byId("picked-number").textContent = `Trial ${number}`;
  const told = await describe(number);
  if (remembered.picked !== number) return;
  byId("picked-numbers").textContent = told;
  const drawn = curves && number in curves.trials;
  byId("picked-curves").textContent = drawn ? "Curves" : "No curves here";
  byId("picked-curves").disabled = !drawn;
  byId("picked-row").disabled = !longTables.length && !all(`#trials tr[data-trial="${number}"]`).length;
};

const exists = (number) => facts.numbers.some(([first, last]) => first <= number && number <= last);

const pick = (number) => {
  if (number === remembered.picked || number !== null && !exists(number)) return;
  remember({ picked: number });
  mark(number);
  showBar(number);
  redraw();
};

// The next trial of the front; from a trial off the front, its first or last.
const step = (by) => {
  const { front } = facts;
  const at = front.indexOf(remembered.picked);
  pick(front[at < 0 ? (by > 0 ? 0 : front.length - 1) : (at + by + front.length) % front.length]);
};

const bringIntoView = (target) => {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  target.scrollIntoView({ block: "center", behavior: still ? "auto" : "smooth" });
};

const setUpPicking = () => {
  if (remembered.picked !== null && !exists(remembered.picked)) remember({ picked: null });
  byId("picked-previous").addEventListener("click", () => step(-1));
  byId("picked-next").addEventListener("click", () => step(1));
  for (const id of ["picked-previous", "picked-next"]) byId(id).disabled = facts.front.length === 0;
  byId("picked-clear").addEventListener("click", () => pick(null));
  byId("picked-row").addEventListener("click", () => {
    for (const long of longTables) long.showTrial(remembered.picked);
    const row = all(`#trials tr[data-trial="${remembered.picked}"]`)[0];
    if (!row) return;
    row.hidden = false; // a filter may hide it
    bringIntoView(row);
    focusRow(row, { preventScroll: true });
  });
  byId("picked-curves").addEventListener("click", () => bringIntoView(byId(`${curves.picture}-plot`)));
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.target.closest("input")) pick(null);
  });
  addEventListener("hashchange", () => {
    if (inAddress() !== null) pick(inAddress());
    else remember({});
  });
  mark(remembered.picked);
  showBar(remembered.picked);
};
