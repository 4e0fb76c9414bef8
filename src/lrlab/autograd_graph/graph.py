"""The autograd graph of model and loss: what `backward` will walk, and what it leaves behind.

Torch builds the graph while the forward pass runs. Every result of an operation on a tensor
that requires a gradient keeps a `grad_fn`; `grad_fn.next_functions` lead on towards the leaves,
where an `AccumulateGrad` node adds to the leaf's `.grad`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

Criterion = Callable[[Tensor, Tensor], Tensor]
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


def trace(model: nn.Module, criterion: Criterion, x: Tensor, y: Tensor) -> AutogradGraph:
    """Run one forward pass and walk the graph that it built.

    Args:
        model: Its parameters become named leaves; its gradients are not touched.
        criterion: `(logits, y) -> loss`, a scalar.
        x: Design matrix, [n, d].
        y: Labels, [n].

    Returns:
        Every `grad_fn` below the loss once, the leaves, and `logits` and `loss` as tensors.
    """
    logits = model(x)
    loss = criterion(logits, y)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    held = {id(logits.grad_fn): ("logits", logits), id(loss.grad_fn): ("loss", loss)}
    builder = _Builder(names, {"x": x, "y": y}, held)
    for function in _functions_from_leaves(loss.grad_fn):
        builder.add(function)
    builder.note_data(entry={"x": "logits", "y": "loss"})
    return builder.graph()


def _functions_from_leaves(root: Any) -> list[Any]:
    """Every function below a `grad_fn` once, each after all that it leads on to."""
    order: list[Any] = []
    seen: set[Any] = set()
    stack = [(root, False)]  # an explicit stack: graphs are deeper than Python may recurse
    while stack:
        function, is_done = stack.pop()
        if is_done:
            order.append(function)
        elif function not in seen:
            seen.add(function)
            stack.append((function, True))
            stack += [(f, False) for f, _ in reversed(function.next_functions) if f is not None]
    return order


class _Builder:
    """Collects nodes and edges while the functions are visited, leaves first."""

    def __init__(
        self, names: dict[int, str], data: dict[str, Tensor], held: dict[int, tuple[str, Tensor]]
    ) -> None:
        self.names, self.data, self.held = names, data, held
        self.nodes: list[Node] = []
        self.edges: list[tuple[int, int]] = []
        self.noted: set[tuple[int, int]] = set()
        self.output: dict[Any, int] = {}  # function -> node that its consumers start from
        self.inputs: dict[str, int] = {}  # x, y -> node

    def add(self, function: Any) -> None:
        """One function, the leaf that it accumulates into, the tensor that it gave."""
        sources = [self.output[f] for f, _ in function.next_functions if f is not None]
        variable = getattr(function, "variable", None)
        if variable is not None:
            sources.append(self._leaf(self.names.get(id(variable), "leaf"), variable))
        saved = list(self._saved_data(function))
        for name in saved:
            if name not in self.inputs:
                self.inputs[name] = self._leaf(name, self.data[name])
        operation = self._node(Node(_name(function), "operation"))
        for source in sources:
            self._edge(source, operation)
        for name in saved:
            self._edge(self.inputs[name], operation, noted=True)
        self.output[function] = operation
        if id(function) in self.held:
            name, tensor = self.held[id(function)]
            node = Node(name, "tensor", tuple(tensor.shape), tensor.requires_grad, _name(function))
            self.output[function] = self._node(node)
            self._edge(operation, self.output[function])

    def note_data(self, entry: dict[str, str]) -> None:
        """Data that no function saved enter somewhere all the same: before the named tensor."""
        for name, tensor in self.data.items():
            if name in self.inputs:
                continue
            target = next(i for i, node in enumerate(self.nodes) if node.name == entry[name])
            # Leaves stand before what they feed; the loss stays last.
            self.nodes.insert(target, Node(name, "leaf", tuple(tensor.shape), False))
            self.edges = [(_shift(a, target), _shift(b, target)) for a, b in self.edges]
            self.noted = {(_shift(a, target), _shift(b, target)) for a, b in self.noted}
            self._edge(target, target + 1, noted=True)

    def graph(self) -> AutogradGraph:
        """What was collected."""
        return AutogradGraph(tuple(self.nodes), tuple(self.edges), frozenset(self.noted))

    def _saved_data(self, function: Any) -> Iterator[str]:
        """Which of x and y a function keeps for its backward pass."""
        saved = [
            value
            for attribute in dir(function)
            if attribute.startswith("_saved_")
            and isinstance(value := getattr(function, attribute), Tensor)
        ]
        for name, tensor in self.data.items():
            if any(s.data_ptr() == tensor.data_ptr() and s.shape == tensor.shape for s in saved):
                yield name

    def _leaf(self, name: str, tensor: Tensor) -> int:
        return self._node(Node(name, "leaf", tuple(tensor.shape), tensor.requires_grad))

    def _node(self, node: Node) -> int:
        self.nodes.append(node)
        return len(self.nodes) - 1

    def _edge(self, source: int, target: int, noted: bool = False) -> None:
        self.edges.append((source, target))
        if noted:
            self.noted.add((source, target))


def _name(function: Any) -> str:
    return str(function.name()).removeprefix("torch::autograd::")


def _shift(index: int, inserted: int) -> int:
    return index + 1 if index >= inserted else index


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


@dataclass(frozen=True)
class Lesson:
    """Something about gradients, shown on real tensors.

    Args:
        title: What is shown.
        lines: What was measured.
    """

    title: str
    lines: tuple[str, ...]


def gradient_lessons(
    model: nn.Module, criterion: Criterion, x: Tensor, y: Tensor
) -> tuple[Lesson, ...]:
    """Measure, on this model and these data, what backward does to gradients.

    The model's `.grad` are as before afterwards.
    """
    with _gradients_put_back(model):
        return (
            _accumulation(model, criterion, x, y),
            _leaves_only(model, criterion, x, y),
            _freed(model, criterion, x, y),
        )


def _accumulation(model: nn.Module, criterion: Criterion, x: Tensor, y: Tensor) -> Lesson:
    name, leaf = next(iter(model.named_parameters()))
    model.zero_grad()
    seen = []
    for _ in range(2):
        criterion(model(x), y).backward()
        seen.append(_gradient(leaf))
    model.zero_grad()
    criterion(model(x), y).backward()
    seen.append(_gradient(leaf))
    doubled = torch.equal(seen[1], 2 * seen[0])
    return Lesson(
        "Gradients accumulate: backward adds to .grad, so zero_grad must come between steps",
        (
            f"{name}.grad, measured",
            f"after one backward:                   {_numbers(seen[0])}",
            f"after a second, without zero_grad:    {_numbers(seen[1])}",
            f"  {'exactly twice the first' if doubled else 'the sum of both'}",
            f"after zero_grad and another backward: {_numbers(seen[2])}",
        ),
    )


def _leaves_only(model: nn.Module, criterion: Criterion, x: Tensor, y: Tensor) -> Lesson:
    model.zero_grad()
    freed = model(x)
    criterion(freed, y).backward()
    kept = model(x)
    kept.retain_grad()
    criterion(kept, y).backward()
    _, leaf = next(iter(model.named_parameters()))
    norm = float(_gradient(kept).norm())
    return Lesson(
        "Only leaves keep their gradient: that of a result is freed as soon as it was passed on",
        (
            f"leaf:    is_leaf={leaf.is_leaf}, requires_grad={leaf.requires_grad}, "
            f"grad is None: {leaf.grad is None}",
            f"logits:  is_leaf={freed.is_leaf}, requires_grad={freed.requires_grad}, "
            f"grad is None: {_is_freed(freed)}",
            f"logits after retain_grad(): grad is None: {_is_freed(kept)}, its norm {norm:.4g}",
            f"x and y: requires_grad={x.requires_grad}, so no gradient is computed for them",
        ),
    )


def _freed(model: nn.Module, criterion: Criterion, x: Tensor, y: Tensor) -> Lesson:
    def second_backward(**first: bool) -> str:
        loss = criterion(model(x), y)
        loss.backward(**first)
        try:
            loss.backward()
        except RuntimeError as error:
            return f"RuntimeError: {str(error).partition(' (')[0]}"
        return "works"

    return Lesson(
        "The graph is used up: backward frees what the forward pass saved for it",
        (
            f"a second backward: {second_backward()}",
            f"... after backward(retain_graph=True): {second_backward(retain_graph=True)}",
        ),
    )


def lessons_text(lessons: tuple[Lesson, ...]) -> str:
    """The lessons for a terminal."""
    blocks = [
        "\n".join([lesson.title, *(f"  {line}" for line in lesson.lines)]) for lesson in lessons
    ]
    return "\n\n".join(blocks)


@contextmanager
def _gradients_put_back(model: nn.Module) -> Iterator[None]:
    before = [(p, p.grad) for p in model.parameters()]
    for parameter, _ in before:
        parameter.grad = None
    try:
        yield
    finally:
        for parameter, gradient in before:
            parameter.grad = gradient


def _gradient(tensor: Tensor) -> Tensor:
    assert tensor.grad is not None
    return tensor.grad.detach().clone()


def _is_freed(result: Tensor) -> bool:
    """Whether a result has no gradient; asking a result for one is what torch warns about."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return result.grad is None


def _numbers(tensor: Tensor, most: int = 4) -> str:
    values = tensor.flatten().tolist()
    shown = ", ".join(f"{value:.6f}" for value in values[:most])
    return f"[{shown}{', ...' if len(values) > most else ''}]"
