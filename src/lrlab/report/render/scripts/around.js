// What stands around a figure: its tooltip, its numbers, its choice of axis.
const tooltip = element("div", { id: "tooltip", hidden: "", "aria-hidden": "true" });
document.body.append(tooltip);

// Text only: names that a user gave never become markup.
function showTooltip(event, value) {
  if (value === null || value === undefined || value === "") { tooltip.hidden = true; return; }
  const rows = typeof value === "object" ? Object.entries(value) : [["", value]];
  const told = rows.filter(([, text]) => !["", "null", "undefined", "NaN"].includes(String(text)));
  tooltip.replaceChildren(...told.map(([name, text]) => element(
    "div", {}, element("span", {}, name), element("b", {}, String(text)))));
  tooltip.hidden = false;
  const box = tooltip.getBoundingClientRect();
  const left = Math.min(event.clientX + 14, window.innerWidth - box.width - 8);
  const below = event.clientY + 16;
  const fits = below + box.height < window.innerHeight;
  tooltip.style.left = `${Math.max(8, left)}px`;
  tooltip.style.top = `${Math.max(8, fits ? below : event.clientY - box.height - 12)}px`;
}

function numbersOf(figure) {
  const { columns: heads, rows } = figure.table;
  const cells = (row) => row.map((value, i) => element(
    "td", { class: heads[i].numeric ? "number" : "text" }, shown(value, heads[i])));
  const top = heads.map((head) => element(
    "th", { scope: "col", class: head.numeric ? "number" : "text" }, head.title));
  const table = element("table", {},
    element("thead", {}, element("tr", {}, ...top)),
    element("tbody", {}, ...rows.map((row) => element("tr", {}, ...cells(row)))));
  const scroll = element(
    "div", { class: "scroll tall", role: "region", tabindex: "0",
      "aria-label": `${labels.numbers}: ${figure.title}` }, table);
  const place = element("div", { class: "edge" }, scroll);
  watchEdges(scroll);
  if (rows.length === figure.table.total) { return [place]; }
  const counts = {
    count: rows.length.toLocaleString("en"), total: figure.table.total.toLocaleString("en") };
  return [place, element("p", { class: "note" }, fill(labels.first_rows, counts))];
}

function offerNumbers(figure) {
  const part = document.querySelector(`#${CSS.escape("figure-" + figure.name)} details`);
  part.hidden = false;
  part.addEventListener("toggle", () => {
    if (part.open && part.childElementCount === 1) { part.append(...numbersOf(figure)); }
  });
}

function offerAxes(figure) {
  const place = document.querySelector(`#${CSS.escape("figure-" + figure.name)} .axes`);
  if (!place) { return; }
  place.hidden = false;
  place.querySelectorAll("button").forEach((button) => {
    button.addEventListener("click", () => {
      figure.axis = button.dataset.axis;
      place.querySelectorAll("button").forEach((each) => {
        each.setAttribute("aria-pressed", String(each === button));
      });
      chosen.brushes.delete(figure.name);
      draw(figure);
      changed();
    });
  });
}

function openRun(run) {
  const link = linkOf(run);
  if (!link) { return; }
  const opened = window.open(link, "_blank");
  if (opened) { opened.opener = null; return; }
  const place = document.getElementById("blocked");
  place.textContent = fill(labels.blocked, { link });
}

document.addEventListener("scroll", () => { tooltip.hidden = true; }, { passive: true });
