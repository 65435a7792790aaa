// Light and dark, and the contents that say where the reader is.

// The reader's choice holds for all reports; a browser may refuse to store it. first.js reads it.
const storeScheme = (name) => {
  try {
    if (name) localStorage.setItem("spinetune-scheme", name);
    else localStorage.removeItem("spinetune-scheme");
  } catch {
    // Then it holds for this page.
  }
};

const SCHEMES = { "": "Theme: system", light: "Theme: light", dark: "Theme: dark" };

const setUpScheme = () => {
  const root = document.documentElement;
  const button = byId("scheme");
  const show = () => { button.textContent = SCHEMES[root.dataset.scheme || ""]; };
  show();
  button.hidden = false;
  button.addEventListener("click", () => {
    const names = Object.keys(SCHEMES);
    const next = names[(names.indexOf(root.dataset.scheme || "") + 1) % names.length];
    if (next) root.dataset.scheme = next;
    else delete root.dataset.scheme;
    storeScheme(next);
    show();
    drawAll();
  });
};

const setUpContents = () => {
  const links = new Map(all("nav a").map((link) => [link.hash.slice(1), link]));
  const seen = new Set();
  let current = null;
  const watcher = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) seen[isIntersecting ? "add" : "delete"](target.id);
    const link = [...links].find(([id]) => seen.has(id))?.[1];
    if (!link || link === current) return;
    if (current) current.removeAttribute("aria-current");
    link.setAttribute("aria-current", "location");
    current = link;
    const strip = link.closest("ol"); // a strip on narrow screens: keep the link in sight, never move the page
    strip.scrollLeft = link.offsetLeft - strip.offsetLeft - (strip.clientWidth - link.clientWidth) / 2;
  }, { rootMargin: "-15% 0px -70% 0px" });
  all("main > section").forEach((section) => watcher.observe(section));
};
