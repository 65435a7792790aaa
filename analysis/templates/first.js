"use strict";
// Before anything is painted: the reader's choice of light or dark, so that the page does not flash.
try {
  const chosen = localStorage.getItem("spinetune-scheme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.scheme = chosen;
} catch {
  // The browser stores nothing: the system decides.
}
