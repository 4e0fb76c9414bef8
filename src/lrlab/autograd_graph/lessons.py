"""What backward does to gradients, measured on a model and its data."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lrlab.autograd_graph.tracing import Criterion


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
