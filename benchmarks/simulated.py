"""Small sweeps on populations that are known exactly, for `benchmarks/verdict.py`.

Populations are mixtures of normal distributions of the features, so that the logits of a linear
model are mixtures of normals in one dimension and its expected log loss is an integral, not an
estimate. Trials are mini-batch runs of gradient methods, vectorised over the trials of a sweep.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import special
from sklearn.linear_model import LogisticRegression

from lrlab.report.analysis.row_values import ROW_VALUES, row_values

KINDS = ("blobs", "heavy-tailed", "mislabeled", "ill-conditioned", "imbalanced")
LOSSES = ("bce", "mse", "smoothed")
FEATURES, FOLDS, SEEDS = 8, 5, 3
STEPS, BATCH = 60, 128
GRID = np.linspace(-6, 6, 161)  # standard deviations; the trapezoid rule is exact to 1e-8 on it
NORMAL = np.exp(-(GRID**2) / 2) / np.exp(-(GRID**2) / 2).sum()


@dataclass(frozen=True)
class Population:
    """A mixture of normal distributions of features, each with a label.

    Args:
        shares: Of the components, [j].
        labels: 0 or 1, [j].
        means: [j, d].
        scales: Standard deviations are those of `root` times these, [j].
        root: Of the covariance that all share, [d, d].
    """

    shares: np.ndarray
    labels: np.ndarray
    means: np.ndarray
    scales: np.ndarray
    root: np.ndarray

    def draw(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Features [n, d] and labels [n]."""
        of = rng.choice(len(self.shares), n, p=self.shares)
        noise = rng.standard_normal((n, FEATURES)) @ self.root.T
        return self.means[of] + self.scales[of, None] * noise, self.labels[of].astype(float)

    def expected(self, metric: str, weights: np.ndarray) -> np.ndarray:
        """Expected metric on new rows of models with weights [..., d + 1], the bias last."""
        w, b = weights[..., :-1], weights[..., -1:]
        center = w @ self.means.T + b
        spread = np.linalg.norm(w @ self.root, axis=-1, keepdims=True) * self.scales
        if metric == "val_accuracy":
            return np.asarray(special.ndtr((2 * self.labels - 1) * center / spread) @ self.shares)
        if metric == "val_auc":
            return self._area(center, spread)
        z = center[..., None] + spread[..., None] * GRID
        y = np.broadcast_to(self.labels[:, None], z.shape[-2:])
        return np.asarray(ROW_VALUES[metric](z, y) @ NORMAL @ self.shares)

    def _area(self, center: np.ndarray, spread: np.ndarray) -> np.ndarray:
        """Probability that a row of class 1 has the larger logit than one of class 0."""
        one, zero = self.labels == 1, self.labels == 0
        apart = center[..., one, None] - center[..., None, zero]
        wide = np.sqrt(spread[..., one, None] ** 2 + spread[..., None, zero] ** 2)
        weights = np.outer(self.shares[one], self.shares[zero])
        return np.asarray((special.ndtr(apart / wide) * weights).sum((-2, -1)) / weights.sum())


def population(kind: str) -> Population:
    """The population of a kind of data; the same every time."""
    rng = np.random.default_rng(5)
    direction = rng.standard_normal(FEATURES)
    direction *= 1.1 / np.linalg.norm(direction)
    root, share, scales, flipped = np.eye(FEATURES), 0.5, ((1.0, 1.0),), 0.0
    if kind == "heavy-tailed":
        scales = ((0.5, 0.5), (0.3, 1.0), (0.15, 3.0), (0.05, 8.0))
    if kind == "mislabeled":
        flipped = 0.1
    if kind == "ill-conditioned":
        turn, _ = np.linalg.qr(rng.standard_normal((FEATURES, FEATURES)))
        root = turn * np.logspace(-1.5, 1.5, FEATURES)
    if kind == "imbalanced":
        share, direction = 0.05, direction * 1.3
    parts = [
        (p_class * p_scale * p_flip, label if kept else 1 - label, sign * direction, scale)
        for label, sign, p_class in ((0, -1, 1 - share), (1, 1, share))
        for p_scale, scale in scales
        for kept, p_flip in ((True, 1 - flipped), (False, flipped))
        if p_flip
    ]
    shares, labels, means, sizes = (np.array(column) for column in zip(*parts, strict=True))
    return Population(shares, labels, means @ root.T, sizes, root)


@cache
def reference(kind: str) -> np.ndarray:
    """A model fitted to a large draw of its own, [d + 1].

    By how much its mean loss on judging rows is off is known, and most of what any model's is.
    """
    given = population(kind)
    x, y = given.draw(20_000, np.random.default_rng(99))
    center, size = x.mean(axis=0), x.std(axis=0)
    w = LogisticRegression(C=1e3, max_iter=500).fit((x - center) / size, y)
    weights = w.coef_[0] / size
    return np.append(weights, w.intercept_[0] - weights @ center)


@dataclass(frozen=True)
class Setting:
    """One cell of the simulation.

    Args:
        kind: Of data.
        folds: Whether rows are judged out of fold, else by three-way split.
        rows: That judge.
        trials: Least and most; drawn for each sweep.
        methods: Least and most optimizers.
        same: Whether the methods are one under several names.
        apart: By which part of the best log loss one method is made worse; 0 for not at all.
        metric: By which trials are chosen and judged.
    """

    kind: str
    folds: bool
    rows: int
    trials: tuple[int, int] = (20, 300)
    methods: tuple[int, int] = (2, 12)
    same: bool = False
    apart: float = 0.0
    metric: str = "val_log_loss"


@dataclass(frozen=True)
class Table:
    """Rows to train on, to choose by and to judge by, of one replicate."""

    train: np.ndarray
    val: np.ndarray
    judge: np.ndarray


