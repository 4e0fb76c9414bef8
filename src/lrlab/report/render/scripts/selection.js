// Which runs are selected: those that pass every filter. Figures and tables ask here.
const data = JSON.parse(document.getElementById("data").textContent);
const labels = data.labels;
const total = data.runs.count;

// What is chosen: brushed runs by figure (a Set of run numbers), optimizers (none: all), the rest.
const chosen = { brushes: new Map(), methods: new Set(), form: {} };
const listeners = [];

function columnOf(name) {
  const column = data.runs.columns[name];
  if (!column) { return null; }
  if (column.levels) { column.values = column.codes.map((code) => column.levels[code]); }
  return column.values;
}

const columns = {};
Object.keys(data.runs.columns).forEach((name) => { columns[name] = columnOf(name); });

function linkOf(run) {
  const id = columns.id ? columns.id[run] : null;
  const found = id in data.links.other ? data.links.other[id] : null;
  const link = found || (data.links.prefix && id ? data.links.prefix + id : "");
  return /^https?:\/\//i.test(link) ? link : null;
}

function passesForm(run) {
  const form = chosen.form;
  if (chosen.methods.size && !chosen.methods.has(columns.optimizer[run])) { return false; }
  for (const name of ["sweep", "loss", "outcome"]) {
    if (form[name] && columns[name] && columns[name][run] !== form[name]) { return false; }
  }
  const lr = columns.lr ? columns.lr[run] : null;
  if (form.low !== undefined && !(lr >= form.low)) { return false; }
  return !(form.high !== undefined && !(lr <= form.high));
}

// The runs that pass all filters but the brush of one figure, which shows what it leaves out.
function runsWithout(figure) {
  const found = [];
  for (let run = 0; run < total; run += 1) {
    let passes = passesForm(run);
    chosen.brushes.forEach((runs, other) => {
      if (other !== figure && !runs.has(run)) { passes = false; }
    });
    if (passes) { found.push(run); }
  }
  return found;
}

function isSelecting() {
  return Boolean(chosen.methods.size) || staysBehind("optimizer");
}

// What still has a run, as the figures' parameter `selected`: optimizers ("adam"), losses
// ("\nhinge") and pairs ("adam\nhinge"). None means all.
function methodsLeft(runs) {
  if (!isSelecting() || !columns.optimizer) { return []; }
  const found = new Set();
  runs.forEach((run) => {
    const [optimizer, loss] = [columns.optimizer[run], "\n" + columns.loss[run]];
    found.add(optimizer).add(loss).add(optimizer + loss);
  });
  return found.size ? Array.from(found) : ["\u0000"];
}

// Whether a figure leaves out something of the selection.
function staysBehind(follows) {
  const { form, brushes } = chosen;
  const more = brushes.size || form.sweep || form.loss || form.outcome
    || form.low !== undefined || form.high !== undefined;
  return follows === "optimizer" ? Boolean(more) : !follows && isSelecting();
}

// Many runs take a while to draw: what comes meanwhile is told together.
const PAUSE = total > 1500 ? 150 : 16;
const bar = document.getElementById("selected");
let announced = false;
let cleared = false;
function changed(everything) {
  cleared = cleared || everything === true;
  if (announced) { return; }
  announced = true;
  bar.ariaBusy = "true";
  setTimeout(() => {
    const [runs, all] = [runsWithout(null), cleared];
    announced = cleared = false;
    listeners.forEach((listen) => listen(runs, all));
    bar.ariaBusy = "false";
  }, PAUSE);
}

function toggleMethod(name) {
  if (!chosen.methods.delete(name)) { chosen.methods.add(name); }
  changed();
}

function clearSelection() {
  chosen.brushes.clear();
  chosen.methods.clear();
  chosen.form = {};
  const form = document.getElementById("filters");
  // The button that has the focus is about to go.
  const held = document.activeElement;
  form.reset();
  ["low", "high"].forEach((name) => marked(form.elements[name], false));
  if (held && held.classList.contains("clear")) {
    form.querySelector("button, select, input").focus({ preventScroll: true });
  }
  changed(true);
}

// The number in a field, if it has one; what is none is marked, and told below.
function limit(field) {
  const text = field ? field.value.trim() : "";
  const value = text === "" ? undefined : Number(text);
  if (!Number.isNaN(value)) { marked(field, false); return value; }
  marked(field, true);
  return undefined;
}

function marked(field, wrong) {
  if (!field) { return; }
  if (wrong) {
    field.setAttribute("aria-invalid", "true");
    field.setAttribute("aria-describedby", "no-number");
  } else {
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-describedby");
  }
  const first = field.form.querySelector("[aria-invalid]");
  document.getElementById("no-number").textContent =
    first ? fill(labels.no_number, { text: first.value.trim() }) : "";
}

function readForm(form) {
  const value = (name) => (form.elements[name] ? form.elements[name].value : "");
  chosen.form = {
    sweep: value("sweep"), loss: value("loss"), outcome: value("outcome"),
    low: limit(form.elements.low), high: limit(form.elements.high),
  };
  changed();
}

function offerFilters() {
  const form = document.getElementById("filters");
  if (!form || !total) { return; }
  form.hidden = false;
  form.addEventListener("input", () => readForm(form));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.querySelectorAll("button[data-method]").forEach((button) => {
    const method = data.methods.find((each) => each.name === button.dataset.method);
    const sign = element("i");
    sign.style.background = method ? method.colour : "none";
    button.prepend(sign);
    button.addEventListener("click", () => toggleMethod(button.dataset.method));
  });
  const clear = form.querySelector(".clear");
  [clear, bar.querySelector("button")].forEach((each) => {
    each.addEventListener("click", clearSelection);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") { return; }
    tooltip.hidden = true;
    if (isSelecting() || form.querySelector("[aria-invalid]")) { clearSelection(); }
  });
  listeners.push((runs) => {
    form.querySelectorAll("button[data-method]").forEach((button) => {
      button.setAttribute("aria-pressed", String(chosen.methods.has(button.dataset.method)));
    });
    const words = { count: runs.length.toLocaleString("en"), total: total.toLocaleString("en") };
    bar.querySelector("span").textContent = isSelecting() ? fill(labels.selected, words) : "";
    bar.classList.toggle("shown", isSelecting());
    bar.querySelector("button").hidden = !isSelecting();
    clear.disabled = !isSelecting();
  });
}
