"""What asking costs, and what TPE by the batch is worth against Optuna's own TPE.

    python benchmarks/search.py            # both parts
    python benchmarks/search.py --cost     # ask and tell, ms a trial, at 1,000 to 10,000 trials
    python benchmarks/search.py --quality  # best held-out log loss after a budget of trials

Quality: the same budget, the same batches, the same seeds, each on its own share of the trials
of breast_cancer (200 steps), trained for real. Every number is measured in this run.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
import warnings
from collections.abc import Callable, Sequence

import numpy as np
import optuna

from lrlab.data import Problem, load_problem
from lrlab.search import Proposal, TrialBatch, TrialResult, ask, batches, new_study, restore, tell
from lrlab.search.samplers import _suggest
from lrlab.spec import SweepSpec, make_spec
from lrlab.train import ENGINES
from lrlab.trial import Run

SPACE = {
    "optimizer": ["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam"],
    "loss": ["bce_logits", "mse", "hinge", "focal"],
    "lr": {"low": 1e-4, "high": 10, "log": True},
    "l2": {"low": 1e-6, "high": 0.1, "log": True},
    "momentum.beta": {"low": 0.5, "high": 0.99},
    "nesterov.beta": {"low": 0.5, "high": 0.99},
    "adam.beta1": {"low": 0.5, "high": 0.99},
    "focal.gamma": {"low": 0, "high": 5},
}
BATCH = 64
Ask = Callable[[optuna.Study, SweepSpec, TrialBatch], list[Proposal]]


def spec_of(sampler: str, trials: int, seed: int, batch: int = BATCH) -> SweepSpec:
    """The space above on breast_cancer."""
    return make_spec(
        {
            "name": "benchmark",
            "data": {
                "source": "sklearn",
                "dataset": "breast_cancer",
                "val_fraction": 0.25,
                "test_fraction": 0,
                "seed": 1,
            },
            "train": {"steps": 200},
            "search": {"sampler": sampler, "trials": trials, "batch": batch, "space": SPACE},
            "seed": seed,
        }
    )


def ask_optuna(study: optuna.Study, spec: SweepSpec, batch: TrialBatch) -> list[Proposal]:
    """Optuna's TPESampler as it advises for conditional spaces and batches."""
    study.sampler = optuna.samplers.TPESampler(
        seed=spec.seed * 1000 + batch.index, multivariate=True, group=True, constant_liar=True
    )
    trials = [study.ask() for _ in range(batch.start, batch.stop)]
    return [Proposal(_suggest(trial, spec), trial) for trial in trials]


def filled_study(spec: SweepSpec, trials: int) -> optuna.Study:
    """A study of finished random trials with made-up results; a tenth of them diverged."""
    drawn = spec_of("random", trials, seed=2, batch=2500)
    rng = np.random.default_rng(0)
    study = new_study(spec)
    for batch in batches(drawn):
        proposals = ask(study, drawn, batch)
        configs = [each.config for each in proposals]
        results = [
            TrialResult(None, 2.0, 5)
            if rng.random() < 0.1
            else TrialResult(abs(math.log(config.lr) + 2) + rng.random())
            for config in configs
        ]
        restore(study, drawn, configs, results)
    return study


def cost(name: str, sampler: str, ask_batch: Ask, trials: int) -> None:
    """Print what asking and telling a batch of 64 costs after so many trials."""
    spec = spec_of(sampler, trials + BATCH, seed=1)
    study = filled_study(spec, trials)
    batch = TrialBatch(trials // BATCH, trials, trials + BATCH)
    asking = []
    for _ in range(3 if sampler == "tpe" and ask_batch is ask else 1):
        start = time.perf_counter()
        proposals = ask_batch(study, spec, batch)
        asking.append(time.perf_counter() - start)
    start = time.perf_counter()
    for each in proposals:
        tell(study, spec, each, TrialResult(1.0))
    telling = time.perf_counter() - start
    ms = 1000 / BATCH
    print(f"{name:14}{trials:>8}{statistics.median(asking) * ms:>9.2f}{telling * ms:>9.2f}")


def best_of(spec: SweepSpec, problem: Problem, ask_batch: Ask) -> list[float]:
    """Best objective so far after each batch."""
    study, best = new_study(spec), math.inf
    found = []
    for batch in batches(spec):
        proposals = ask_batch(study, spec, batch)
        runs = [
            Run(batch.start + i, 0, spec.seed, each.config) for i, each in enumerate(proposals)
        ]
        ended = {r.key: t for part in ENGINES["fused"](problem, runs, spec.train) for r, t in part}
        for run, each in zip(runs, proposals, strict=True):
            trajectory = ended[run.key]
            value = trajectory.final.get(spec.objective)
            last = trajectory.stepped["val_log_loss"]
            result = TrialResult(value)
            if value is None:
                known = float(last[-1]) if len(last) else None
                result = TrialResult(None, known, trajectory.diverged_at or 1)
            tell(study, spec, each, result)
            best = min(best, math.inf if value is None else value)
        found.append(best)
    return found


def quality(seeds: Sequence[int], trials: int) -> None:
    """Print the median best after each batch, by sampler."""
    asks: dict[str, tuple[str, Ask]] = {
        "random": ("random", ask),
        "tpe of Optuna": ("tpe", ask_optuna),
        "tpe by batch": ("tpe", ask),
    }
    problem = load_problem(spec_of("random", trials, seed=1))
    print(f"\nbest val_log_loss, median (quartiles) of {len(seeds)} seeds, batches of {BATCH}")
    ends = [batch.stop for batch in batches(spec_of("tpe", trials, seed=1))]
    print(" " * 14 + "".join(f"{f'{end} trials':>26}" for end in ends))
    for name, (sampler, ask_batch) in asks.items():
        rows = [best_of(spec_of(sampler, trials, seed), problem, ask_batch) for seed in seeds]
        low, middle, high = np.percentile(rows, [25, 50, 75], axis=0)
        cells = (
            f"{f'{m:.4f} ({a:.4f}..{b:.4f})':>26}"
            for a, m, b in zip(low, middle, high, strict=True)
        )
        print(f"{name:14}{''.join(cells)}", flush=True)


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cost", action="store_true")
    parser.add_argument("--quality", action="store_true")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--trials", type=int, default=320)
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")  # Optuna's on experimental options
    both = not (chosen.cost or chosen.quality)
    if chosen.cost or both:
        print(f"{'sampler':14}{'trials':>8}{'ask ms':>9}{'tell ms':>9}")
        for trials in (1000, 5000, 10_000):
            for sampler in ("random", "qmc", "grid", "tpe"):
                name = "tpe by batch" if sampler == "tpe" else sampler
                cost(name, sampler, ask, trials)
        for trials in (1000, 5000):
            cost("tpe of Optuna", "tpe", ask_optuna, trials)
    if chosen.quality or both:
        quality(range(1, chosen.seeds + 1), chosen.trials)


if __name__ == "__main__":
    main()
