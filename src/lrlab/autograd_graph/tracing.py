"""The graph that one forward pass built, walked from the loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor, nn

from lrlab.autograd_graph.graph import AutogradGraph, Node

Criterion = Callable[[Tensor, Tensor], Tensor]


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
