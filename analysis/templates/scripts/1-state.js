// What the page remembers, and how it reads the data that it carries.
// All files of this folder are joined, in the order of their names, into one function in strict mode.

const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const byId = (id) => document.getElementById(id);
const wait = (milliseconds = 0) => new Promise((done) => setTimeout(done, milliseconds));

// The first is ten times as fast, where the browser has it.
const fromBase64 = (text) => (Uint8Array.fromBase64
  ? Uint8Array.fromBase64(text) : Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)));
const unpack = async (text) => {
  const stream = new Blob([fromBase64(text)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
};

// The bytes, the text, or the JSON of a block of data.
const bytesOf = async (id) => unpack(byId(id).textContent);
const textOf = async (id) => {
  const block = byId(id);
  return block.type === "application/gzip" ? new TextDecoder().decode(await bytesOf(id)) : block.textContent;
};
const load = async (id) => JSON.parse(await textOf(id));
const read = (id) => JSON.parse(byId(id).textContent); // small blocks, which are never packed

const facts = read("facts");

// The place of the reader lives in the history entry: it survives a reload and ends with the tab.
// A picked trial stands in the address, too, so that a link can name it.
const inAddress = () => {
  const found = /^#trial=(\d+)$/.exec(location.hash);
  return found ? Number(found[1]) : null;
};
const remembered = { views: {}, zooms: {}, tables: {}, open: [], paused: false, picked: null };
Object.assign(remembered, history.state && history.state.report);
remembered.picked = inAddress() ?? remembered.picked;

const remember = (changes) => {
  Object.assign(remembered, changes);
  let hash = location.hash;
  if (remembered.picked !== null && (hash === "" || inAddress() !== null)) hash = `#trial=${remembered.picked}`;
  if (remembered.picked === null && inAddress() !== null) hash = "";
  try {
    history.replaceState({ report: remembered }, "", hash || location.pathname + location.search);
  } catch {
    // A viewer that shows the file under an opaque address: nothing is remembered, all else works.
  }
};
