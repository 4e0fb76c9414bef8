"""The autograd graph of model and loss: what `backward` will walk, and what it leaves behind.

Torch builds the graph while the forward pass runs. Every result of an operation on a tensor
that requires a gradient keeps a `grad_fn`; `grad_fn.next_functions` lead on towards the leaves,
where an `AccumulateGrad` node adds to the leaf's `.grad`.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_WIDTH = 100


@dataclass(frozen=True)
class Node:
    """A tensor or an operation of the graph.

    Args:
        name: Label: the parameter's name, `x`, `y`, `logits`, `loss`, or the `grad_fn`'s.
        kind: `leaf` or `tensor` (a result that the program holds), or `operation` (a `grad_fn`).
        shape: Shape of a tensor; None for an operation.
        requires_grad: Of a tensor; None for an operation.
        grad_fn: Name of a result's `grad_fn`; None for leaves and operations.
    """

    name: str
    kind: str
    shape: tuple[int, ...] | None = None
    requires_grad: bool | None = None
    grad_fn: str | None = None

    @property
    def is_leaf(self) -> bool:
        """Whether it is a leaf tensor: made by the user, by no operation that autograd tracks."""
        return self.kind == "leaf"

    @property
    def facts(self) -> str:
        """Shape, `is_leaf`, `requires_grad` and `grad_fn` of a tensor, as text."""
        if self.shape is None:
            return ""
        return (
            f"{list(self.shape)}  is_leaf={self.is_leaf}  requires_grad={self.requires_grad}  "
            f"grad_fn={self.grad_fn}"
        )


@dataclass(frozen=True)
class AutogradGraph:
    """Nodes, and edges (from, to) between their indices in the direction of the data.

    Nodes stand after all that they are computed from; the last one is the loss. `noted` holds
    the edges that autograd does not keep: from data that need no gradient to where they enter.
    """

    nodes: tuple[Node, ...]
    edges: tuple[tuple[int, int], ...]
    noted: frozenset[tuple[int, int]] = frozenset()

    @property
    def loss(self) -> int:
        """Index of the loss."""
        return len(self.nodes) - 1

    def sources(self) -> list[list[int]]:
        """For each node, the nodes that it is computed from."""
        found: list[list[int]] = [[] for _ in self.nodes]
        for source, target in self.edges:
            found[target].append(source)
        return found


def to_text(graph: AutogradGraph) -> str:
    """The graph as a tree from the loss down to the leaves, at most 100 columns wide.

    A node with one source continues straight below; a node reached twice is drawn once.
    """
    lines = ["The autograd graph, from the loss back to the leaves (as backward walks it):", ""]
    sources = graph.sources()
    drawn: set[int] = set()
    stack: list[tuple[int, str, str]] = [(graph.loss, "", "")]
    while stack:
        index, lead, below = stack.pop()
        node = graph.nodes[index]
        again = index in drawn and bool(sources[index])
        text = f"{lead}{node.name}"
        text += f"  {node.facts}" if node.facts else ""
        lines.append(_clip(text + ("  (drawn above)" if again else "")))
        if again:
            continue
        drawn.add(index)
        if len(sources[index]) == 1:
            lines.append(_clip(f"{below}↑"))
            stack.append((sources[index][0], below, below))
            continue
        for source in reversed(sources[index]):
            last = source == sources[index][-1]
            branch = ("└─ ", "   ") if last else ("├─ ", "│  ")
            stack.append((source, below + branch[0], below + branch[1]))
    return "\n".join(lines)


def _clip(text: str) -> str:
    return text if len(text) <= MAX_WIDTH else text[: MAX_WIDTH - 1] + "…"
