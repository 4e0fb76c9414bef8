"""The losses: a contract that every entry of the registry keeps, and independent references."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.special import expit
from sklearn.metrics import brier_score_loss, hinge_loss, log_loss
from torch import Tensor

from lrlab.losses import LOSSES, Loss

DTYPES = [torch.float32, torch.float64]
FAR = [1e4, 1e3, 200.0, 110.0, 90.0, 40.0, 17.0, 1.5, 1e-3, 1e-30]
LOGITS = torch.tensor([*[-z for z in FAR], 0.0, *FAR], dtype=torch.float64)

every_loss = pytest.mark.parametrize("loss", list(LOSSES), ids=LOSSES.names())
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)


def defaults(loss: Loss) -> dict[str, float]:
    return {h.name: h.default for h in loss.hyperparameters}


def settings_of(loss: Loss) -> list[dict[str, float]]:
    """Defaults, and each hyperparameter at or near the ends of what it may be."""
    found = [defaults(loss)]
    for h in loss.hyperparameters:
        low = math.nextafter(h.low, math.inf) if h.low_open else h.low
        high = math.nextafter(h.high, -math.inf) if h.high_open else h.high
        near = [low, h.low + 1e-6, high, *([h.high - 1e-6] if h.high < 1e6 else [])]
        found += [{**defaults(loss), h.name: value} for value in near]
    return found


EVERY_SETTING = [
    pytest.param(loss, given, id=f"{loss.name}-{given}" if given else loss.name)
    for loss in LOSSES
    for given in settings_of(loss)
]


def batch(dtype: torch.dtype, n: int = 64) -> tuple[Tensor, Tensor]:
    """Moderate logits that fit no float32 exactly, and labels of both classes."""
    stream = torch.Generator().manual_seed(3)
    z = 3 * torch.randn(n, dtype=torch.float64, generator=stream)
    y = (torch.rand(n, generator=stream) < 0.4).double()
    return z.to(dtype), y.to(dtype)


def both_labels(z: Tensor) -> tuple[Tensor, Tensor]:
    y = torch.cat([torch.zeros_like(z), torch.ones_like(z)])
    return torch.cat([z, z]), y


# --- the contract ----------------------------------------------------------------------------


@every_dtype
@every_loss
@pytest.mark.parametrize("shape", [(1,), (7,), (3, 5)], ids=str)
def test_a_loss_is_elementwise_and_keeps_shape_and_dtype(
    loss: Loss, dtype: torch.dtype, shape: tuple[int, ...]
) -> None:
    z = torch.linspace(-4, 4, math.prod(shape), dtype=dtype).reshape(shape)
    y = (torch.arange(math.prod(shape)) % 2).to(dtype).reshape(shape)
    values = loss.per_example(z, y, **defaults(loss))
    assert values.shape == z.shape
    assert values.dtype == dtype
    alone = [
        loss.per_example(a[None], b[None], **defaults(loss)).item()
        for a, b in zip(z.flatten(), y.flatten(), strict=True)
    ]
    np.testing.assert_allclose(values.flatten().numpy(), alone, rtol=1e-6)


@every_dtype
@pytest.mark.parametrize(("loss", "given"), EVERY_SETTING)
def test_the_criterion_is_the_mean_over_examples(
    loss: Loss, given: dict[str, float], dtype: torch.dtype
) -> None:
    z, y = batch(dtype)
    criterion = loss.criterion(z, y, **given)
    assert criterion.shape == ()
    assert criterion.dtype == dtype
    expected = loss.per_example(z, y, **given).double().mean().item()
    assert criterion.item() == pytest.approx(expected, rel=1e-5 if dtype is DTYPES[0] else 1e-12)


@every_dtype
@pytest.mark.parametrize(("loss", "given"), EVERY_SETTING)
def test_value_and_gradient_are_finite_for_any_logit_within_ten_thousand(
    loss: Loss, given: dict[str, float], dtype: torch.dtype
) -> None:
    z, y = both_labels(LOGITS.to(dtype))
    z.requires_grad_()
    for function in (loss.criterion, lambda *a, **k: loss.per_example(*a, **k).mean()):
        value = function(z, y, **given)
        assert torch.isfinite(value)
        (gradient,) = torch.autograd.grad(value, z)
        assert torch.isfinite(gradient).all()


@every_dtype
@pytest.mark.parametrize(("loss", "given"), EVERY_SETTING)
def test_a_loss_is_never_negative(loss: Loss, given: dict[str, float], dtype: torch.dtype) -> None:
    z, y = both_labels(LOGITS.to(dtype))
    # A smoothed target is met only up to rounding: softplus(z) - t z cancels.
    slack = 1e-3 if dtype is torch.float32 else 1e-11
    assert (loss.per_example(z, y, **given) >= -slack).all()


@pytest.mark.parametrize(("loss", "given"), EVERY_SETTING)
def test_the_gradient_equals_finite_differences(loss: Loss, given: dict[str, float]) -> None:
    if any(value > 1e6 for value in given.values()):
        given = {name: min(value, 1e3) for name, value in given.items()}  # else differences round
    z, y = both_labels(torch.tensor([-3.3, -2.1, -0.6, -0.2, 0.3, 0.7, 1.9, 4.1]).double())
    z.requires_grad_()  # none of them at a kink: margins -1 and 1

    def mean_of_examples(z: Tensor) -> Tensor:
        return loss.per_example(z, y, **given).mean()

    assert torch.autograd.gradcheck(mean_of_examples, (z,))
    assert torch.autograd.gradcheck(lambda z: loss.criterion(z, y, **given), (z,))


@every_loss
@pytest.mark.parametrize("margin", [0.5, 2.0, 10.0, 1e3])
def test_to_be_wrong_costs_more_than_to_be_right(loss: Loss, margin: float) -> None:
    z = torch.tensor([margin, -margin], dtype=torch.float64)
    for label in (0.0, 1.0):
        wrong, right = loss.per_example(
            z if label == 0 else -z, torch.full_like(z, label), **defaults(loss)
        ).tolist()
        assert wrong > right


@every_loss
def test_the_loss_falls_as_the_margin_of_a_wrong_answer_shrinks(loss: Loss) -> None:
    z = torch.linspace(-5, 0, 50, dtype=torch.float64)
    values = loss.per_example(z, torch.ones_like(z), **defaults(loss))
    assert (values.diff() < 0).all()


@every_loss
def test_class_0_is_the_mirror_image_of_class_1(loss: Loss) -> None:
    """At the defaults: `weighted_bce` weighs the classes alike there."""
    z, _ = batch(torch.float64)
    ones = loss.per_example(z, torch.ones_like(z), **defaults(loss))
    zeros = loss.per_example(-z, torch.zeros_like(z), **defaults(loss))
    torch.testing.assert_close(ones, zeros, rtol=1e-9, atol=1e-12)


@every_loss
def test_float32_agrees_with_float64(loss: Loss) -> None:
    z, y = batch(torch.float32)
    single = loss.per_example(z, y, **defaults(loss)).double()
    double = loss.per_example(z.double(), y.double(), **defaults(loss))
    torch.testing.assert_close(single, double, rtol=1e-4, atol=1e-6)


# --- independent references ------------------------------------------------------------------


def reference(name: str, function: Callable[[np.ndarray, np.ndarray], float]) -> object:
    return pytest.param(name, function, id=name)


def modified_huber_piecewise(z: np.ndarray, y: np.ndarray) -> float:
    total = 0.0
    for logit, label in zip(z, y, strict=True):
        margin = logit if label == 1 else -logit
        if margin >= 1:
            total += 0
        elif margin >= -1:
            total += 1 - 2 * margin + margin * margin
        else:
            total -= 4 * margin
    return total / len(z)


@pytest.mark.parametrize(
    ("name", "function"),
    [
        reference("bce", lambda z, y: log_loss(y, expit(z))),
        reference("bce_logits", lambda z, y: log_loss(y, expit(z))),
        reference("mse", lambda z, y: brier_score_loss(y, expit(z))),
        reference("hinge", lambda z, y: hinge_loss(y, z)),
        reference(
            "squared_hinge",
            lambda z, y: (
                sum(max(0, 1 - (a if b else -a)) ** 2 for a, b in zip(z, y, strict=True)) / len(z)
            ),
        ),
        reference("modified_huber", modified_huber_piecewise),
    ],
)
def test_a_loss_equals_the_reference(
    name: str, function: Callable[[np.ndarray, np.ndarray], float]
) -> None:
    z, y = batch(torch.float64, 500)
    expected = function(z.numpy(), y.numpy())
    assert LOSSES[name].criterion(z, y).item() == pytest.approx(expected, rel=1e-9)


def test_modified_huber_meets_itself_at_the_seams() -> None:
    z = torch.tensor([-1.0, 1.0], dtype=torch.float64)
    step = 1e-9
    for side in (-step, step):
        values = LOSSES["modified_huber"].per_example(z + side, torch.ones_like(z))
        torch.testing.assert_close(values, torch.tensor([4.0, 0.0]).double(), atol=1e-7, rtol=0)


@pytest.mark.parametrize("gamma", [0.5, 2.0, 5.0])
def test_focal_equals_its_formula(gamma: float) -> None:
    z, y = batch(torch.float64)
    p = expit(z.numpy())
    p_t = np.where(y.numpy() == 1, p, 1 - p)
    expected = -((1 - p_t) ** gamma) * np.log(p_t)
    values = LOSSES["focal"].per_example(z, y, gamma=gamma)
    np.testing.assert_allclose(values.numpy(), expected, rtol=1e-10)


@pytest.mark.parametrize("eps", [0.1, 0.5, 0.9])
def test_label_smoothing_is_the_cross_entropy_with_torch_s_smoothed_classes(eps: float) -> None:
    z, y = batch(torch.float64)
    two_classes = torch.stack([torch.zeros_like(z), z], dim=1)
    expected = torch.nn.CrossEntropyLoss(label_smoothing=eps)(two_classes, y.long())
    value = LOSSES["label_smoothing"].criterion(z, y, eps=eps)
    torch.testing.assert_close(value, expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("weight", [0.01, 1.0, 3.0, 250.0])
def test_weighted_bce_is_torch_s_pos_weight(weight: float) -> None:
    z, y = batch(torch.float64)
    torch_s = torch.nn.BCEWithLogitsLoss(
        pos_weight=torch.tensor(weight, dtype=torch.float64), reduction="none"
    )(z, y)
    values = LOSSES["weighted_bce"].per_example(z, y, pos_weight=weight)
    torch.testing.assert_close(values, torch_s, rtol=1e-12, atol=1e-15)
    torch.testing.assert_close(
        LOSSES["weighted_bce"].criterion(z, y, pos_weight=weight), torch_s.mean()
    )


@every_dtype
@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("focal", {"gamma": 0.0}),
        ("label_smoothing", {"eps": 0.0}),
        ("weighted_bce", {"pos_weight": 1.0}),
    ],
)
def test_where_its_hyperparameter_does_nothing_a_loss_is_bce(
    name: str, given: dict[str, float], dtype: torch.dtype
) -> None:
    z, y = batch(dtype)
    expected = LOSSES["bce_logits"].per_example(z, y)
    torch.testing.assert_close(LOSSES[name].per_example(z, y, **given), expected)


def test_bce_is_bit_for_bit_torch_s_criterion_on_the_sigmoid() -> None:
    z, y = batch(torch.float32)
    assert torch.equal(LOSSES["bce"].criterion(z, y), torch.nn.BCELoss()(torch.sigmoid(z), y))
    assert torch.equal(LOSSES["bce_logits"].criterion(z, y), torch.nn.BCEWithLogitsLoss()(z, y))
    assert torch.equal(LOSSES["mse"].criterion(z, y), torch.nn.MSELoss()(torch.sigmoid(z), y))


def test_bce_is_clamped_where_the_sigmoid_saturates_and_bce_logits_is_not() -> None:
    z, y = torch.tensor([1e4]), torch.tensor([0.0])
    assert LOSSES["bce"].per_example(z, y).item() == 100
    assert LOSSES["bce_logits"].per_example(z, y).item() == 1e4


@every_loss
def test_a_proper_loss_is_least_at_the_probability_itself_and_no_other_is(loss: Loss) -> None:
    z = torch.linspace(-4, 4, 8001, dtype=torch.float64)
    params = {h.name: h.default for h in loss.hyperparameters}
    if loss.name == "weighted_bce":
        params = {"pos_weight": 3.0}  # at 1 it is bce
    ones, zeros = torch.ones_like(z), torch.zeros_like(z)
    said = []
    for p in (0.1, 0.3, 0.8):
        expected = p * loss.per_example(z, ones, **params)
        expected += (1 - p) * loss.per_example(z, zeros, **params)
        said.append(bool(abs(torch.sigmoid(z[expected.argmin()]) - p) < 1e-3))
    assert all(said) if loss.proper else not all(said)
