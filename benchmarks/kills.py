"""kill -9 at every point of a sweep: what is recorded in the end is what it is without.

    python benchmarks/kills.py --kills 200

First an undisturbed sweep, which counts its commit points: every commit of the database and every
file of artifacts that is opened to be written. Then sweeps that are killed: half of them at
commit points, one after another, the others at random times, and half of all with a second
process started in the middle. Below the parent of every other one lie two runs of a user's own,
one of them RUNNING. The same command then finishes each, and the record is compared with the
undisturbed one through MLflow's own client. The report is two small files, as forming a real one
takes most of such a sweep's time and writes nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import sqlalchemy
from mlflow import MlflowClient
from mlflow.entities import RunTag

from lrlab import LrlabError, make_spec
from lrlab.report.analysis.answer import JudgedOn, Verdict
from lrlab.report.analysis.conclusions import Conclusions
from lrlab.report.text.verdict import in_words
from lrlab.sweep import finalize as end
from lrlab.sweep import run_sweep
from lrlab.track import quiet

SPEC = make_spec(
    {
        "name": "kills",
        "data": {"source": "blobs", "sizes": [30, 30], "val_sizes": [30, 30]},
        "train": {"steps": 30},
        "search": {
            "trials": 12,
            "batch": 6,
            "replicates": 2,
            "sampler": "random",
            "space": {"optimizer": ["sgd", "adam"], "loss": ["bce_logits", "mse"], "lr": [0.1, 1]},
        },
        "register_model": "kills-model",
    }
)
WRITING = os.O_WRONLY | os.O_RDWR
BUSY = 3  # exit code of a process that another one kept out


def a_report(known: Conclusions, *_: object) -> Any:
    """A report that costs nothing."""
    verdict = Verdict(None, JudgedOn(0, "none", 0), 0.01)
    return SimpleNamespace(runs=known.runs, verdict=verdict, words=in_words(verdict))


def two_files(report: Any, folder: Path) -> list[Path]:
    """The files of such a report."""
    paths = [folder / name for name in ("report.html", "runs.csv")]
    for path in paths:
        path.write_text(report.words.text)
    return paths


def forked(work: Callable[[], int]) -> int:
    """Start a process; returns its id."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        code = work()
    except LrlabError as error:
        code = BUSY if "run by another process" in str(error) else 1
        if code == 1:
            print(f"  {error}", file=sys.stderr)
    finally:
        os._exit(code)


def ended(pid: int) -> int:
    """Wait for a process; its exit code, or minus the signal."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def sweep(folder: Path, at_point: Callable[[int], None] = lambda count: None) -> int:
    """Run or finish the sweep in a folder; `at_point` is called with the number of each point."""
    os.chdir(folder)
    tempfile.tempdir = str(folder / "tmp")
    seen = 0

    def point(*_: object) -> None:
        nonlocal seen
        seen += 1
        at_point(seen)

    def audit(event: str, args: tuple[Any, ...]) -> None:
        if event != "open" or not isinstance(args[0], str | bytes | os.PathLike):
            return
        if (args[2] or 0) & WRITING and "mlruns" in os.fsdecode(args[0]):
            point()

    sqlalchemy.event.listen(sqlalchemy.engine.Engine, "commit", point)
    sys.addaudithook(audit)
    run_sweep(SPEC, tracking_uri=f"sqlite:///{folder}/mlflow.db", workers=0)
    return 0


def die(signal_number: int = signal.SIGKILL) -> None:
    """The end of this process, at once."""
    os.kill(os.getpid(), signal_number)


def record(folder: Path) -> dict[str, Any]:
    """What MLflow's client says of the sweep, without what is drawn by chance."""
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiment = client.get_experiment_by_name("kills")
    if experiment is None:
        return {}
    runs = client.search_runs([experiment.experiment_id], max_results=1000)
    parents = [run for run in runs if run.data.tags.get("lrlab.kind") == "sweep"]
    own = [run for run in runs if run.data.tags.get("lrlab.kind") == "run"]
    found: dict[str, Any] = {
        "parents": len(parents),
        "status": Counter(run.info.status for run in parents + own),
        "children": sorted(
            (
                int(run.data.tags["lrlab.trial"]),
                int(run.data.tags["lrlab.replicate"]),
                run.data.tags["lrlab.outcome"],
                sorted(run.data.metrics.items()),
                sorted(file.path for file in client.list_artifacts(run.info.run_id)),
            )
            for run in own
        ),
        "models": len(client.search_logged_models([experiment.experiment_id])),
        "versions": len(client.search_model_versions("name='kills-model'")),
    }
    for parent in parents:
        tags = {k: v for k, v in parent.data.tags.items() if k.startswith("lrlab.")}
        run_id = parent.info.run_id
        found |= {
            "state": tags["lrlab.state"],
            "tags": sorted(tags),
            "params": sorted(parent.data.params.items()),
            "best": [
                (point.step, point.value)
                for point in client.get_metric_history(run_id, "best_val_log_loss")
            ],
            "inputs": len(parent.inputs.dataset_inputs),
            "files": sorted(
                file.path
                for place in ("", "report", "curves")
                for file in client.list_artifacts(run_id, place)
            ),
        }
    plain: dict[str, Any] = json.loads(json.dumps(found))
    return plain


