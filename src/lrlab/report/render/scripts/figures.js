// The figures: drawn by Vega when they come into view, without eval, and again when the theme, the
// width or the axis changes.
const WIDE = 1500; // runs beyond which a canvas is faster than one element a mark
const PAPER = 660; // pixels of a figure on A4
const AXIS = 64; // pixels beside a small multiple, until it is known how many there are
let printing = false;
let drawing = false;
const queue = new Set();

const figures = data.figures.map((figure) => {
  const box = document.querySelector(`#${CSS.escape("figure-" + figure.name)} .chart`);
  return { ...figure, box, view: null, near: false, axis: "", beside: AXIS, width: 0, rows: null };
});

function panels(figure, width) {
  const count = (figure.spec.concat || [0]).length;
  if (printing && count === 3) { return 3; }
  return Math.min(count, width < 560 ? 1 : width < 860 || count === 4 || count === 2 ? 2 : 3);
}

// Pixels of each view without its axes.
function inner(figure, width) {
  return Math.max(90, Math.floor(width / panels(figure, width) - figure.beside));
}

function isFixed(height) {
  return typeof height === "number";
}

function specification(figure, width) {
  const variant = (figure.variants || {})[figure.axis];
  const spec = structuredClone(variant || figure.spec);
  if (variant) { spec.datasets = figure.spec.datasets; }
  if (spec.concat) {
    spec.columns = panels(figure, width);
    spec.concat.forEach((view) => { view.width = inner(figure, width); });
  } else if (spec.width === "container" && isFixed(spec.height)) {
    spec.width = width;
    spec.autosize = { type: "fit-x", contains: "padding" };
  } else if (spec.width === "container") {
    spec.width = inner(figure, width);
  }
  figure.rows = runsWithout(figure.name);
  if (data.runs.fields.length) {
    spec.datasets = { ...spec.datasets, runs: runsData(figure, follows(figure, figure.rows)) };
  }
  (spec.params || []).forEach((param) => {
    if (param.name === "selected") { param.value = methodsLeft(runsWithout(null)); }
  });
  return spec;
}

// Runs as a figure draws them; those that its own brush leaves out are faded.
function runsData(figure, rows) {
  const names = data.runs.fields;
  const own = figure.own = chosen.brushes.get(figure.name);
  return rows.map((run) => {
    const made = own && !own.has(run) ? { faded: true } : {};
    names.forEach((name) => { made[name] = columns[name][run]; });
    return made;
  });
}

// Everything awaited here is at hand, so that a whole figure stands before the browser goes on to
// print the page.
async function draw(figure) {
  const width = printing ? PAPER : Math.floor(figure.box.clientWidth);
  if (!width) { return; }
  erase(figure);
  const turn = figure.turn = (figure.turn || 0) + 1;
  figure.width = width;
  try {
    const made = await vegaEmbed(figure.box, specification(figure, width), options(figure));
    if (turn !== figure.turn) { made.finalize(); return; }
    figure.view = made.view;
    figure.end = made.finalize;
    await fit(figure, width);
    if (turn !== figure.turn) { return; }
    listen(figure, made.view);
    figure.box.dataset.drawn = "true";
    edges.get(figure.box.closest(".scroll")).observe(figure.box.querySelector("svg, canvas"));
  } catch (error) {
    figure.box.textContent = fill(labels.failed, { reason: error.message });
  }
}

function options(figure) {
  const theme = themeIsDark() && !printing ? "dark" : "light";
  return {
    mode: "vega-lite",
    ast: true,
    actions: false,
    defaultStyle: false,
    logLevel: 1, // errors
    config: configuration(data.config[theme], figure),
    renderer: total > WIDE && figure.follows === "run" ? "canvas" : "svg",
    tooltip: (handler, event, item, value) => showTooltip(event, value),
    patch: (compiled) => {
      figure.names = new Set((compiled.signals || []).map((signal) => signal.name));
      return compiled;
    },
  };
}

// Legends in as many columns as there is room for.
function configuration(theme, figure) {
  const longest = Math.max(6, ...data.methods.map((method) => method.name.length));
  const count = Math.floor((figure.width - AXIS) / (Math.min(longest, 20) * 7 + 44));
  const legend = { ...theme.legend, columns: Math.max(1, count) };
  const padding = { left: 0, top: 4, bottom: 4, right: 9 }; // marks stand out at the right
  return { ...theme, aria: false, padding, legend };
}

function drawnWidth(figure) {
  return figure.box.querySelector("svg, canvas").getBoundingClientRect().width;
}

// Axes take room beside small multiples and beside rows of fixed height; how much is known when
// they are drawn. What is narrower has other labels, so it may take a second turn.
async function fit(figure, width) {
  const spec = figure.spec;
  if (spec.width === "container" && isFixed(spec.height)) { return; }
  for (let turn = 0; turn < 2; turn += 1) {
    const over = (drawnWidth(figure) - width) / panels(figure, width);
    const loose = spec.concat || spec.width === "container" ? -8 : -Infinity;
    if (over <= 0 && over > loose) { return; }
    figure.beside += Math.ceil(over) + 2;
    // In a single column the views' width is that of the whole.
    if (panels(figure, width) === 1) { figure.view.width(inner(figure, width)); }
    figure.names.forEach((name) => {
      if (/^(childWidth|concat_\d+_width)$/.test(name)) {
        figure.view.signal(name, inner(figure, width));
      }
    });
    await figure.view.resize().runAsync();
  }
}

