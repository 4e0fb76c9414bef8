"""Sweeps as their parent runs describe them: listed, found by name, and their specs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from mlflow.entities import Run as MlflowRun
from mlflow.entities import ViewType

from lrlab.catalogue import did_you_mean
from lrlab.data import Baseline
from lrlab.errors import LrlabError, UserError
from lrlab.scratch import scratch_folder
from lrlab.spec import SweepSpec, parse_dumped_spec
from lrlab.track import mlflow_schema as schema
from lrlab.track.lock import is_alive
from lrlab.track.store import Store, explained

PAGE = 1000


@dataclass(frozen=True)
class SweepInfo:
    """A sweep as its parent run describes it.

    `state` is running, finished, failed, cancelled, or interrupted: running by its record,
    with no process alive that runs it. One that was submitted to a server is queued before.
    """

    run_id: str
    name: str
    experiment_id: str
    experiment: str
    state: str
    objective: str
    best: float | None
    trials: int
    replicates: int
    started: datetime
    ended: datetime | None
    tags: Mapping[str, str] = field(repr=False)

    @property
    def submitted_by(self) -> str:
        """Who handed it to a server; empty if nobody did."""
        return self.tags.get(schema.SUBMITTED_BY, "")

    @property
    def reason(self) -> str:
        """Why a server gave it up; empty if none did."""
        return self.tags.get(schema.REASON, "")

    @property
    def verdict(self) -> str:
        """What the report says; empty if the sweep is not finished."""
        return self.tags.get(schema.VERDICT, "") if self.state == schema.FINISHED else ""

    @property
    def baseline(self) -> Baseline | None:
        """The base rate of its data; None where lrlab 0.1 began it, or the tag is broken."""
        try:
            return Baseline.from_json(self.tags[schema.BASE_RATE])
        except (KeyError, ValueError):
            return None

    @property
    def base_rate(self) -> float | None:
        """The objective that the base rate has; None if that is unknown or means nothing."""
        return None if self.baseline is None else self.baseline.metrics.get(self.objective)

    @property
    def owner(self) -> str:
        """Who submitted or ran it: the name at the server, without one the login name."""
        return self.submitted_by or self.tags.get("mlflow.user", "")

    @property
    def done(self) -> int:
        """Runs recorded so far."""
        return int(self.tags.get(schema.DONE, 0))

    @property
    def total(self) -> int:
        """Runs asked for: trials x replicates."""
        return self.trials * self.replicates


def list_sweeps(store: Store, filter_string: str = "") -> list[SweepInfo]:
    """Every sweep in the store, the latest first."""
    with explained(store.uri):
        experiments = {e.experiment_id: e.name for e in store.client.search_experiments()}
        condition = f"tags.`{schema.KIND}` = 'sweep'" + (filter_string and f" and {filter_string}")
        runs = _search(store, list(experiments), condition, "attributes.start_time DESC")
    return [sweep_info(run, experiments[run.info.experiment_id]) for run in runs]


def find_sweep(store: Store, wanted: str | None = None) -> SweepInfo:
    """The sweep of that name (the latest, if several), run id, or start of a run id.

    Args:
        store: Where to look.
        wanted: Name or id; the latest sweep of all if None. On a server with logins, one's own
            sweeps come before those of others.

    Raises:
        UserError: If there is none.
    """
    return find_sweeps(store, wanted)[0]


def find_sweeps(store: Store, wanted: str | None = None) -> list[SweepInfo]:
    """As `find_sweep`, but all that the name fits, in order of preference; never empty."""
    found = list_sweeps(store)
    if not found:
        more = " or `lrlab submit SPEC.yaml`" if store.is_server else ""
        raise UserError(
            f"no sweep in {store.shown}. Start one with `lrlab sweep SPEC.yaml`{more}, or name "
            "the right store with --tracking-uri"
        )
    if store.user is not None:
        found.sort(key=lambda sweep: sweep.owner != store.user)
    if wanted is None:
        return found
    named = [s for s in found if wanted in (s.name, s.run_id)]
    named = named or [s for s in found if len(wanted) >= 4 and s.run_id.startswith(wanted)]
    if not named:
        names = tuple(dict.fromkeys(s.name for s in found))
        raise UserError(f"no sweep {wanted!r} in {store.shown}{did_you_mean(wanted, names)}")
    return named


def load_sweep(store: Store, run_id: str) -> SweepInfo:
    """The sweep with that parent run, in two requests however many sweeps there are.

    Raises:
        LrlabError: If there is no such run, or the store fails.
    """
    with explained(store.uri):
        run = store.client.get_run(run_id)
        experiment = store.client.get_experiment(run.info.experiment_id)
    return sweep_info(run, experiment.name)


def sweep_info(run: MlflowRun, experiment: str) -> SweepInfo:
    """A parent run as SweepInfo."""
    tags = run.data.tags
    objective = tags.get(schema.OBJECTIVE, "val_log_loss")
    ended = run.info.end_time
    state = tags.get(schema.STATE, run.info.status.lower())
    if state == schema.FINISHED and run.info.status == "RUNNING":
        state = schema.RUNNING if is_alive(run.info.run_id, tags) else "interrupted"
    elif (
        state == schema.RUNNING
        and schema.SUBMITTED_BY not in tags  # the dispatcher will take it up
        and not is_alive(run.info.run_id, tags)
    ):
        state = "interrupted"
    return SweepInfo(
        run_id=run.info.run_id,
        name=run.info.run_name,
        experiment_id=run.info.experiment_id,
        experiment=experiment,
        state=state,
        objective=objective,
        best=run.data.metrics.get(f"best_{objective}"),
        trials=int(tags.get(schema.TRIALS, 0)),
        replicates=int(run.data.params.get("search.replicates", 1)),
        started=datetime.fromtimestamp(run.info.start_time / 1000, UTC),
        ended=datetime.fromtimestamp(ended / 1000, UTC) if ended else None,
        tags=tags,
    )


def _search(
    store: Store, experiments: Sequence[str], condition: str, order: str
) -> list[MlflowRun]:
    runs: list[MlflowRun] = []
    token = None
    while experiments:
        page = store.client.search_runs(
            list(experiments),
            condition,
            run_view_type=ViewType.ACTIVE_ONLY,
            max_results=PAGE,
            order_by=[order],
            page_token=token,
        )
        runs += page
        token = page.token
        if not token:
            break
    return runs


def load_sweep_spec(store: Store, info: SweepInfo) -> SweepSpec:
    """The spec that a sweep recorded.

    Raises:
        LrlabError: If it cannot be read.
    """
    try:
        with explained(store.uri), scratch_folder() as folder:
            path = store.client.download_artifacts(info.run_id, schema.SPEC_FILE, str(folder))
            return parse_dumped_spec(Path(path).read_text("utf-8"))
    except UserError as error:
        raise LrlabError(f"the recorded spec of {info.name!r} cannot be used: {error}") from error