def add_foreign(folder: Path) -> list[str]:
    """Two runs of a user's own below the parent, if there is one."""
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiment = client.get_experiment_by_name("kills")
    runs = client.search_runs([experiment.experiment_id]) if experiment else []
    parents = [run for run in runs if run.data.tags.get("lrlab.kind") == "sweep"]
    if not parents:
        return []
    tags = {"mlflow.parentRunId": parents[0].info.run_id, "mine": "yes"}
    ids = [client.create_run(experiment.experiment_id, tags=tags).info.run_id for _ in range(2)]
    client.log_batch(ids[0], tags=[RunTag("note", "still at work")])
    client.set_terminated(ids[1], "FAILED")
    return ids


def untouched(folder: Path, ids: list[str]) -> bool:
    """Whether a user's runs are as they were left."""
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    runs = [client.get_run(run_id) for run_id in ids]
    return [(run.info.status, run.info.lifecycle_stage) for run in runs] == [
        ("RUNNING", "active"),
        ("FAILED", "active"),
    ][: len(ids)]


def answer(work: Callable[[], Any], folder: Path) -> Any:
    """The result of a function in a process of its own, so that this one holds no connection."""
    file = folder / "answer.json"
    pid = forked(lambda: file.write_text(json.dumps(work())) and 0)
    if ended(pid) != 0:
        raise SystemExit(f"{folder}: the record could not be read")
    return json.loads(file.read_text())


def killed(folder: Path, point: int | None, seconds: float, second: bool) -> None:
    """Run a sweep and kill it, at a point or after a while; maybe beside a second process."""

    def at_point(count: int) -> None:
        if count == point:
            die()

    first = forked(lambda: sweep(folder, at_point))
    other = 0
    if second:
        time.sleep(seconds * random.random())
        other = forked(lambda: sweep(folder))
    if point is None:
        time.sleep(seconds * random.random())
        os.kill(first, signal.SIGKILL)
    ended(first)
    if other:
        if random.random() < 0.5:
            time.sleep(seconds * random.random() / 2)
            os.kill(other, signal.SIGKILL)
        ended(other)


def one_kill(
    folder: Path, point: int | None, seconds: float, number: int, expected: dict[str, Any]
) -> list[str]:
    """Kill one sweep and finish it; what is then not as in the undisturbed record."""
    killed(folder, point, seconds, second=number % 2 == 1)
    foreign = answer(lambda: add_foreign(folder), folder) if number % 4 < 2 else []
    code = ended(forked(lambda: sweep(folder)))
    found = answer(lambda: record(folder), folder) if code == 0 else {}
    wrong = [f"exit code {code}"] if code else []
    wrong += [key for key in expected if found.get(key) != expected[key]]
    for key in wrong:
        print(f"   {key}: {str(found.get(key))[:300]}")
        print(f"   not {str(expected.get(key))[:300]}")
    if not answer(lambda: untouched(folder, foreign), folder):
        wrong.append("foreign runs")
    return wrong


def new_folder(name: str, root: Path, store: Path) -> Path:
    """A folder with an empty store."""
    folder = root / name
    (folder / "tmp").mkdir(parents=True)
    shutil.copy(store, folder / "mlflow.db")
    return folder


def main() -> None:
    """Kill, finish, compare."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--points", type=int, nargs=2, help="only commit points from ... to ...")
    options = parser.parse_args()
    random.seed(options.seed)
    quiet()
    warnings.simplefilter("ignore")
    end.add_evidence = lambda known, *more: known  # type: ignore[assignment,return-value]
    end.report_on, end.write_report = a_report, two_files  # type: ignore[assignment]
    root = Path(tempfile.mkdtemp(prefix="kills-"))
    (root / "empty").mkdir()
    store = root / "empty" / "mlflow.db"

    def make_store() -> int:
        MlflowClient(f"sqlite:///{store}").search_experiments()
        return 0

    ended(forked(make_store))
    calm = new_folder("calm", root, store)
    began = time.monotonic()

    def counted() -> int:
        points = calm / "points"
        return sweep(calm, lambda count: points.write_text(str(count)) and None)

    if ended(forked(counted)) != 0:
        raise SystemExit("the undisturbed sweep failed")
    seconds = time.monotonic() - began
    points = int((calm / "points").read_text())
    expected = answer(lambda: record(calm), calm)
    print(f"undisturbed: {seconds:.1f} s, {points} commit points", flush=True)
    wanted: list[int | None] = [1 + i % points for i in range(options.kills // 2)]
    if options.kills // 2 >= points:
        wanted = [*range(1, points + 1), *wanted[points:]]
    else:  # spread, so that begin and end are among them
        gap = (points - 1) / max(1, len(wanted) - 1)
        wanted = [round(1 + i * gap) for i in range(len(wanted))]
    wanted += [None] * (options.kills - len(wanted))
    if options.points:
        wanted = [*range(options.points[0], options.points[1] + 1)]
    faults: Counter[str] = Counter()
    for i, point in enumerate(wanted):
        folder = new_folder(f"{i:04d}", root, store)
        wrong = one_kill(folder, point, seconds, i, expected)
        faults.update(wrong)
        if wrong:
            where = "at random" if point is None else f"at point {point}"
            print(f"{folder}: killed {where}: {', '.join(wrong)}", flush=True)
        else:
            shutil.rmtree(folder)
        if i % 20 == 19:
            print(f"{i + 1} kills, {sum(faults.values())} differences", flush=True)
    print(f"{len(wanted)} kills: {dict(faults) or 'every record as without a kill'}")
    if not faults:
        shutil.rmtree(root)
    raise SystemExit(bool(faults))


if __name__ == "__main__":
    main()
