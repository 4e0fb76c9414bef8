// Lines of runs are thin: near one, the nearest is the one that is meant.
const REACH = 8; // pixels

// The lines that are drawn, each as its points; from where the drawing begins.
function linesOf(view, name) {
  const found = [];
  (function walk(item) {
    if (item.marktype === "line" && item.name === name) { found.push(item.items); }
    (item.items || []).forEach(walk);
  })(view.scenegraph().root);
  return found;
}

function distance(x, y, from, to) {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const along = ((x - from.x) * dx + (y - from.y) * dy) / (dx * dx + dy * dy || 1);
  const share = Math.min(1, Math.max(0, along));
  return Math.hypot(x - from.x - share * dx, y - from.y - share * dy);
}

// Of lines equally near, the strongest: that of the best run.
function nearestLine(lines, x, y) {
  let [best, least] = [null, REACH];
  lines.forEach((points) => {
    if (points.length && points[0].strokeOpacity < 0.05) { return; }
    for (let i = 1; i < points.length; i += 1) {
      if (x < points[i - 1].x - REACH || x > points[i].x + REACH) { continue; }
      const far = distance(x, y, points[i - 1], points[i]);
      const stronger = best && points[0].strokeOpacity > best.strokeOpacity;
      if (far < least - 0.5 || (stronger && far < least + 0.5)) { [best, least] = [points[0], far]; }
    }
  });
  return best;
}

function pointAt(figure, event) {
  const box = figure.box.querySelector("svg, canvas").getBoundingClientRect();
  const [origin, padding] = [figure.view.origin(), figure.view.padding()];
  return [event.clientX - box.left - origin[0] - padding.left,
    event.clientY - box.top - origin[1] - padding.top];
}

// A drag straight along an axis has no width, and would be no brush: it gets some.
function widen(view) {
  const [from, to] = view.signal("brush_x") || [];
  const [top, bottom] = view.signal("brush_y") || [];
  if (from === undefined || Math.abs(to - from) >= REACH || Math.abs(bottom - top) < 5) { return; }
  const middle = (from + to) / 2;
  view.signal("brush_x", [middle - REACH, middle + REACH]).run();
}

function watchLines(figure, view) {
  if (!(figure.spec.usermeta || {}).axes) { return; }
  const find = (event) => nearestLine(
    linesOf(view, "parallel_marks"), ...pointAt(figure, event));
  view.addEventListener("pointermove", (event) => {
    if (event.buttons) { return; }
    const line = find(event);
    figure.line = line ? line.datum.run : undefined;
    showTooltip(event, line ? line.tooltip : null);
  });
  figure.box.onpointerup = () => setTimeout(() => {
    if (figure.view === view) { widen(view); }
  }, 0);
  figure.box.onpointerleave = () => {
    figure.line = undefined;
    tooltip.hidden = true;
  };
}
