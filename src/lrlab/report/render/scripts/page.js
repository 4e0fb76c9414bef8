// The page without figures: sorting, edges of tables, contents, theme.
const root = document.documentElement;
const narrow = window.matchMedia("(max-width: 1099px)");

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  Object.entries(attributes || {}).forEach(([key, value]) => made.setAttribute(key, value));
  made.append(...children);
  return made;
}

function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, key) => (key in values ? values[key] : whole));
}

// Blank keys come last in either direction.
function order(a, b, numeric, sign) {
  if (a === "" || b === "") { return (a === "") - (b === ""); }
  if (numeric) { return sign * (Number(a) - Number(b)); }
  return sign * a.localeCompare(b, undefined, { numeric: true });
}

function markSorted(heading, rising) {
  heading.parentNode.querySelectorAll("[aria-sort]").forEach((other) => {
    other.removeAttribute("aria-sort");
  });
  heading.setAttribute("aria-sort", rising ? "ascending" : "descending");
}

function keyOf(cell) {
  return "key" in cell.dataset ? cell.dataset.key : cell.textContent.trim();
}

function sortBy(table, heading) {
  const column = heading.cellIndex;
  const numeric = heading.classList.contains("number");
  const rising = heading.getAttribute("aria-sort") !== "ascending";
  const rows = Array.from(table.tBodies[0].rows);
  rows.sort((a, b) => order(
    keyOf(a.cells[column]), keyOf(b.cells[column]), numeric, rising ? 1 : -1));
  markSorted(heading, rising);
  table.tBodies[0].append(...rows);
}

function sortable(heading, sort) {
  const button = element("button", { type: "button" });
  button.append(...heading.childNodes);
  heading.append(button);
  button.addEventListener("click", sort);
}

const edges = new WeakMap(); // what watches the sizes, by box

// A shadow at the side where a table or figure goes on.
function watchEdges(box) {
  const look = () => {
    const rest = box.scrollWidth - box.clientWidth - Math.ceil(box.scrollLeft);
    box.parentNode.classList.toggle("more", rest > 1);
    const scrolls = box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1;
    // What scrolls must be reached by the keyboard; what does not needs no stop.
    if (scrolls) { box.tabIndex = 0; } else { box.removeAttribute("tabindex"); }
  };
  box.addEventListener("scroll", look, { passive: true });
  const watcher = new ResizeObserver(look);
  edges.set(box, watcher);
  watcher.observe(box);
  if (box.firstElementChild) { watcher.observe(box.firstElementChild); }
}

function followContents() {
  const links = new Map();
  document.querySelectorAll("#contents a").forEach((link) => {
    const target = document.getElementById(link.hash.slice(1));
    if (target) { links.set(target, link); }
  });
  const targets = Array.from(links.keys());
  const look = () => {
    const above = targets.filter((each) => each.getBoundingClientRect().top < 130);
    const here = links.get(above.pop() || targets[0]);
    links.forEach((link) => link.removeAttribute("aria-current"));
    if (!here) { return; }
    here.setAttribute("aria-current", "true");
    const list = here.closest("nav");
    const top = here.getBoundingClientRect().top - list.getBoundingClientRect().top;
    if (!narrow.matches && (top < 0 || top > list.clientHeight - 40)) {
      list.scrollTop += top - list.clientHeight / 2;
    }
  };
  let waiting = false;
  window.addEventListener("scroll", () => {
    if (waiting) { return; }
    waiting = true;
    requestAnimationFrame(() => { waiting = false; look(); });
  }, { passive: true });
  look();
}

function foldContents() {
  const part = document.querySelector("#contents details");
  const fold = () => { part.open = !narrow.matches; };
  narrow.addEventListener("change", fold);
  part.addEventListener("click", (event) => {
    if (narrow.matches && event.target.closest("a")) { part.open = false; }
  });
  fold();
}

function themeIsDark() {
  const chosen = root.dataset.theme;
  if (chosen) { return chosen === "dark"; }
  return window.matchMedia("(prefers-color-scheme: dark)").matches;
}

function chooseTheme(name, changed) {
  if (name === "system") { delete root.dataset.theme; } else { root.dataset.theme = name; }
  try {
    if (name === "system") { localStorage.removeItem("lrlab-theme"); }
    else { localStorage.setItem("lrlab-theme", name); }
  } catch (error) {
    // Without storage the choice holds until the page is closed.
  }
  changed();
}

function offerThemes(changed) {
  const form = document.getElementById("theme");
  form.hidden = false;
  form.elements.theme.value = root.dataset.theme || "system";
  form.addEventListener("change", () => chooseTheme(form.elements.theme.value, changed));
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
}

document.querySelectorAll("table[data-sortable]").forEach((table) => {
  table.querySelectorAll("thead th").forEach((heading) => {
    sortable(heading, () => sortBy(table, heading));
  });
});
document.querySelectorAll(".all-rows").forEach((place) => {
  const table = place.previousElementSibling.querySelector("table");
  const button = place.querySelector("button");
  const fold = (brief) => {
    table.classList.toggle("brief", brief);
    button.setAttribute("aria-expanded", String(!brief));
  };
  place.hidden = false;
  button.addEventListener("click", () => fold(!table.classList.contains("brief")));
  fold(true);
});
document.querySelectorAll(".scroll").forEach(watchEdges);
