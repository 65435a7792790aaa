// While the study runs, the page comes again by itself, and the reader stays where he was.

const QUIET_MS = 4_000, STILL_MS = 60_000, NEWS_S = 900;

// Where the reader is: the section at the top of the window, and how far it is scrolled.
const place = () => {
  const section = all("main > section").findLast((one) => one.getBoundingClientRect().top <= 80);
  return section ? { id: section.id, past: -section.getBoundingClientRect().top } : { id: null, past: scrollY };
};
const goBack = ({ id, past }) => {
  const section = id && byId(id);
  scrollTo({ top: past + (section ? section.getBoundingClientRect().top + scrollY : 0), behavior: "instant" });
};

// Elements that a new page has again: by id, by trial, or by their place among their kind in the section.
const KINDS = "button, summary, input, a, [tabindex]";
const pathOf = (node) => {
  const section = node && node.closest("section, nav, header, aside");
  if (!section || node === document.body) return null;
  const trial = node.dataset.trial;
  const same = all(trial === undefined ? KINDS : `tr[data-trial="${trial}"]`, section);
  return { section: section.id || section.localName, trial, at: same.indexOf(node), selection: node.selectionStart };
};
const focusAgain = (path) => {
  const section = path && (byId(path.section) || document.querySelector(path.section));
  const found = section && all(path.trial === undefined ? KINDS : `tr[data-trial="${path.trial}"]`, section)[path.at];
  if (!found) return;
  found.focus({ preventScroll: true });
  if (typeof path.selection === "number") found.setSelectionRange(path.selection, path.selection);
};

const keepPlace = () => remember({
  place: place(), focus: pathOf(document.activeElement),
  open: all("details").flatMap((one, i) => (one.open ? [one.id || i] : [])),
});

const restorePlace = () => {
  if (!remembered.place) return;
  all("details").forEach((one, i) => { one.open = remembered.open.includes(one.id || i); });
  history.scrollRestoration = "manual"; // the browser's own comes at a time of its choice
  goBack(remembered.place);
  focusAgain(remembered.focus);
};

const watchReader = () => {
  const last = { any: 0, moved: 0 };
  const note = (kinds, key) => kinds.forEach((kind) => addEventListener(kind, () => { last[key] = Date.now(); }, { passive: true, capture: true }));
  note(["keydown", "input", "pointerdown", "wheel", "scroll", "touchmove"], "any");
  note(["pointermove"], "moved");
  return () => {
    const now = Date.now();
    const reading = !getSelection().isCollapsed || document.querySelector(".hoverlayer .hovertext");
    const idle = now - Math.max(last.any, last.moved);
    return idle < QUIET_MS || Boolean(reading) && idle < STILL_MS;
  };
};

const ago = (seconds) => (seconds < 5400 ? `${Math.round(seconds / 60)} minutes` : `${Math.round(seconds / 3600)} hours`);

const setUpLive = (loadedMs) => {
  const state = byId("live");
  addEventListener("pagehide", keepPlace);
  if (!state) return;
  const busy = watchReader();
  const since = Date.now();
  const button = byId("live-pause");
  const show = () => {
    button.textContent = remembered.paused ? "Refresh again" : "Stop refreshing";
    button.hidden = false;
  };
  button.addEventListener("click", () => {
    remember({ paused: !remembered.paused });
    show();
  });
  show();
  setInterval(() => {
    const rest = Math.max(Number(state.dataset.seconds) * 1000, Number(state.dataset.rest) * loadedMs);
    const silence = Date.now() / 1000 - Number(state.dataset.last);
    if (silence > NEWS_S + Number(state.dataset.longest) * 3) {
      byId("live-news").textContent = ` No trial has ended for ${ago(silence)}: if the study was killed, make the report again.`;
    }
    if (remembered.paused || document.hidden || Date.now() - since < rest || busy()) return;
    keepPlace();
    location.reload();
  }, 1000);
};
