"""The report of a sweep that is recorded in a tracking store."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

import pandas as pd

from lrlab.measures import MEASURES
from lrlab.report.build import build_report
from lrlab.report.model import Report, ReportContext
from lrlab.report.tables import rank_runs
from lrlab.spec import SweepSpec, dump_spec
from lrlab.track import (
    Store,
    SweepInfo,
    curves_frame,
    layout,
    load_histories,
    load_sweep_spec,
    recorded_runs,
    runs_frame,
)

LOCAL_UI = "http://127.0.0.1:5000"  # where `lrlab ui` serves a local store


def report_on(store: Store, info: SweepInfo) -> Report:
    """Read a sweep back from its store and report on it, finished or not.

    Raises:
        LrlabError: If the store fails or the recorded spec cannot be read.
    """
    spec = load_sweep_spec(store, info)
    recorded = recorded_runs(store, info)
    runs = runs_frame(recorded)
    curves = curves_frame(load_histories(store, info, recorded, every_step=False))
    return build_report(runs, curves, _context(store, info, spec, runs))


def run_url(store: Store, experiment_id: str, run_id: str) -> str:
    """A run's page in the MLflow UI: on its server, or where `lrlab ui` serves a local store."""
    base = store.uri if store.is_server else LOCAL_UI
    return f"{base}/#/experiments/{experiment_id}/runs/{run_id}"


def best_of(runs: pd.DataFrame, spec: SweepSpec) -> pd.Series | None:
    """The best run as a row of `runs`; None if no run ended with a finite objective."""
    order = rank_runs(runs, objective=spec.objective, direction=spec.measure.direction)
    return None if order.empty else order.iloc[0]


def charts_path(info: SweepInfo) -> str:
    """The sweep's runs in the MLflow UI, best first, with their curves: path of the page."""
    order = MEASURES[info.objective].direction == "minimize"
    query = {
        "workflowType": "machine_learning",
        "compareRunsMode": "CHART",
        "searchFilter": f"tags.`{layout.PARENT}` = '{info.run_id}'",
        "orderByKey": f"metrics.`{info.objective}`",
        "orderByAsc": str(order).lower(),
    }
    return f"#/experiments/{info.experiment_id}/runs?{urlencode(query)}"


def describe_best(best: pd.Series, objective: str) -> str:
    """Such as `val_log_loss 0.0302 with adam, bce, lr 0.0123`."""
    return (
        f"{objective} {best[objective]:.4g} with {best['optimizer']}, {best['loss']}, "
        f"lr {best['lr']:.4g}"
    )


def note_on(info: SweepInfo, runs: pd.DataFrame, spec: SweepSpec) -> str:
    """Markdown for the sweep's description in the MLflow UI."""
    lines = [spec.description] if spec.description else []
    best = best_of(runs, spec)
    diverged = int((runs["outcome"] == "diverged").sum())
    lines.append(f"**{len(runs)} runs**, {diverged} diverged.")
    if best is not None:
        lines.append(f"Best run: {describe_best(best, spec.objective)} (`{best['run_id']}`).")
    lines.append(f"[All runs with their curves, best first]({charts_path(info)})")
    lines.append("The report is the artifact `report/report.html`.")
    return "\n\n".join(lines)


def _context(store: Store, info: SweepInfo, spec: SweepSpec, runs: pd.DataFrame) -> ReportContext:
    return ReportContext(
        title=spec.name,
        objective=spec.objective,
        direction=MEASURES[spec.objective].direction,
        steps=spec.train.steps,
        data=info.tags.get(layout.DATA, spec.data.source),
        spec_yaml=dump_spec(spec),
        facts=_facts(store, info, spec, len(runs)),
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
        "Data digest": info.tags.get(layout.DATA_DIGEST, "unknown"),
        "Versions": info.tags.get(layout.VERSIONS, "unknown"),
    }
