"""The autograd graph: what is walked, drawn, and measured."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lrlab.autograd_graph.graph import to_text
from lrlab.autograd_graph.lessons import gradient_lessons, lessons_text
from lrlab.autograd_graph.svg import to_svg
from lrlab.autograd_graph.tracing import trace
from lrlab.data import LogisticRegression
from lrlab.losses import LOSSES

X = torch.arange(12.0).reshape(6, 2) / 10
Y = torch.tensor([0.0, 1.0, 0.0, 1.0, 1.0, 0.0])


def bce(z: Tensor, y: Tensor) -> Tensor:
    return F.binary_cross_entropy(torch.sigmoid(z), y)


@pytest.fixture
def model() -> LogisticRegression:
    torch.manual_seed(0)
    return LogisticRegression(2)


def test_the_operations_are_those_that_torch_chained_by_hand(model) -> None:
    function = bce(model(X), Y).grad_fn
    by_hand = []
    pending = [function]
    while pending:
        function = pending.pop()
        by_hand.append(type(function).__name__)
        pending += [f for f, _ in function.next_functions if f is not None]
    graph = trace(model, bce, X, Y)
    walked = [node.name for node in graph.nodes if node.kind == "operation"]
    assert sorted(walked) == sorted(by_hand)


def test_every_parameter_is_a_leaf_that_requires_a_gradient(model) -> None:
    leaves = {n.name: n for n in trace(model, bce, X, Y).nodes if n.is_leaf}
    for name, parameter in model.named_parameters():
        assert leaves[name].requires_grad
        assert leaves[name].shape == tuple(parameter.shape)
        assert leaves[name].grad_fn is None


@pytest.mark.parametrize("name", LOSSES.names())
def test_data_are_leaves_without_gradient_whatever_the_loss_saves(name: str, model) -> None:
    params = {h.name: h.default for h in LOSSES[name].hyperparameters}
    graph = trace(model, lambda z, y: LOSSES[name].criterion(z, y, **params), X, Y)
    leaves = {n.name: n for n in graph.nodes if n.is_leaf}
    assert not leaves["x"].requires_grad
    assert not leaves["y"].requires_grad
    assert graph.nodes[graph.loss].name == "loss"
    assert all(source < target for source, target in graph.edges)


def test_results_show_their_grad_fn(model) -> None:
    graph = trace(model, bce, X, Y)
    results = {n.name: n for n in graph.nodes if n.kind == "tensor"}
    assert results["loss"].grad_fn == type(bce(model(X), Y).grad_fn).__name__
    assert results["logits"].shape == (6,)
    assert not results["logits"].is_leaf


def test_a_shared_node_is_drawn_once(model) -> None:
    def penalized(z: Tensor, y: Tensor) -> Tensor:
        return bce(z, y) + 0.5 * model.features.weight.square().sum()

    graph = trace(model, penalized, X, Y)
    assert [n.name for n in graph.nodes].count("features.weight") == 1
    assert to_text(graph).count("features.weight") == 1
    assert "(drawn above)" in to_text(graph)


def test_a_graph_of_thousands_of_operations_does_not_hit_the_recursion_limit(model) -> None:
    def deep(z: Tensor, y: Tensor) -> Tensor:
        for _ in range(5000):
            z = z + 1
        return bce(z, y)

    graph = trace(model, deep, X, Y)
    assert sum(node.name == "AddBackward0" for node in graph.nodes) == 5000
    assert to_text(graph).count("AddBackward0") == 5000
    ET.fromstring(to_svg(graph))


def test_no_line_is_wider_than_a_terminal(model) -> None:
    lessons = lessons_text(gradient_lessons(model, bce, X, Y))
    lines = [*to_text(trace(model, bce, X, Y)).splitlines(), *lessons.splitlines()]
    assert max(map(len, lines)) <= 100


class Nasty(nn.Module):
    """A model whose parameter is named to break out of markup."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.ParameterDict({'<script>"&': nn.Parameter(torch.ones(2))})

    def forward(self, x: Tensor) -> Tensor:
        return x @ next(iter(self.inner.values()))


def test_the_picture_is_well_formed_escaped_and_refers_to_nothing_outside() -> None:
    svg = to_svg(trace(Nasty(), bce, X, Y), title="<b>&")
    root = ET.fromstring(svg)
    texts = [element.text for element in root.iter() if element.text]
    assert any('<script>"&' in text for text in texts)
    assert "<script" not in svg
    assert "href" not in svg
    assert svg.count("http") == 1, "only the namespace"
    assert root.find("{http://www.w3.org/2000/svg}desc") is not None


def test_boxes_of_one_layer_do_not_overlap(model) -> None:
    root = ET.fromstring(to_svg(trace(model, lambda z, y: F.huber_loss(z, y) + bce(z, y), X, Y)))
    rows: dict[str, list[tuple[float, float]]] = {}
    for box in root.iterfind("{*}g/{*}rect"):
        x, width = float(box.get("x", 0)), float(box.get("width", 0))
        rows.setdefault(box.get("y", ""), []).append((x, x + width))
    for boxes in rows.values():
        boxes.sort()
        assert all(left[1] < right[0] for left, right in pairwise(boxes))


def test_the_lesson_on_accumulation_shows_the_gradients_that_autograd_computes(model) -> None:
    [gradient] = torch.autograd.grad(bce(model(X), Y), [model.features.weight])
    text = lessons_text(gradient_lessons(model, bce, X, Y))
    once = ", ".join(f"{value:.6f}" for value in gradient.flatten().tolist())
    twice = ", ".join(f"{value:.6f}" for value in (2 * gradient).flatten().tolist())
    assert text.count(f"[{once}]") == 2
    assert text.count(f"[{twice}]") == 1
    assert "exactly twice the first" in text


def test_the_lesson_on_freed_buffers_is_torchs_own_error(model) -> None:
    text = lessons_text(gradient_lessons(model, bce, X, Y))
    assert "RuntimeError: Trying to backward through the graph a second time" in text
    assert "backward(retain_graph=True): works" in text


def test_lessons_leave_gradients_and_random_state_as_they_were(model) -> None:
    bce(model(X), Y).backward()
    before = model.features.weight.grad.clone()
    state = torch.get_rng_state()
    gradient_lessons(model, bce, X, Y)
    trace(model, bce, X, Y)
    assert torch.equal(model.features.weight.grad, before)
    assert torch.equal(torch.get_rng_state(), state)