def stratified(y: np.ndarray, parts: Sequence[int], rng: np.random.Generator) -> list[np.ndarray]:
    """Row numbers of parts of given sizes, each with the classes' shares of the whole."""
    # one class after the other, dealt to the parts in turns that are as even as can be
    mixed = np.concatenate([rng.permutation(np.flatnonzero(y == c)) for c in (0, 1)])
    turns = np.concatenate([(np.arange(p) + 0.5) / p for p in parts])
    dealt = np.repeat(np.arange(len(parts)), parts)[np.argsort(turns, kind="stable")]
    return [mixed[dealt == i] for i in range(len(parts))]


def divided(setting: Setting, y: np.ndarray, rng: np.random.Generator, n: int) -> list[Table]:
    if not setting.folds:
        train, val, judge = stratified(y, parts_of(setting), rng)
        return [Table(train, val, judge)]
    size = [n // FOLDS + (i < n % FOLDS) for i in range(FOLDS)]
    folds = stratified(y, size, rng)
    every = np.arange(n)
    return [Table(np.setdiff1d(every, fold), fold, fold) for fold in folds]


def parts_of(setting: Setting) -> tuple[int, int, int]:
    return min(3 * setting.rows, 400), min(max(setting.rows, 50), 1000), setting.rows


@dataclass(frozen=True)
class Trials:
    """Hyperparameters, each [t]; methods and losses by number."""

    method: np.ndarray
    loss: np.ndarray
    lr: np.ndarray
    l2: np.ndarray
    beta: np.ndarray
    adaptive: np.ndarray


def draw_trials(setting: Setting, rng: np.random.Generator) -> Trials:
    k = int(rng.integers(setting.methods[0], setting.methods[1] + 1))
    t = round(np.exp(rng.uniform(*np.log(setting.trials))))
    t = max(t, 3 * k)
    method, loss = np.arange(t) % k, rng.integers(0, len(LOSSES), t)
    if setting.same or setting.apart:
        return Trials(
            method,
            np.zeros(t, int),
            10 ** rng.uniform(-1.3, -0.5, t),
            10 ** rng.uniform(-5, -2, t),
            np.full(t, 0.9),
            np.full(t, True),
        )
    beta = np.array([0, 0.5, 0.9, 0.97])[method % 4]
    adaptive = (method // 4) % 2 == 1
    lr = 10 ** rng.uniform(-1.5, 1, t) * np.where(adaptive, 0.1, 1.0)
    return Trials(method, loss, lr, 10 ** rng.uniform(-5, -1, t), beta, adaptive)


def trained(x: np.ndarray, y: np.ndarray, trials: Trials, rng: np.random.Generator) -> np.ndarray:
    """Weights [t, d + 1] after the steps from one random start; the last column of x is ones.

    Steps are averaged gradients (momentum), divided by their size or not (Adam), of a loss whose
    derivative by the logit is (p - target) or, of `mse`, 8 p (1 - p) times that.
    """
    f = np.float32
    w = np.tile(rng.normal(0, 0.2, x.shape[1]).astype(f), (len(trials.lr), 1))
    m, v = np.zeros_like(w), np.zeros_like(w)
    lr, l2, beta = (c.astype(f)[:, None] for c in (trials.lr, trials.l2, trials.beta))
    squared, smoothed = ((trials.loss == i)[:, None] for i in (1, 2))
    x, targets = x.astype(f), np.where(smoothed, 0.05 + 0.9 * y, y).astype(f)
    for step in range(1, STEPS + 1):
        rows = rng.integers(0, len(x), BATCH) if len(x) > BATCH else slice(None)
        p = 1 / (1 + np.exp(-(w @ x[rows].T).clip(-30, 30)))
        slope = (p - targets[:, rows]) * np.where(squared, 8 * p * (1 - p), f(1))
        g = slope @ x[rows] / f(p.shape[1])
        g[:, :-1] += l2 * w[:, :-1]
        m = beta * m + (1 - beta) * g
        v = f(0.95) * v + f(0.05) * g * g
        size = np.sqrt(v / f(1 - 0.95**step)) + f(1e-6)
        step_size = f(1 - 0.9 * step / STEPS) * lr / (1 - beta**step)
        w = w - step_size * m / np.where(trials.adaptive[:, None], size, f(1))
    return w.astype(np.float64)


@dataclass(frozen=True)
class Swept:
    """All models of a sweep.

    Args:
        weights: On the source's features, [t, R, d + 1]; with folds R is the fold.
        x: Features [n, d].
        y: Labels.
        tables: Of each fold; one with a three-way split.
        trials: Their settings.
    """

    weights: np.ndarray
    x: np.ndarray
    y: np.ndarray
    tables: list[Table]
    trials: Trials


def sweep(setting: Setting, rng: np.random.Generator) -> Swept:
    n = setting.rows if setting.folds else sum(parts_of(setting))
    x, y = population(setting.kind).draw(n, rng)
    trials, tables = draw_trials(setting, rng), divided(setting, y, rng, n)
    weights = []
    for i in range(FOLDS if setting.folds else SEEDS):
        rows = tables[i % len(tables)].train
        center, size = x[rows].mean(axis=0), x[rows].std(axis=0)
        scaled = np.c_[(x[rows] - center) / size, np.ones(len(rows))]
        w = trained(scaled, y[rows], trials, rng)
        w[:, :-1] /= size
        w[:, -1] -= w[:, :-1] @ center
        weights.append(w)
    return Swept(np.stack(weights, axis=1), x, y, tables, trials)


def values_on(metric: str, swept: Swept, weights: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Row values [..., m] of models [..., d + 1] on rows."""
    z = weights[..., :-1] @ swept.x[rows].T + weights[..., -1:]
    return row_values(metric, z, swept.y[rows])