function follows(figure, rows) {
  return figure.follows === "run" ? rows : Array.from({ length: total }, (_, run) => run);
}

function erase(figure) {
  if (figure.view) { figure.end(); }
  figure.view = null;
}

function listen(figure, view) {
  if (figure.names.has("brush")) {
    view.addSignalListener("brush", (name, value) => brushed(figure, value));
  }
  if (figure.names.has("methods")) {
    view.addSignalListener("methods", (name, value) => {
      chosen.methods = new Set((value && value.optimizer) || []);
      changed();
    });
  }
  watchLines(figure, view);
  view.addEventListener("click", (event, item) => {
    const own = item && item.datum ? item.datum.run : undefined;
    const run = own === undefined ? figure.line : own;
    // The end of a drag is a click, too, but not one that asks for a page.
    const moved = Math.hypot(event.clientX - figure.from[0], event.clientY - figure.from[1]);
    if (Number.isInteger(run) && moved < 5) { openRun(run); }
  });
}

function within(value, range) {
  if (typeof range[0] !== "number") { return range.includes(value); }
  return value !== null && value >= Math.min(...range) && value <= Math.max(...range);
}

// Where a value stands on an axis of the parallel coordinates, as the figure computes it.
function placeOf(axis, value) {
  if (value === null || value === undefined) { return axis.none; }
  if (axis.names) { return (axis.names.indexOf(String(value)) + 0.5) / axis.names.length; }
  const straight = {
    linear: (number) => number,
    log: (number) => Math.log10(number),
    symlog: (number) => Math.sign(number) * Math.log1p(Math.abs(number) / axis.smallest),
  }[axis.kind];
  const held = Math.min(Math.max(value, axis.low), axis.high);
  return (straight(held) - straight(axis.low)) / (straight(axis.high) - straight(axis.low) || 1);
}

// What a brush asks of a run, a test each: of the axes under it, or of the fields along it.
function testsOf(figure, value) {
  const axes = (figure.spec.usermeta || {}).axes;
  if (!axes) {
    const fields = Object.entries(value).map(([name, range]) => [columns[plain(name)], range]);
    return fields.filter(([column, range]) => column && range.length)
      .map(([column, range]) => (run) => within(column[run], range));
  }
  if (!value.axis || !value.place) { return []; }
  return axes.filter((axis, i) => columns[axis.field] && within(i, value.axis))
    .map((axis) => (run) => within(placeOf(axis, columns[axis.field][run]), value.place));
}

// The runs under a brush: those that pass every test.
function brushed(figure, value) {
  const tests = testsOf(figure, value || {});
  if (!tests.length) {
    if (chosen.brushes.delete(figure.name)) { changed(); }
    return;
  }
  const found = new Set();
  for (let run = 0; run < total; run += 1) {
    if (tests.every((test) => test(run))) { found.add(run); }
  }
  chosen.brushes.set(figure.name, found);
  changed();
}

function plain(name) {
  return name.replace(/\\/g, "");
}

function same(a, b) {
  return a && a.length === b.length && a.every((run, i) => run === b[i]);
}

function refresh(figure, runs) {
  if (!figure.view) { return; }
  figure.box.dataset.drawn = String(figure.near);
  if (!figure.near) { return; }
  const rows = runsWithout(figure.name);
  const methods = methodsLeft(runs);
  const other = figure.follows === "run"
    && (!same(figure.rows, rows) || figure.own !== chosen.brushes.get(figure.name));
  if (figure.names.has("selected") && !same(figure.view.signal("selected"), methods)) {
    figure.view.signal("selected", methods);
  } else if (!other) {
    return;
  }
  if (other) { figure.view.data("runs", runsData(figure, rows)); }
  figure.rows = rows;
  figure.view.run();
}

function update(runs, all) {
  figures.forEach((figure) => {
    const note = document.querySelector(`#${CSS.escape("figure-" + figure.name)} .stays`);
    if (note) { note.classList.toggle("shown", staysBehind(figure.follows)); }
    const own = figure.names && (figure.names.has("brush") || figure.names.has("methods"));
    // What was brushed or clicked in a legend is let go by drawing anew.
    if (all && own && figure.view) { draw(figure); } else { refresh(figure, runs); }
  });
}

function drawIfNear(figure) {
  if (!figure.near) { return; }
  const width = Math.floor(figure.box.clientWidth);
  if (!figure.view || Math.abs(width - figure.width) > 2) { queue.add(figure); drawNext(); }
  else if (figure.box.dataset.drawn === "false") { refresh(figure, runsWithout(null)); }
}

// One after another, so that each is seen as soon as it is drawn.
async function drawNext() {
  if (drawing || !queue.size) { return; }
  drawing = true;
  const next = figures.find((figure) => queue.has(figure));
  queue.delete(next);
  await draw(next);
  drawing = false;
  setTimeout(drawNext, 0);
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
  figures.forEach((figure) => {
    watcher.observe(figure.box);
    figure.from = [0, 0];
    figure.box.addEventListener("pointerdown", (event) => {
      figure.from = [event.clientX, event.clientY];
    }, true);
  });
  let waiting = 0;
  window.addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => figures.forEach(drawIfNear), 150);
  });
}
