"""lrlab against what people write: the same search, training and record, trials a second.

    python benchmarks/end_to_end.py               # all peers that are installed
    python benchmarks/end_to_end.py --seconds 30  # longer, for steadier numbers

Every contestant searches the quickstart's space (optimizer, lr, loss, momentum's beta) on the
tutorial's data with 1,000 full-batch steps a trial, and records each trial as an MLflow run in an
SQLite store of its own: params, 20 points of 4 curves, the final metrics, the weights and the
history of every step as artifacts.

    a  as people write it: Optuna on SQLite, a torch loop, mlflow.log_metric in the loop
    b  as an expert writes it: Optuna in memory, a torch loop, one log_batch a run
    c  as b, through optuna-integration's MLflowCallback (records params and the objective only)
    d  as b, in Ray Tune with its MLflowLoggerCallback

The peers run for a fixed time after their first trial, lrlab for a fixed number of trials; a rate
is trials after the start divided by the time they took. lrlab's whole command is timed besides.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import platform
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import mlflow
import numpy as np
import optuna
import pandas as pd
import torch
from mlflow.entities import Metric, Param

STEPS = 1000
POINTS = np.unique(np.geomspace(1, STEPS, 60).round().astype(int))[::3]
LOSSES: dict[str, Callable[..., torch.Tensor]] = {
    "bce": lambda z, y: torch.nn.functional.binary_cross_entropy(torch.sigmoid(z), y),
    "mse": lambda z, y: torch.nn.functional.mse_loss(torch.sigmoid(z), y),
    "hinge": lambda z, y: torch.clamp(1 - (2 * y - 1) * z, min=0).mean(),
}


def data() -> tuple[torch.Tensor, ...]:
    """The tutorial's two classes: training rows and 1,000 held-out rows."""
    torch.manual_seed(1)

    def draw(n: int) -> tuple[torch.Tensor, torch.Tensor]:
        ones = torch.ones(n, 2)
        x = torch.cat([torch.normal(1.7 * ones, 1) + 1, torch.normal(-1.7 * ones, 1) + 1])
        return x, torch.cat([torch.zeros(n), torch.ones(n)])

    return *draw(100), *draw(500)


def suggest(trial: optuna.Trial) -> dict[str, object]:
    """The quickstart's space."""
    config: dict[str, object] = {
        "optimizer": trial.suggest_categorical("optimizer", ["sgd", "momentum", "adam"]),
        "lr": trial.suggest_float("lr", 1e-4, 10, log=True),
        "loss": trial.suggest_categorical("loss", list(LOSSES)),
    }
    if config["optimizer"] == "momentum":
        config["beta"] = trial.suggest_float("momentum.beta", 0.5, 0.99)
    return config


