// Everything begins here.
let folded = [];

function beforePaper() {
  if (printing) { return; }
  printing = true;
  root.classList.add("printing");
  folded = Array.from(document.querySelectorAll("section > details:not([open])"));
  folded.forEach((part) => { part.open = true; });
  figures.forEach(draw);
}

function afterPaper() {
  if (!printing) { return; }
  printing = false;
  root.classList.remove("printing");
  folded.forEach((part) => { part.open = false; });
  redrawAll();
}

function begin() {
  window.addEventListener("beforeprint", beforePaper);
  window.addEventListener("afterprint", afterPaper);
  window.matchMedia("print").addEventListener("change", (event) => {
    if (event.matches) { beforePaper(); } else { afterPaper(); }
  });
  if (!figures.length) { return; }
  figures.forEach(offerNumbers);
  figures.forEach(offerAxes);
  listeners.push(update);
  watchFigures();
}

foldContents();
offerThemes(redrawAll);
offerFilters();
offerRuns();
followContents();
begin();
