"""The catalogue of losses, each a function of the logit z and the label y in {0, 1}.

Every loss is given per example, so that it can be averaged, weighted or differentiated for
many models at once. Where torch has a criterion of its own, `mean` holds it: its backward
pass rounds differently in the last bit, and the tutorial's program uses it.
Below, s = 2y - 1 is the label as a sign and p = sigmoid(z) the probability of class 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lrlab.lazy import on_use
from lrlab.registry import Catalogue, Hyperparameter

if TYPE_CHECKING:
    import torch
    import torch.nn.functional as F
    from torch import Tensor
else:
    torch, F = on_use("torch"), on_use("torch.nn.functional")

PerExample = Callable[..., "Tensor"]
_BCE_FLOOR = float(np.float32(1e-12))


@dataclass(frozen=True)
class Loss:
    """One entry of the catalogue.

    Args:
        name: The name a spec uses.
        per_example: `(z, y, **hyperparameters) -> values`, elementwise: `z`, `y` and the
            result have one shape and dtype. Differentiable by autograd.
        formula: The value for one example, as text.
        when: When it is the right choice, in a sentence.
        source: Paper or documentation of the formula.
        hyperparameters: Its own numbers; a spec writes them `name.hyperparameter`.
        mean: Torch's own mean reduction of the same loss, where there is one.
        slope: `(m, y, **hyperparameters) -> (values, derivatives by m)` in closed form, for
            training many runs at once: `m` [r, n] are margins s z, `y` [n] the labels;
            hyperparameters are [r, 1]. Where it is None, autograd differentiates `per_example`.
        proper: Whether it is a strictly proper score of p = sigmoid(z), least on average where p
            is the probability of class 1 (Gneiting & Raftery 2007). The scores of other losses
            are no probabilities until they are recalibrated.
    """

    name: str
    per_example: PerExample
    formula: str
    when: str
    source: str
    hyperparameters: tuple[Hyperparameter, ...] = ()
    mean: PerExample | None = None
    slope: Callable[..., tuple[Tensor, Tensor]] | None = None
    proper: bool = False

    def criterion(self, z: Tensor, y: Tensor, **hyperparameters: float) -> Tensor:
        """Mean loss over the batch, a scalar tensor with the graph attached."""
        if self.mean is not None:
            return self.mean(z, y, **hyperparameters)
        return self.per_example(z, y, **hyperparameters).mean()


def _margin(z: Tensor, y: Tensor) -> Tensor:
    return (2 * y - 1) * z


def _bce(z: Tensor, y: Tensor) -> Tensor:
    return F.binary_cross_entropy(torch.sigmoid(z), y, reduction="none")


def _bce_mean(z: Tensor, y: Tensor) -> Tensor:
    return F.binary_cross_entropy(torch.sigmoid(z), y)


def _bce_logits(z: Tensor, y: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(z, y, reduction="none")


def _bce_logits_mean(z: Tensor, y: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(z, y)


def _mse(z: Tensor, y: Tensor) -> Tensor:
    return (torch.sigmoid(z) - y) ** 2


def _mse_mean(z: Tensor, y: Tensor) -> Tensor:
    return F.mse_loss(torch.sigmoid(z), y)


def _hinge(z: Tensor, y: Tensor) -> Tensor:
    return torch.clamp(1 - _margin(z, y), min=0)


def _squared_hinge(z: Tensor, y: Tensor) -> Tensor:
    return torch.clamp(1 - _margin(z, y), min=0) ** 2


def _focal(z: Tensor, y: Tensor, gamma: float) -> Tensor:
    m = _margin(z, y)
    # (1 - p_t)^gamma as an exponential: a power of an underflowed base has a NaN gradient.
    return -torch.exp(gamma * F.logsigmoid(-m)) * F.logsigmoid(m)


def _label_smoothing(z: Tensor, y: Tensor, eps: float) -> Tensor:
    target = y * (1 - eps) + eps / 2
    return -F.logsigmoid(-z) - target * z


def _weighted_bce(z: Tensor, y: Tensor, pos_weight: float) -> Tensor:
    return -(pos_weight * y * F.logsigmoid(z) + (1 - y) * F.logsigmoid(-z))


def _weighted_bce_mean(z: Tensor, y: Tensor, pos_weight: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(z, y, pos_weight=z.new_tensor(pos_weight))


def _modified_huber(z: Tensor, y: Tensor) -> Tensor:
    m = _margin(z, y)
    return torch.where(m < -1, -4 * m, torch.clamp(1 - m, min=0) ** 2)


def _bce_slope(m: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    # As torch: logarithms end at -100, and the denominator p (1 - p) of the derivative at 1e-12,
    # a constant that torch holds in single precision.
    sign = 2 * y - 1
    p = (m * sign).sigmoid_()
    other = 1 - p
    log_likelihood = torch.lerp(other, p, y).log_().clamp_(min=-100)
    damped = other.mul_(p).mul_(1 / _BCE_FLOOR).clamp_(max=1)
    return log_likelihood.neg_(), p.sub_(y).mul_(sign).mul_(damped)


def _bce_logits_slope(m: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return F.logsigmoid(m).neg_(), torch.sigmoid(-m).neg_()


def _mse_slope(m: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    off = torch.sigmoid(-m)
    square = off.square()
    return square, (off - 1).mul_(square).mul_(2)


def _hinge_slope(m: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    short = 1 - m
    # `out` saves the detour over bool, which takes longer than all the rest.
    return short.clamp(min=0), torch.ge(short, 0, out=torch.empty_like(short)).neg_()


def _squared_hinge_slope(m: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    short = (1 - m).clamp_(min=0)
    return short.square(), short.mul_(-2)


def _focal_slope(m: Tensor, y: Tensor, gamma: Tensor) -> tuple[Tensor, Tensor]:
    log_p = F.logsigmoid(m)
    log_q = log_p - m
    focus = (gamma * log_q).exp_()
    slopes = log_p.exp().mul_(gamma).mul_(log_p).sub_(log_q.exp_()).mul_(focus)
    return focus.mul_(log_p).neg_(), slopes


def _label_smoothing_slope(m: Tensor, y: Tensor, eps: Tensor) -> tuple[Tensor, Tensor]:
    value, slope = _bce_logits_slope(m, y)
    half = eps / 2
    return value.addcmul_(half, m), slope.add_(half)


def _weighted_bce_slope(m: Tensor, y: Tensor, pos_weight: Tensor) -> tuple[Tensor, Tensor]:
    value, slope = _bce_logits_slope(m, y)
    weight = torch.lerp(torch.ones_like(pos_weight), pos_weight, y)
    return value.mul_(weight), slope.mul_(weight)


def _modified_huber_slope(m: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    # short^2 up to 2, then on along the tangent: u (2 short - u) with u = short within [0, 2].
    short = 1 - m
    within = short.clamp(0, 2)
    return short.mul_(2).sub_(within).mul_(within), within.mul(-2)


LOSSES: Catalogue[Loss] = Catalogue("loss", Loss, group="lrlab.losses")

for _loss in (
    Loss(
        "bce",
        _bce,
        slope=_bce_slope,
        formula="-[y log p + (1-y) log(1-p)]",
        when="The tutorial's choice: the likelihood of the labels, probabilities calibrated. "
        "Saturates where p rounds to 0 or 1; prefer bce_logits for large weights.",
        source="torch.nn.BCELoss on the sigmoid; log p clamped at -100",
        mean=_bce_mean,
        proper=True,
    ),
    Loss(
        "bce_logits",
        _bce_logits,
        slope=_bce_logits_slope,
        formula="log(1 + exp(-s z))",
        when="The default: the same value as bce, computed so that it neither overflows nor "
        "loses its gradient.",
        source="torch.nn.BCEWithLogitsLoss",
        mean=_bce_logits_mean,
        proper=True,
    ),
    Loss(
        "mse",
        _mse,
        slope=_mse_slope,
        formula="(p - y)^2",
        when="The Brier score: bounded, so mislabelled points pull little; not convex in the "
        "weights, and flat where the model is wrong and sure.",
        source="Brier 1950, Monthly Weather Review 78(1)",
        mean=_mse_mean,
        proper=True,
    ),
    Loss(
        "hinge",
        _hinge,
        slope=_hinge_slope,
        formula="max(0, 1 - s z)",
        when="Only the decision counts: a linear support vector machine. Its scores are no "
        "probabilities.",
        source="Cortes & Vapnik 1995, Machine Learning 20(3)",
    ),
    Loss(
        "squared_hinge",
        _squared_hinge,
        slope=_squared_hinge_slope,
        formula="max(0, 1 - s z)^2",
        when="As hinge, but smooth, so that gradient methods converge faster; outliers weigh "
        "more, and a large lr diverges.",
        source="Chang, Hsieh & Lin 2008, JMLR 9",
    ),
    Loss(
        "focal",
        _focal,
        slope=_focal_slope,
        formula="-(1-p_t)^gamma log p_t, p_t = sigmoid(s z)",
        when="Many easy examples, often of a large majority class, drown the few hard ones.",
        source="Lin et al. 2017, Focal Loss for Dense Object Detection, eq. 4",
        hyperparameters=(
            Hyperparameter(
                "gamma", 2.0, low=0, high=20, meaning="focus on hard examples; 0 is bce"
            ),
        ),
    ),
    Loss(
        "label_smoothing",
        _label_smoothing,
        slope=_label_smoothing_slope,
        formula="bce with target y(1-eps) + eps/2",
        when="Labels are noisy, or the classes separable: the weights stay finite without l2.",
        source="Szegedy et al. 2016, Rethinking the Inception Architecture, section 7",
        hyperparameters=(
            Hyperparameter(
                "eps", 0.1, low=0, high=1, high_open=True, meaning="share of the target smoothed"
            ),
        ),
    ),
    Loss(
        "weighted_bce",
        _weighted_bce,
        slope=_weighted_bce_slope,
        formula="-[w y log p + (1-y) log(1-p)], w = pos_weight",
        when="Missing a positive costs w times a false alarm, or positives are rare. Shifts "
        "the probabilities on purpose.",
        source="pos_weight of torch.nn.BCEWithLogitsLoss",
        hyperparameters=(
            Hyperparameter(
                "pos_weight", 1.0, low=0, low_open=True, meaning="weight of class 1; 1 is bce"
            ),
        ),
        mean=_weighted_bce_mean,
    ),
    Loss(
        "modified_huber",
        _modified_huber,
        slope=_modified_huber_slope,
        formula="max(0, 1 - s z)^2 if s z >= -1, else -4 s z",
        when="Squared hinge that is linear far on the wrong side: smooth, and robust against "
        "outliers.",
        source="Zhang 2004, Statistical behavior and consistency of classification methods, "
        "Annals of Statistics 32(1)",
    ),
):
    LOSSES.register(_loss)
