"""The autograd graph as a picture: layers from the leaves at the top to the loss at the bottom."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from lrlab.autograd_graph.graph import AutogradGraph, Node

CHARACTER, HEIGHT, GAP, LAYER = 7.3, 40, 26, 78  # pixels
MARGIN, LEGEND = 24, 124
STYLES = {  # fill, stroke, corner radius
    "parameter": ("#dcf1e1", "#2f7d4a", 18),
    "data": ("#eceef1", "#6b7280", 18),
    "operation": ("#e3ecfa", "#33609f", 2),
    "tensor": ("#fdecd2", "#b2690e", 8),
}
MEANING = {
    "parameter": "leaf that requires a gradient: backward adds to its .grad",
    "data": "leaf that requires none",
    "operation": "operation (grad_fn): knows how to pass a gradient on",
    "tensor": "result that the program holds: its gradient is not kept",
}


@dataclass
class _Place:
    """Where a node, or an edge on its way through a layer, stands."""

    layer: int
    width: float
    x: float = 0.0  # center


def to_svg(graph: AutogradGraph, title: str = "Autograd graph") -> str:
    """A self-contained SVG of the graph: no script, no font, no reference to anywhere.

    Args:
        graph: From `tracing.trace`.
        title: Shown at the top and read by screen readers.
    """
    places, paths = _lay_out(graph)
    width = max(max(p.x + p.width / 2 for p in places) + MARGIN, 560.0)
    top = 2 * MARGIN + 18
    height = top + (max(p.layer for p in places) + 1) * LAYER + LEGEND
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="img" '
        'font-family="ui-monospace, Menlo, Consolas, monospace" font-size="12">',
        f"<title>{escape(title)}</title>",
        f"<desc>{escape(_description(graph))}</desc>",
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>',
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#4b5563"/></marker></defs>',
        f'<text x="{MARGIN}" y="{MARGIN + 8}" font-size="15" font-weight="600" fill="#111827">'
        f"{escape(title)}</text>",
    ]
    parts += [_edge(graph, edge, [places[i] for i in path], top) for edge, path in paths.items()]
    parts += [_box(node, places[i], top) for i, node in enumerate(graph.nodes)]
    parts += _legend(height - LEGEND + MARGIN / 2)
    return "\n".join([*parts, "</svg>", ""])


def _lay_out(
    graph: AutogradGraph,
) -> tuple[list[_Place], dict[tuple[int, int], list[int]]]:
    """Places of all nodes (then of edges' waypoints), and each edge's way through them.

    Sugiyama, Tagawa & Toda 1981 in small: layers, waypoints where an edge crosses a layer,
    order within a layer by the mean position of the neighbors, two sweeps.
    """
    layers = _layers(graph)
    places = [
        _Place(layer, len(_caption(node)) * CHARACTER + 22)
        for layer, node in zip(layers, graph.nodes, strict=True)
    ]
    paths = {}
    for source, target in graph.edges:
        path = [source]
        for layer in range(layers[source] + 1, layers[target]):
            places.append(_Place(layer, 12))
            path.append(len(places) - 1)
        paths[source, target] = [*path, target]
    rows: dict[int, list[int]] = defaultdict(list)
    for i, place in enumerate(places):
        rows[place.layer].append(i)
    above, below = _neighbors(paths)
    _spread(places, rows)
    for neighbors in (above, below, above):
        for row in rows.values():
            row.sort(key=lambda i: _mean_x(i, neighbors, places))
        _spread(places, rows)
    return places, paths


def _layers(graph: AutogradGraph) -> list[int]:
    """Longest way from a leaf for each node; then leaves move down to what they feed."""
    layers = [0] * len(graph.nodes)
    targets: list[list[int]] = [[] for _ in graph.nodes]
    for source, target in sorted(graph.edges, key=lambda edge: edge[1]):
        targets[source].append(target)
    for i in range(len(graph.nodes)):  # nodes are listed after their sources
        for target in targets[i]:
            layers[target] = max(layers[target], layers[i] + 1)
    for i, node in enumerate(graph.nodes):
        if node.is_leaf and targets[i]:
            layers[i] = min(layers[target] for target in targets[i]) - 1
    return layers


def _neighbors(
    paths: dict[tuple[int, int], list[int]],
) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    above: dict[int, list[int]] = defaultdict(list)
    below: dict[int, list[int]] = defaultdict(list)
    for path in paths.values():
        for upper, lower in pairwise(path):
            below[upper].append(lower)
            above[lower].append(upper)
    return above, below


def _mean_x(i: int, neighbors: dict[int, list[int]], places: list[_Place]) -> float:
    near = neighbors.get(i)
    return sum(places[j].x for j in near) / len(near) if near else places[i].x


def _spread(places: list[_Place], rows: dict[int, list[int]]) -> None:
    """Put each row side by side, centered on the widest."""
    widths = {
        layer: sum(places[i].width for i in row) + GAP * (len(row) - 1)
        for layer, row in rows.items()
    }
    middle = max(widths.values()) / 2 + MARGIN
    for layer, row in rows.items():
        x = middle - widths[layer] / 2
        for i in row:
            places[i].x = x + places[i].width / 2
            x += places[i].width + GAP


def _caption(node: Node) -> str:
    return node.name if node.shape is None else f"{node.name} {list(node.shape)}"


def _style(node: Node) -> str:
    if node.is_leaf:
        return "parameter" if node.requires_grad else "data"
    return node.kind


def _box(node: Node, place: _Place, top: float) -> str:
    fill, stroke, radius = STYLES[_style(node)]
    x, y = place.x - place.width / 2, top + place.layer * LAYER
    tip = f"{_caption(node)}: {node.facts}" if node.facts else _caption(node)
    return (
        f"<g><title>{escape(tip)}</title>"
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{place.width:.1f}" height="{HEIGHT}" '
        f'rx="{radius}" fill="{fill}" stroke="{stroke}" stroke-width="1.4"/>'
        f'<text x="{place.x:.1f}" y="{y + HEIGHT / 2 + 4:.1f}" text-anchor="middle" '
        f'fill="#111827">{escape(_caption(node))}</text></g>'
    )


def _edge(graph: AutogradGraph, edge: tuple[int, int], path: list[_Place], top: float) -> str:
    points = [(place.x, top + place.layer * LAYER) for place in path]
    d = f"M{points[0][0]:.1f} {points[0][1] + HEIGHT:.1f}"
    last = (points[0][0], points[0][1] + HEIGHT)
    for i, (x, y) in enumerate(points[1:], start=2):
        bend = (last[1] + y) / 2
        d += f" C{last[0]:.1f} {bend:.1f} {x:.1f} {bend:.1f} {x:.1f} {y:.1f}"
        last = (x, y)
        if i < len(points):
            d += f" L{x:.1f} {y + HEIGHT:.1f}"
            last = (x, y + HEIGHT)
    dashes = ' stroke-dasharray="5 4"' if edge in graph.noted else ""
    return (
        f'<path d="{d}" fill="none" stroke="#4b5563" stroke-width="1.3"{dashes} '
        'marker-end="url(#arrow)"/>'
    )


def _legend(y: float) -> list[str]:
    parts = []
    for row, (style, meaning) in enumerate(MEANING.items()):
        fill, stroke, radius = STYLES[style]
        at = y + row * 20
        parts.append(
            f'<rect x="{MARGIN}" y="{at:.0f}" width="26" height="13" rx="{min(radius, 6)}" '
            f'fill="{fill}" stroke="{stroke}"/>'
            f'<text x="{MARGIN + 36}" y="{at + 11:.0f}" fill="#374151">{escape(meaning)}</text>'
        )
    at = y + len(MEANING) * 20
    parts.append(
        f'<path d="M{MARGIN} {at + 7:.0f}h26" stroke="#4b5563" stroke-dasharray="5 4"/>'
        f'<text x="{MARGIN + 36}" y="{at + 11:.0f}" fill="#374151">'
        "data enter here: autograd keeps no edge for them</text>"
    )
    return parts


def _description(graph: AutogradGraph) -> str:
    """The graph in words, for screen readers."""
    leaves = ", ".join(node.name for node in graph.nodes if node.is_leaf)
    operations = [node.name for node in graph.nodes if node.kind == "operation"]
    shown = ", then ".join(operations[:40])
    return f"Leaves: {leaves}. Operations from the leaves to the loss: {shown}."