def training(
    config: dict[str, object], rows: tuple[torch.Tensor, ...]
) -> Iterator[tuple[int, float, dict[str, float], torch.nn.Linear]]:
    """The five steps; yields step, loss and, where due, the curves' values."""
    x, y, x_val, y_val = rows
    model = torch.nn.Linear(2, 1)
    lr = float(config["lr"])  # type: ignore[arg-type]
    optimizer: torch.optim.Optimizer
    if config["optimizer"] == "adam":
        optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    else:
        beta = float(config.get("beta", 0.0))  # type: ignore[arg-type]
        optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=beta)
    loss_of, due = LOSSES[str(config["loss"])], set(POINTS.tolist())
    for step in range(1, STEPS + 1):
        loss = loss_of(model(x).squeeze(1), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        values = {}
        if step in due:
            with torch.no_grad():
                z, z_val = model(x).squeeze(1), model(x_val).squeeze(1)
                values = {
                    "train_loss": loss.item(),
                    "train_objective": loss_of(z, y).item(),
                    "val_log_loss": LOSSES["bce"](z_val, y_val).item(),
                    "val_accuracy": ((z_val >= 0) == (y_val > 0.5)).float().mean().item(),
                }
        yield step, loss.item(), values, model


def artifacts(folder: Path, model: torch.nn.Linear, history: list[float]) -> None:
    """Weights and history of one trial as files."""
    torch.save(model.state_dict(), folder / "weights.pt")
    pd.DataFrame({"step": range(1, len(history) + 1), "train_loss": history}).to_parquet(
        folder / "history.parquet"
    )


def trial_by_log_metric(trial: optuna.Trial, rows: tuple[torch.Tensor, ...]) -> float:
    """a: MLflow's fluent calls wherever there is something to log."""
    config = suggest(trial)
    history = []
    with mlflow.start_run(run_name=f"trial {trial.number}"), tempfile.TemporaryDirectory() as tmp:
        for key, value in config.items():
            mlflow.log_param(key, value)
        for step, loss, values, model in training(config, rows):  # noqa: B007
            history.append(loss)
            for name, value in values.items():
                mlflow.log_metric(name, value, step=step)
            final = values.get("val_log_loss", 0.0)
        artifacts(Path(tmp), model, history)
        mlflow.log_artifacts(tmp)
    return final


def trial_by_log_batch(trial: optuna.Trial, rows: tuple[torch.Tensor, ...]) -> float:
    """b: one client call for all metrics and params of a run."""
    config, client = suggest(trial), mlflow.MlflowClient()
    history, metrics, now = [], [], int(time.time() * 1000)
    for step, loss, values, model in training(config, rows):  # noqa: B007
        history.append(loss)
        metrics += [Metric(name, value, now, step) for name, value in values.items()]
        final = values.get("val_log_loss", 0.0)
    experiment = mlflow.get_experiment_by_name("benchmark")
    run_id = client.create_run(experiment.experiment_id).info.run_id
    params = [Param(key, str(value)) for key, value in config.items()]
    client.log_batch(run_id, metrics=metrics, params=params)
    with tempfile.TemporaryDirectory() as tmp:
        artifacts(Path(tmp), model, history)
        client.log_artifacts(run_id, tmp)
    client.set_terminated(run_id)
    return final


def trial_alone(trial: optuna.Trial, rows: tuple[torch.Tensor, ...]) -> float:
    """Training only: what MLflowCallback records, it records afterwards."""
    return [values for *_, values, _ in training(suggest(trial), rows)][-1]["val_log_loss"]


def rate_of(optimize: Callable[[Callable[[], None]], None], seconds: float) -> float:
    """Trials a second from the first to the last of a study that stops after some time."""
    ends: list[float] = []

    class Enough(Exception):
        pass

    def ended() -> None:
        ends.append(time.perf_counter())
        if ends[-1] - ends[0] > seconds and len(ends) > 3:
            raise Enough

    with contextlib.suppress(Enough):
        optimize(ended)
    return (len(ends) - 1) / (ends[-1] - ends[0])


def peer(name: str, seconds: float) -> float:
    """Trials a second of a, b or c in an empty folder."""
    rows = data()
    torch.set_num_threads(1)  # two threads only slow down tensors of 200 rows
    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    mlflow.set_experiment("benchmark")
    storage = "sqlite:///optuna.db" if name == "a" else None
    study = optuna.create_study(storage=storage, sampler=optuna.samplers.TPESampler(seed=1))
    objective = {"a": trial_by_log_metric, "b": trial_by_log_batch, "c": trial_alone}[name]
    callbacks = []
    if name == "c":
        from optuna_integration import MLflowCallback

        callbacks.append(MLflowCallback("sqlite:///mlflow.db", metric_name="val_log_loss"))
    return rate_of(
        lambda ended: study.optimize(
            lambda trial: objective(trial, rows),
            n_trials=100_000,
            callbacks=[*callbacks, lambda study, trial: ended()],
        ),
        seconds,
    )


def peer_ray(seconds: float) -> float:
    """Trials a second of d."""
    import ray
    from ray import tune
    from ray.air.integrations.mlflow import MLflowLoggerCallback

    rows = data()

    def objective(config: dict[str, object]) -> None:
        torch.set_num_threads(1)
        for step, _, values, _ in training(config, rows):
            if values:
                tune.report({"step": step, **values})

    ray.init(num_cpus=os.cpu_count(), include_dashboard=False, log_to_driver=False)
    space = {
        "optimizer": tune.choice(["sgd", "momentum", "adam"]),
        "lr": tune.loguniform(1e-4, 10),
        "loss": tune.choice(list(LOSSES)),
        "beta": tune.uniform(0.5, 0.99),
    }
    callback = MLflowLoggerCallback(
        tracking_uri="sqlite:///mlflow.db", experiment_name="benchmark"
    )
    trials = max(4, int(seconds / 2))
    start = time.perf_counter()
    tune.Tuner(
        objective,
        param_space=space,
        tune_config=tune.TuneConfig(num_samples=trials),
        run_config=tune.RunConfig(callbacks=[callback], storage_path=str(Path.cwd()), verbose=0),
    ).fit()
    return trials / (time.perf_counter() - start)


def ours(sampler: str, trials: int, folder: Path) -> tuple[float, float]:
    """Trials a second of a sweep, and of the whole command with its report."""
    quickstart = Path(__file__).resolve().parents[1] / "sweeps" / "quickstart.yaml"
    command = [
        sys.executable, "-m", "lrlab", "sweep", str(quickstart), "--trials", str(trials),
        "--set", f"search.sampler={sampler}", "--set", f"name={sampler}", "--tracking-uri",
        "sqlite:///mlflow.db",
    ]  # fmt: skip
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - start
    line = next(line for line in done.stdout.splitlines() if "runs/s)" in line)
    return float(line.partition("(")[2].partition(" runs/s")[0]), trials / seconds


def main() -> None:
    """Parse the command line and run every contestant in a folder of its own."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=15, help="for each peer")
    parser.add_argument("--trials", type=int, default=16384, help="for lrlab")
    parser.add_argument("--only", choices=["a", "b", "c", "d"], help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if chosen.only:  # in a process and folder of its own
        rate = (
            peer_ray(chosen.seconds) if chosen.only == "d" else peer(chosen.only, chosen.seconds)
        )
        print(f"rate {rate}")
        return
    print(f"{os.cpu_count()} cores, {platform.platform()}, python {platform.python_version()}")
    print(f"torch {torch.__version__}, mlflow {mlflow.__version__}, optuna {optuna.__version__}\n")
    with tempfile.TemporaryDirectory() as folder:
        # One folder for all, removed at the end: file systems such as ext4 are slow to create
        # files for a minute after many were removed, and the next contestant would pay for it.
        compare(Path(folder), chosen.seconds, chosen.trials)


def compare(folder: Path, seconds: float, trials: int) -> None:
    """Run everybody, each in a subfolder, and print their rates."""
    rates = {}
    needs = {"c": "optuna_integration", "d": "ray"}
    for name in "abcd":
        if name in needs and importlib.util.find_spec(needs[name]) is None:
            print(f"{name}                  not installed: pip install {needs[name]}")
            continue
        (folder / name).mkdir()
        command = [sys.executable, str(Path(__file__).resolve()), "--only", name]
        done = subprocess.run(
            [*command, "--seconds", str(seconds)],
            cwd=folder / name,
            capture_output=True,
            text=True,
        )
        line = next((x for x in done.stdout.splitlines() if x.startswith("rate ")), None)
        if line is None:
            print(f"{name}                  failed: {done.stderr.splitlines()[-1:]}")
            continue
        rates[name] = float(line.split()[1])
        print(f"{name}           {rates[name]:8.2f} trials/s", flush=True)
    for sampler in ("tpe", "random"):
        (folder / sampler).mkdir()
        sweep, whole = ours(sampler, trials, folder / sampler)
        against = ", ".join(f"{sweep / rate:.0f}x {name}" for name, rate in rates.items())
        print(
            f"lrlab {sampler:6}{sweep:7.1f} trials/s = {against}; whole command {whole:.1f}/s",
            flush=True,
        )


if __name__ == "__main__":
    main()
