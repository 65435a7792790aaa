// The order of things: what can be read and used first, then the figures.

const withoutFigures = () => {
  // A browser from before 2023 cannot unpack: it gets what a reader without scripts gets.
  for (const fallback of all("noscript")) {
    const { head, body } = new DOMParser().parseFromString(fallback.textContent, "text/html");
    fallback.replaceWith(...head.childNodes, ...body.childNodes);
  }
};

const start = async () => {
  const began = performance.now();
  setUpScheme();
  setUpTables();
  setUpPicking();
  setUpViews();
  setUpContents();
  restorePlace();
  if (!("DecompressionStream" in window)) {
    withoutFigures();
    return;
  }
  setUpDownloads();
  await setUpFigures();
  showBar(remembered.picked); // now it is known which trials have curves
  document.documentElement.dataset.ready = "true";
  setUpLive(performance.now() - began);
};
start();
