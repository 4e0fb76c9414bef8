// The table of all runs: sorted, in pages, and only those that are selected.
const PAGE = 50;

function shown(value, column) {
  if (value === null || value === undefined) { return "–"; }
  if (!column.numeric) { return String(value); }
  if (Number.isInteger(value)) { return value.toLocaleString("en"); }
  const size = Math.abs(value);
  return size >= 1e-3 && size < 1e6 ? String(Number(value.toPrecision(4))) : value.toPrecision(3);
}

function kindOf(column) {
  return (column.numeric ? "number" : "text") + (column.printed === false ? " screen" : "");
}

function runCell(run, column) {
  const value = columns[column.name][run];
  const cell = element("td", { class: kindOf(column) });
  if (column.name !== "id") { cell.append(shown(value, column)); return cell; }
  const link = linkOf(run);
  const name = String(value).slice(-8);
  cell.title = value;
  if (!link) { cell.append(name); return cell; }
  const anchor = element("a", { href: link, target: "_blank", rel: "noopener noreferrer" }, name);
  cell.append(anchor);
  return cell;
}

function compareRuns(values, numeric, sign) {
  const text = (value) => (value === null || value === undefined ? "" : String(value));
  return (a, b) => order(text(values[a]), text(values[b]), numeric, sign) || a - b;
}

function offerRuns() {
  const place = document.getElementById("all-runs");
  if (!place || !total) { return; }
  place.hidden = false;
  const list = data.runs.shown;
  const body = place.querySelector("tbody");
  const state = { runs: runsWithout(null), sort: null, page: 0 };

  function show() {
    const last = Math.max(0, Math.ceil(state.runs.length / PAGE) - 1);
    state.page = Math.min(Math.max(state.page, 0), last);
    const first = state.page * PAGE;
    const rows = state.runs.slice(first, first + PAGE);
    body.replaceChildren(...rows.map((run) => element(
      "tr", {}, ...list.map((column) => runCell(run, column)))));
    const range = { first: first + 1, last: first + rows.length, total: state.runs.length };
    Object.keys(range).forEach((key) => { range[key] = range[key].toLocaleString("en"); });
    place.querySelector(".where").textContent = rows.length
      ? fill(labels.page_of, range) : labels.no_runs;
    place.querySelector(".previous").disabled = state.page === 0;
    place.querySelector(".next").disabled = state.page === last;
  }

  function sort() {
    if (!state.sort) { return; }
    const { column, rising } = state.sort;
    state.runs.sort(compareRuns(columns[column.name], column.numeric, rising ? 1 : -1));
  }

  const heads = list.map((column) => {
    const heading = element("th", { scope: "col", class: kindOf(column) }, column.title);
    sortable(heading, () => {
      const rising = heading.getAttribute("aria-sort") !== "ascending";
      markSorted(heading, rising);
      state.sort = { column, rising };
      state.page = 0;
      sort();
      show();
    });
    return heading;
  });
  const cut = list.filter((column) => !column.printed).map((column) => column.title).join(", ");
  if (cut) {
    const note = fill(labels.not_printed, { names: cut });
    place.querySelector(".edge").after(element("p", { class: "note paper" }, note));
  }
  place.querySelector("thead").append(element("tr", {}, ...heads));
  document.querySelector("#contents a[href='#all-runs']").parentNode.hidden = false;
  place.querySelector(".previous").addEventListener("click", () => { state.page -= 1; show(); });
  place.querySelector(".next").addEventListener("click", () => { state.page += 1; show(); });
  listeners.push((runs) => {
    state.runs = runs.slice();
    state.page = 0;
    sort();
    show();
  });
  show();
}
