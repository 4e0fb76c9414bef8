"""The fused engine against the loop, and against the floor that the machine sets.

    python benchmarks/training.py           # n = 200, 10,000, 100,000; d = 2, 30, 100
    python benchmarks/training.py --quick   # n = 200 only

Three optimizers (sgd, momentum, adam) x three losses (bce, mse, hinge), full batch, float32. A
rate is run-steps a second: runs x steps / time. The loop trains run by run on one core, as people
do. The fused engine uses every core by threads where the data are large enough; where they are
small, it is timed on one core and, as `lrlab sweep` trains a long sweep, in a worker process a
core. The floor of one run-step is the time of its two matrix products at the rate measured here
for that shape, in the faster of both orders in memory, plus n exponentials at the rate measured
here; divided by the cores that the fused engine used.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable

import torch

from lrlab.data import Problem, load_problem
from lrlab.spec import TrainSpec, make_spec
from lrlab.train import ENGINES, Processes, Workers
from lrlab.train.fused.engine import fused_groups, is_large
from lrlab.train.fused.group import TILE
from lrlab.trial import Run, TrialConfig

OPTIMIZERS, LOSSES = ("sgd", "momentum", "adam"), ("bce", "mse", "hinge")
SIZES = {200: (1024, 1000, 1000), 10_000: (128, 400, 60), 100_000: (64, 100, 12)}


def trial_batch(count: int) -> list[Run]:
    """Runs that go through optimizers and losses in turn, at lrs that do not diverge."""
    return [
        Run(i, 0, 1, TrialConfig.of(OPTIMIZERS[i % 3], LOSSES[i // 3 % 3], 0.001 + i * 1e-6))
        for i in range(count)
    ]


def run_steps_a_second(
    engine: str, problem: Problem, count: int, steps: int, workers: Workers | None = None
) -> float:
    """Train a trial batch once; its evaluations are part of the time."""
    settings = TrainSpec(steps=steps)
    start = time.perf_counter()
    parts = ENGINES[engine](problem, trial_batch(count), settings, frozenset(), workers)
    trained = sum(len(part) for part in parts)
    assert trained == count
    return count * steps / (time.perf_counter() - start)


def in_processes(problem: Problem, count: int, steps: int) -> float:
    """The rate in as many worker processes as there are cores, once they are up."""
    workers = Processes(os.cpu_count() or 1, problem, TrainSpec(steps=steps))
    try:
        while not workers.ready:
            time.sleep(0.05)
        rates, begun = [], time.perf_counter()
        while time.perf_counter() - begun < 8:  # the other processes come up at first
            rates.append(run_steps_a_second("fused", problem, count, steps, workers))
        return max(rates)
    finally:
        workers.close()


def seconds(call: Callable[[], object], at_least: float = 0.3) -> float:
    """The fastest of several calls."""
    call()
    best, begun = float("inf"), time.perf_counter()
    while time.perf_counter() - begun < at_least:
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best


def floor(n: int, d: int, runs: int) -> float:
    """Seconds of one run-step on one core: two matrix products and n exponentials."""
    torch.set_num_threads(1)
    rows = min(n, max(1, TILE // runs))
    w, x, m = torch.randn(runs, d + 1), torch.randn(rows, d + 1), torch.randn(runs, rows)
    out, gradients = torch.empty(runs, rows), torch.empty(runs, d + 1)
    layouts = (x, x.T.contiguous().T)
    forward = min(seconds(lambda x=x: torch.mm(w, x.T, out=out)) for x in layouts)
    backward = min(seconds(lambda x=x: torch.mm(m, x, out=gradients)) for x in layouts)
    exponential = seconds(lambda: torch.exp(m, out=out))
    return (forward + backward + exponential) / (runs * rows) * n


def main() -> None:
    """Parse the command line and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="n = 200 only")
    chosen = parser.parse_args()
    print(f"{os.cpu_count()} cores, {platform.platform()}, torch {torch.__version__}\n")
    print(
        f"{'n':>8}{'d':>5}{'runs':>6}{'loop':>12}{'fused':>12}{'x loop':>9}{'x floor':>9}"
        f"{'every core':>12}{'x loop':>9}"
    )
    for n, (runs, fused_steps, loop_steps) in SIZES.items():
        if chosen.quick and n > 200:
            continue
        for d in (2, 30, 100):
            data = {"sizes": [n // 2, n // 2], "val_sizes": [100, 100], "features": d}
            problem = load_problem(make_spec({"name": "benchmark", "data": data}))
            run_steps_a_second("fused", problem, 9, 5)  # loads code
            run_steps_a_second("loop", problem, 9, 20)
            loop = run_steps_a_second("loop", problem, 3 if n < 10_000 else 1, loop_steps)
            fused = max(run_steps_a_second("fused", problem, runs, fused_steps) for _ in range(2))
            settings = TrainSpec(steps=fused_steps)
            groups = fused_groups(trial_batch(runs), [n], settings)
            large = is_large([n], settings)
            cores = os.cpu_count() or 1 if large else 1
            least = floor(n, d, len(groups[0])) / min(cores, len(groups))
            everywhere = fused if large else in_processes(problem, runs, fused_steps)
            print(
                f"{n:>8,}{d:>5}{runs:>6}{loop:>12,.0f}{fused:>12,.0f}"
                f"{fused / loop:>9.0f}{1 / fused / least:>9.1f}"
                f"{everywhere:>12,.0f}{everywhere / loop:>9.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
