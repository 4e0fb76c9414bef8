// The figures: drawn by Vega when they come into view, without eval, and again when the theme, the
// width or the axis changes.
const WIDE = 1500; // runs beyond which a canvas is faster than one element a mark
const PAPER = 660; // pixels of a figure on A4
const AXIS = 58; // pixels beside a small multiple, until it is known how many there are
let interpreter = null;
let printing = false;

const figures = data.figures.map((figure) => {
  const box = document.querySelector(`#${CSS.escape("figure-" + figure.name)} .chart`);
  return { ...figure, box, view: null, near: false, axis: "", beside: AXIS, width: 0, rows: null };
});

// Vega's interpreter is no name of the bundle: Vega-Embed hands it to the view that it makes.
async function findInterpreter() {
  class Probe extends vega.View {
    constructor(runtime, options) {
      super(runtime, options);
      interpreter = options.expr;
    }
  }
  const mark = { mark: "point", data: { values: [] } };
  const result = await vegaEmbed(document.createElement("div"), mark, {
    ast: true, actions: false, defaultStyle: false, viewClass: Probe });
  result.finalize();
}

function panels(figure, width) {
  const count = figure.spec.concat.length;
  return Math.min(count, width < 560 ? 1 : width < 860 || count === 4 || count === 2 ? 2 : 3);
}

function specification(figure, width) {
  const variant = (figure.variants || {})[figure.axis];
  const spec = structuredClone(variant || figure.spec);
  if (variant) { spec.datasets = figure.spec.datasets; }
  if (spec.concat) {
    spec.columns = panels(figure, width);
    const each = Math.floor(width / spec.columns - figure.beside);
    spec.concat.forEach((view) => { view.width = Math.max(each, 90); });
  } else if (spec.width === "container") {
    spec.width = width;
    spec.autosize = { type: "fit-x", contains: "padding" };
  }
  return spec;
}

function runsData(rows) {
  const names = data.runs.fields;
  return rows.map((run) => {
    const made = {};
    names.forEach((name) => { made[name] = columns[name][run]; });
    return made;
  });
}

function makeView(figure, width) {
  const theme = themeIsDark() && !printing ? "dark" : "light";
  const config = { ...data.config[theme], aria: false };
  const compiled = vegaLite.compile(specification(figure, width), { config }).spec;
  const view = new vega.View(vega.parse(compiled, null, { ast: true }), {
    expr: interpreter,
    logLevel: vega.Error,
    renderer: total > WIDE && figure.follows === "run" ? "canvas" : "svg",
    tooltip: (handler, event, item, value) => showTooltip(event, value),
  });
  figure.names = new Set((compiled.signals || []).map((signal) => signal.name));
  figure.sources = new Set((compiled.data || []).map((source) => source.name));
  return view;
}

// Axes and legends take room beside small multiples; how much is known when they are drawn.
function overhang(figure, view, width) {
  if (!figure.spec.concat) { return 0; }
  const drawn = view.container().firstElementChild.getBoundingClientRect().width;
  return (drawn - width) / panels(figure, width);
}

function draw(figure) {
  const width = printing ? PAPER : Math.floor(figure.box.clientWidth);
  if (!width || !interpreter) { return; }
  erase(figure);
  try {
    start(figure, makeView(figure, width));
    const over = overhang(figure, figure.view, width);
    if (Math.abs(over) > 1) {
      figure.beside += over;
      erase(figure);
      start(figure, makeView(figure, width));
    }
  } catch (error) {
    figure.box.textContent = fill(labels.failed, { reason: error.message });
  }
  figure.width = width;
}

function start(figure, view) {
  const all = runsWithout(figure.name);
  figure.view = view;
  figure.rows = all;
  if (figure.sources.has("runs")) { view.data("runs", runsData(follows(figure, all))); }
  if (figure.names.has("selected")) { view.signal("selected", methodsLeft(runsWithout(null))); }
  figure.box.textContent = "";
  view.initialize(figure.box).hover().run();
  listen(figure, view);
  figure.box.dataset.drawn = "true";
}

function follows(figure, rows) {
  return figure.follows === "run" ? rows : Array.from({ length: total }, (_, run) => run);
}

function erase(figure) {
  if (figure.view) { figure.view.finalize(); }
  figure.view = null;
}

function listen(figure, view) {
  if (figure.names.has("brush")) {
    view.addSignalListener("brush", (name, value) => brushed(figure, value));
  }
  if (figure.names.has("methods")) {
    view.addSignalListener("methods", (name, value) => {
      chosen.methods = new Set((value && value.optimizer) || []);
      changed(figure.name);
    });
  }
  view.addEventListener("click", (event, item) => {
    const run = item && item.datum ? item.datum.run : undefined;
    if (Number.isInteger(run)) { openRun(run); }
  });
}

function within(value, range) {
  if (typeof range[0] !== "number") { return range.includes(value); }
  return value !== null && value >= Math.min(...range) && value <= Math.max(...range);
}

// The runs under a brush: those whose every brushed field lies in its range.
function brushed(figure, value) {
  const fields = Object.entries(value || {}).map(([name, range]) => [plain(name), range]);
  const ranges = fields.filter(([name, range]) => columns[name] && range.length);
  if (!ranges.length) {
    if (chosen.brushes.delete(figure.name)) { changed(figure.name); }
    return;
  }
  const found = new Set();
  for (let run = 0; run < total; run += 1) {
    if (ranges.every(([name, range]) => within(columns[name][run], range))) { found.add(run); }
  }
  chosen.brushes.set(figure.name, found);
  changed(figure.name);
}

function plain(name) {
  return name.replace(/\\/g, "");
}

function openRun(run) {
  const link = linkOf(run);
  if (!link) { return; }
  const opened = window.open(link, "_blank");
  if (opened) { opened.opener = null; return; }
  const place = document.getElementById("blocked");
  place.textContent = fill(labels.blocked, { link });
}

function same(a, b) {
  return a && a.length === b.length && a.every((run, i) => run === b[i]);
}

function refresh(figure, runs) {
  if (!figure.view || !figure.near) { figure.stale = true; return; }
  const rows = runsWithout(figure.name);
  if (figure.names.has("selected")) { figure.view.signal("selected", methodsLeft(runs)); }
  if (figure.sources.has("runs") && figure.follows === "run" && !same(figure.rows, rows)) {
    figure.view.data("runs", runsData(rows));
  }
  figure.rows = rows;
  figure.stale = false;
  figure.view.run();
}

function update(runs, source) {
  figures.forEach((figure) => {
    const own = figure.names && (figure.names.has("brush") || figure.names.has("methods"));
    // What was brushed or clicked in a legend is let go by drawing anew.
    if (source === "clear" && own && figure.view) { draw(figure); } else { refresh(figure, runs); }
  });
}

function drawIfNear(figure) {
  if (!figure.near) { return; }
  const width = Math.floor(figure.box.clientWidth);
  if (!figure.view || Math.abs(width - figure.width) > 2) { draw(figure); }
  else if (figure.stale) { refresh(figure, runsWithout(null)); }
}

function redrawAll() {
  figures.forEach((figure) => { erase(figure); });
  figures.forEach(drawIfNear);
}

function watchFigures() {
  const watcher = new IntersectionObserver((entries) => {
    entries.forEach((entry) => {
      const figure = figures.find((each) => each.box === entry.target);
      figure.near = entry.isIntersecting;
      drawIfNear(figure);
    });
  }, { rootMargin: "500px" });
  figures.forEach((figure) => watcher.observe(figure.box));
  let waiting = 0;
  window.addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => figures.forEach(drawIfNear), 150);
  });
}
