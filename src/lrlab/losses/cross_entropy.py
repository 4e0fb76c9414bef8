"""Negative log likelihoods of the label, and what is made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lrlab.lazy import on_use
from lrlab.losses.loss import Loss, margin
from lrlab.registry import Hyperparameter

if TYPE_CHECKING:
    import torch
    import torch.nn.functional as F
    from torch import Tensor
else:
    torch, F = on_use("torch"), on_use("torch.nn.functional")

_BCE_FLOOR = 9.999999960041972e-13  # 1e-12 in single precision, as torch holds it


def _bce(z: Tensor, y: Tensor) -> Tensor:
    return F.binary_cross_entropy(torch.sigmoid(z), y, reduction="none")


def _bce_mean(z: Tensor, y: Tensor) -> Tensor:
    return F.binary_cross_entropy(torch.sigmoid(z), y)


def _bce_value_and_grad(m: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    # As torch: logarithms end at -100, and the denominator p (1 - p) of the derivative at 1e-12,
    # a constant that torch holds in single precision.
    sign = 2 * y - 1
    p = (m * sign).sigmoid_()
    other = 1 - p
    log_likelihood = torch.lerp(other, p, y).log_().clamp_(min=-100)
    damped = other.mul_(p).mul_(1 / _BCE_FLOOR).clamp_(max=1)
    return log_likelihood.neg_(), p.sub_(y).mul_(sign).mul_(damped)


bce = Loss(
    "bce",
    _bce,
    value_and_grad=_bce_value_and_grad,
    formula="-[y log p + (1-y) log(1-p)]",
    when="The tutorial's choice: the likelihood of the labels, with calibrated probabilities. "
    "It saturates where p rounds to 0 or 1; prefer bce_logits for large weights.",
    source="torch.nn.BCELoss on the sigmoid; log p clamped at -100",
    mean=_bce_mean,
    proper=True,
)


def _bce_logits(z: Tensor, y: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(z, y, reduction="none")


def _bce_logits_mean(z: Tensor, y: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(z, y)


def _bce_logits_value_and_grad(m: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return F.logsigmoid(m).neg_(), torch.sigmoid(-m).neg_()


bce_logits = Loss(
    "bce_logits",
    _bce_logits,
    value_and_grad=_bce_logits_value_and_grad,
    formula="log(1 + exp(-s z))",
    when="The default: the same value as bce, computed so that it neither overflows nor "
    "loses its gradient.",
    source="torch.nn.BCEWithLogitsLoss",
    mean=_bce_logits_mean,
    proper=True,
)


def _focal(z: Tensor, y: Tensor, gamma: float) -> Tensor:
    m = margin(z, y)
    # (1 - p_t)^gamma as an exponential: a power of an underflowed base has a NaN gradient.
    return -torch.exp(gamma * F.logsigmoid(-m)) * F.logsigmoid(m)


def _focal_value_and_grad(m: Tensor, y: Tensor, gamma: Tensor) -> tuple[Tensor, Tensor]:
    log_p = F.logsigmoid(m)
    log_q = log_p - m
    focus = (gamma * log_q).exp_()
    grad = log_p.exp().mul_(gamma).mul_(log_p).sub_(log_q.exp_()).mul_(focus)
    return focus.mul_(log_p).neg_(), grad


focal = Loss(
    "focal",
    _focal,
    value_and_grad=_focal_value_and_grad,
    formula="-(1-p_t)^gamma log p_t, p_t = sigmoid(s z)",
    when="Many easy examples, often of a large majority class, drown out the few hard ones.",
    source="Lin et al. 2017, Focal Loss for Dense Object Detection, eq. 4",
    hyperparameters=(
        Hyperparameter("gamma", 2.0, low=0, high=20, meaning="focus on hard examples; 0 is bce"),
    ),
)


def _label_smoothing(z: Tensor, y: Tensor, eps: float) -> Tensor:
    target = y * (1 - eps) + eps / 2
    return -F.logsigmoid(-z) - target * z


def _label_smoothing_value_and_grad(m: Tensor, y: Tensor, eps: Tensor) -> tuple[Tensor, Tensor]:
    value, grad = _bce_logits_value_and_grad(m, y)
    half = eps / 2
    return value.addcmul_(half, m), grad.add_(half)


label_smoothing = Loss(
    "label_smoothing",
    _label_smoothing,
    value_and_grad=_label_smoothing_value_and_grad,
    formula="bce with target y(1-eps) + eps/2",
    when="Labels are noisy, or classes are separable: weights stay finite without l2.",
    source="Szegedy et al. 2016, Rethinking the Inception Architecture, section 7",
    hyperparameters=(
        Hyperparameter(
            "eps", 0.1, low=0, high=1, high_open=True, meaning="share of the target smoothed"
        ),
    ),
)


def _weighted_bce(z: Tensor, y: Tensor, pos_weight: float) -> Tensor:
    return -(pos_weight * y * F.logsigmoid(z) + (1 - y) * F.logsigmoid(-z))


def _weighted_bce_mean(z: Tensor, y: Tensor, pos_weight: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(z, y, pos_weight=z.new_tensor(pos_weight))


def _weighted_bce_value_and_grad(
    m: Tensor, y: Tensor, pos_weight: Tensor
) -> tuple[Tensor, Tensor]:
    value, grad = _bce_logits_value_and_grad(m, y)
    weight = torch.lerp(torch.ones_like(pos_weight), pos_weight, y)
    return value.mul_(weight), grad.mul_(weight)


weighted_bce = Loss(
    "weighted_bce",
    _weighted_bce,
    value_and_grad=_weighted_bce_value_and_grad,
    formula="-[w y log p + (1-y) log(1-p)], w = pos_weight",
    when="A missed positive costs w times as much as a false alarm, or positives are rare. "
    "It shifts the probabilities on purpose.",
    source="pos_weight of torch.nn.BCEWithLogitsLoss",
    hyperparameters=(
        Hyperparameter(
            "pos_weight", 1.0, low=0, low_open=True, meaning="weight of class 1; 1 is bce"
        ),
    ),
    mean=_weighted_bce_mean,
)
