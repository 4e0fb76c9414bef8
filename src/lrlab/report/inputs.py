"""The report of a sweep that is recorded in a tracking store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pandas as pd

from lrlab.data import Problem, TableReading, load_problem
from lrlab.errors import LrlabError
from lrlab.metrics import METRICS
from lrlab.notes import listed, note
from lrlab.optimum.background import compute_optima
from lrlab.optimum.record import Optima
from lrlab.report.analysis.converged import objectives
from lrlab.report.analysis.evaluation import runs_to_judge
from lrlab.report.best import best_of, describe_best
from lrlab.report.context import ReportContext
from lrlab.report.render.markdown import escape
from lrlab.report.text.base_rate import base_rate
from lrlab.report.text.words import Words
from lrlab.scratch import scratch_folder
from lrlab.search import random_trials
from lrlab.spec import SweepSpec, dump_spec
from lrlab.track import (
    RecordedRun,
    Store,
    SweepInfo,
    curves_frame,
    load_histories,
    load_sweep_spec,
    recorded_runs,
    runs_frame,
)
from lrlab.track import mlflow_schema as schema
from lrlab.track.artifacts import DamagedArtifact
from lrlab.track.every_step import objective_per_step
from lrlab.track.read import load_weights, read_optima, read_text
from lrlab.track.store import explained
from lrlab.track.writers import wire
from lrlab.train.artifacts import WEIGHTS_FILE
from lrlab.train.minibatches import batch_rows

LOCAL_UI = "http://127.0.0.1:5000"  # where `lrlab ui` serves a local store


def report_input(
    store: Store,
    info: SweepInfo,
    problem: Problem | None = None,
    recorded: Sequence[RecordedRun] | None = None,
    optima: Optima | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame, ReportContext]:
    """What `build_report` takes, read from the store: runs, curves and context.

    Args:
        store: Where the sweep is recorded, finished or not.
        info: The sweep.
        problem: Its data, if they are at hand; else they are loaded, if they still can be.
        recorded: Its runs by trial and replicate, if they are at hand; else they are read.
        optima: Of their objectives, if they are at hand; else they are read, and what is missing
            is computed.

    Raises:
        LrlabError: If the store fails or the recorded spec cannot be read.
    """
    spec = load_sweep_spec(store, info)
    if recorded is None:
        recorded = recorded_runs(store, info)
    runs = runs_frame(recorded)
    curves = curves_frame(load_histories(store, info, recorded, every_step=False))
    problem = problem or _problem(store, info, spec)
    context = replace(
        _context(store, info, spec, runs),
        problem=problem,
        optima=optima or _optima(store, info, spec, runs, problem),
        reading=_reading(store, info),
    )
    context = replace(context, per_step=_per_step(store, info, recorded, context.optima))
    best = best_of(runs, spec)
    best_id = None if best is None else str(best["run_id"])
    chosen = {*runs_to_judge(runs, problem, **context.aim), *filter(None, [best_id])}
    weights = _all_weights(store, info, chosen)
    if best is not None:
        own = weights.get(best_id or "")
        context = replace(context, best_weights=own, best_replicate=int(best["replicate"]))
    return runs, curves, replace(context, weights=weights)


def _problem(store: Store, info: SweepInfo, spec: SweepSpec) -> Problem | None:
    """The sweep's data; None if they cannot be had any more, or have changed."""
    try:
        with scratch_folder() as folder:
            problem = load_problem(_with_uploaded_table(store, info, spec, str(folder)))
    except (LrlabError, OSError):
        return None
    return problem if problem.digest() == info.tags.get(schema.DATA_DIGEST) else None


def _with_uploaded_table(store: Store, info: SweepInfo, spec: SweepSpec, folder: str) -> SweepSpec:
    """The spec of a submitted sweep with its table, which the record holds, in a folder."""
    path = getattr(spec.data, "path", None)
    if path is None or path.exists() or not wire.PLACE.fullmatch(str(path)):
        return spec
    with explained(store.uri):
        found = store.client.download_artifacts(info.run_id, str(path), folder)
    return spec.model_copy(update={"data": spec.data.model_copy(update={"path": Path(found)})})


def _optima(
    store: Store, info: SweepInfo, spec: SweepSpec, runs: pd.DataFrame, problem: Problem | None
) -> Optima | None:
    """As a finished sweep recorded them; else what is missing is computed from the data."""
    known = read_optima(store, info)
    if problem is None or runs.empty or (known and info.state == schema.FINISHED):
        return known
    rows = batch_rows(len(problem.y_train), spec.train)
    return compute_optima(problem, objectives(runs), rows, known)


