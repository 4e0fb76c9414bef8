(function () {
  "use strict";

  // Blank keys come last in either direction.
  function order(a, b, numeric, sign) {
    if (a === "" || b === "") { return (a === "") - (b === ""); }
    if (numeric) { return sign * (Number(a) - Number(b)); }
    return sign * a.localeCompare(b, undefined, { numeric: true });
  }

  function sortBy(table, heading) {
    var column = heading.cellIndex;
    var numeric = heading.classList.contains("number");
    var rising = heading.getAttribute("aria-sort") !== "ascending";
    var body = table.tBodies[0];
    var rows = Array.prototype.slice.call(body.rows);
    rows.sort(function (a, b) {
      var first = a.cells[column].dataset.key;
      var second = b.cells[column].dataset.key;
      return order(first, second, numeric, rising ? 1 : -1);
    });
    table.querySelectorAll("th[aria-sort]").forEach(function (other) {
      other.removeAttribute("aria-sort");
    });
    heading.setAttribute("aria-sort", rising ? "ascending" : "descending");
    rows.forEach(function (row) { body.appendChild(row); });
  }

  document.querySelectorAll("table[data-sortable]").forEach(function (table) {
    table.querySelectorAll("thead th").forEach(function (heading) {
      var button = document.createElement("button");
      button.type = "button";
      while (heading.firstChild) { button.appendChild(heading.firstChild); }
      heading.appendChild(button);
      button.addEventListener("click", function () { sortBy(table, heading); });
    });
  });

  // What is folded away on the screen belongs on paper.
  var opened = [];
  window.addEventListener("beforeprint", function () {
    opened = Array.prototype.slice.call(document.querySelectorAll("details:not([open])"));
    opened.forEach(function (part) { part.open = true; });
  });
  window.addEventListener("afterprint", function () {
    opened.forEach(function (part) { part.open = false; });
  });
})();