def _per_step(
    store: Store, info: SweepInfo, recorded: Sequence[RecordedRun], optima: Optima | None
) -> np.ndarray | None:
    """The objective after every step of full-batch runs, where it can be told from an optimum."""
    if optima is None or not optima.found:
        return None
    rows = max(fold.n_rows for fold in optima.folds or (optima,))
    return objective_per_step(store, info, recorded, rows)


def _reading(store: Store, info: SweepInfo) -> TableReading | None:
    """As the sweep's beginning recorded it, so that it is there when the table is gone."""
    text = read_text(store, info.run_id, schema.COLUMNS_FILE, info.artifact_uri)
    try:
        return None if text is None else TableReading.from_json(text)
    except ValueError:
        return None


def _all_weights(
    store: Store, info: SweepInfo, run_ids: Iterable[str]
) -> dict[str, tuple[np.ndarray, float]]:
    """Weights and bias by run, of those runs whose file can be read; warns of the others."""
    found: dict[str, tuple[np.ndarray, float]] = {}
    damaged: list[str] = []
    for run_id in sorted(run_ids):
        try:
            found[run_id] = load_weights(store, run_id, info.artifacts_of(run_id))
        except DamagedArtifact:
            damaged.append(run_id)
    if damaged:
        note(f"{WEIGHTS_FILE} of these runs is missing or cannot be read: {listed(damaged)}")
    return found


def run_url(store: Store, experiment_id: str, run_id: str) -> str:
    """A run's page in the MLflow UI: on its server, or where `lrlab ui` serves a local store."""
    base = store.uri if store.is_server else LOCAL_UI
    return f"{base}/#/experiments/{experiment_id}/runs/{run_id}"


def charts_path(info: SweepInfo) -> str:
    """The sweep's runs in the MLflow UI, best first, with their curves: path of the page."""
    order = METRICS[info.objective].direction == "minimize"
    query = {
        "workflowType": "machine_learning",
        "compareRunsMode": "CHART",
        "searchFilter": f"tags.`{schema.PARENT}` = '{info.run_id}' "
        f"and tags.`{schema.KIND}` = '{schema.RUN}'",
        "orderByKey": f"metrics.`{info.objective}`",
        "orderByAsc": str(order).lower(),
    }
    return f"#/experiments/{info.experiment_id}/runs?{urlencode(query)}"


def note_on(info: SweepInfo, runs: pd.DataFrame, spec: SweepSpec, words: Words) -> str:
    """Markdown for the sweep's description in the MLflow UI."""
    lines = [spec.description] if spec.description else []
    lines += map(escape, words.paragraphs)
    best = best_of(runs, spec)
    lines.append(escape(words.counts))
    if best is not None:
        lines.append(f"Best trial: {describe_best(best, spec)} (run `{best['run_id']}`).")
        lines += filter(None, [escape(base_rate(info.baseline, spec.objective))])
    lines.append(f"[All runs with their curves, best first]({charts_path(info)})")
    lines.append("The report is the artifact `report/report.html`.")
    return "\n\n".join(lines)


def _context(store: Store, info: SweepInfo, spec: SweepSpec, runs: pd.DataFrame) -> ReportContext:
    return ReportContext(
        title=spec.name,
        objective=spec.objective,
        direction=METRICS[spec.objective].direction,
        steps=spec.train.steps,
        data=info.tags.get(schema.DATA, spec.data.source),
        spec_yaml=dump_spec(spec),
        facts=_facts(store, info, spec, len(runs)),
        sampler=spec.search.sampler,
        random_trials=random_trials(spec),
        baseline=info.baseline,
        minimum_effect=spec.report.minimum_effect,
        run_links={
            run_id: run_url(store, info.experiment_id, run_id) for run_id in runs["run_id"]
        },
    )


def _facts(store: Store, info: SweepInfo, spec: SweepSpec, done: int) -> Mapping[str, str]:
    return {
        "Runs": f"{done:,} of {spec.n_runs:,}",
        "Sampler": f"{spec.search.sampler}, seed {spec.seed}",
        "Started": f"{info.started:%Y-%m-%d %H:%M} UTC",
        "Experiment": info.experiment,
        "Sweep run": info.run_id,
        "Store": store.shown,
        "Data digest": info.tags.get(schema.DATA_DIGEST, "unknown"),
        "Versions": info.tags.get(schema.VERSIONS, "unknown"),
    }
