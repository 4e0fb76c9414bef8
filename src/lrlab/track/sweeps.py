"""Sweeps as their parent runs describe them: listed, found by name, and their specs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from lrlab.data import Baseline
from lrlab.errors import UserError
from lrlab.metrics import METRICS
from lrlab.notes import listed, note
from lrlab.registry import did_you_mean
from lrlab.spec import SweepSpec, parse_dumped_spec
from lrlab.spec.digest import settings_digest
from lrlab.track import mlflow_schema as schema
from lrlab.track.artifacts import DamagedArtifact, fetched
from lrlab.track.entities import Run, Tag
from lrlab.track.locks import is_alive
from lrlab.track.pages import all_experiments, all_runs
from lrlab.track.store import Store, explained
from lrlab.track.tags import equals, is_count, sound_tags


@dataclass(frozen=True)
class SweepInfo:
    """A sweep as its parent run describes it.

    `state` is running, finished, failed, cancelled, or interrupted: running by its record,
    with no process alive that runs it. One that was submitted to a server is queued before.
    `tags` are the parent run's, without those of lrlab's that somebody broke; `faults` says which.
    `replicates` is 0 if the record does not say.
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
    artifact_uri: str = field(default="", repr=False)
    faults: tuple[str, ...] = field(default=(), repr=False)

    def artifacts_of(self, run_id: str) -> str:
        """Where the artifacts of one of its runs should be, by MLflow's rule."""
        return self.artifact_uri.replace(f"/{self.run_id}/", f"/{run_id}/")

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
        text = self.tags.get(schema.BASE_RATE)
        return None if text is None else Baseline.from_json(text)

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
        return self.trials * (self.replicates or 1)

    def refuse_newer_layout(self) -> None:
        """Make sure that this lrlab knows how the sweep is recorded.

        Raises:
            UserError: If it does not.
        """
        layout = int(self.tags.get(schema.LAYOUT, 1))
        if layout > schema.CURRENT_LAYOUT:
            raise UserError(
                f"the sweep {self.name!r} ({self.run_id[:8]}) is recorded in layout {layout}, and "
                f"this lrlab reads up to {schema.CURRENT_LAYOUT}; upgrade lrlab"
            )


def list_sweeps(store: Store, *conditions: Tag) -> list[SweepInfo]:
    """Every sweep in the store, the latest first.

    Warns of tags that somebody broke; the sweep is listed as far as it can be read.
    """
    sweeps_only = (Tag(schema.KIND, schema.SWEEP), *conditions)
    with explained(store.uri):
        experiments = {e.experiment_id: e.name for e in all_experiments(store)}
        runs = list(all_runs(store, list(experiments), sweeps_only, newest_first=True))
    lost = [] if conditions else lost_sweeps(store)
    if lost:
        note(
            f"runs without the tag {schema.KIND} = {schema.SWEEP!r} are not sweeps and are left "
            f"alone: {listed(lost)}"
        )
    runs.sort(key=lambda run: -run.info.start_time)
    sweeps = [sweep_info(store, run, experiments[run.info.experiment_id]) for run in runs]
    _note_faults(sweeps)
    return sweeps


_BEGUN = Tag(schema.SPEC_DIGEST, how="there")


def lost_sweeps(store: Store, condition: Tag = _BEGUN) -> list[str]:
    """Runs that lrlab began as sweeps, but whose kind somebody deleted or changed: id and kind.

    Args:
        store: Where to look.
        condition: Which of them.
    """
    lost = (Tag(schema.KIND, how="missing"), Tag(schema.KIND, schema.SWEEP, "!="))
    with explained(store.uri):
        experiments = [e.experiment_id for e in all_experiments(store)]
        return [
            f"{run.info.run_id} ({equals(schema.KIND, run.data.tags.get(schema.KIND))})"
            for kind in lost
            for run in all_runs(store, experiments, (condition, kind))
        ]


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
    named = meant(found, wanted)
    if not named:
        names = tuple(dict.fromkeys(s.name for s in found))
        raise UserError(f"no sweep {wanted!r} in {store.shown}{did_you_mean(wanted, names)}")
    return named


def meant(sweeps: Sequence[SweepInfo], wanted: str) -> list[SweepInfo]:
    """Those of that name or run id, else those whose run id begins with it (4 characters)."""
    named = [s for s in sweeps if wanted in (s.name, s.run_id)]
    return named or [s for s in sweeps if len(wanted) >= 4 and s.run_id.startswith(wanted)]


def load_sweep(store: Store, run_id: str) -> SweepInfo:
    """The sweep with that parent run, in two requests however many sweeps there are.

    Raises:
        LrlabError: If there is no such run, or the store fails.
    """
    with explained(store.uri):
        run = store.client.get_run(run_id)
        experiment = store.client.get_experiment(run.info.experiment_id)
    info = sweep_info(store, run, experiment.name)
    _note_faults([info])
    return info


def sweep_info(store: Store, run: Run, experiment: str) -> SweepInfo:
    """A parent run as SweepInfo."""
    tags, faults = sound_tags(run.data.tags)
    params = run.data.params
    replicates = params.get("search.replicates", "1")
    if not is_count(replicates):
        faults.append("the param " + equals("search.replicates", replicates))
    objective = next(
        (
            name
            for name in (tags.get(schema.OBJECTIVE), params.get("objective"))
            if name in METRICS
        ),
        "val_log_loss",
    )
    ended = run.info.end_time
    state = tags.get(schema.STATE) or _STATE_OF[run.info.status]
    if state == schema.FINISHED and run.info.status == "RUNNING":
        state = schema.RUNNING if is_alive(store.uri, run.info.run_id, tags) else "interrupted"
    elif (
        state == schema.RUNNING
        and schema.SUBMITTED_BY not in tags  # the dispatcher will take it up
        and not is_alive(store.uri, run.info.run_id, tags)
    ):
        state = "interrupted"
    return SweepInfo(
        run_id=run.info.run_id,
        name=run.info.run_name or run.info.run_id,
        experiment_id=run.info.experiment_id,
        experiment=experiment,
        state=state,
        objective=objective,
        best=run.data.metrics.get(f"best_{objective}"),
        trials=int(tags.get(schema.TRIALS, 0)),
        replicates=int(replicates) if is_count(replicates) else 0,
        started=datetime.fromtimestamp(run.info.start_time / 1000, UTC),
        ended=datetime.fromtimestamp(ended / 1000, UTC) if ended else None,
        tags=tags,
        artifact_uri=run.info.artifact_uri,
        faults=tuple(faults),
    )


_STATE_OF = {
    "RUNNING": schema.RUNNING,
    "SCHEDULED": schema.QUEUED,
    "FINISHED": schema.FINISHED,
    "FAILED": schema.FAILED,
    "KILLED": schema.CANCELLED,
}


def _note_faults(sweeps: Sequence[SweepInfo]) -> None:
    """Warn of what somebody changed in parent runs."""
    named = [f"{s.name!r} ({s.run_id}: {'; '.join(s.faults)})" for s in sweeps if s.faults]
    if named:
        note(f"tags that lrlab cannot use and leaves out: {listed(named)}")


def load_sweep_spec(store: Store, info: SweepInfo) -> SweepSpec:
    """The spec that a sweep recorded.

    Raises:
        DamagedArtifact: If it is missing or cannot be used.
        UserError: If a newer lrlab recorded the sweep.
        LrlabError: If the store fails.
    """
    info.refuse_newer_layout()
    try:
        with fetched(store, info.run_id, schema.SPEC_FILE, info.artifact_uri) as path:
            spec = parse_dumped_spec(path.read_text("utf-8"))
    except (UserError, UnicodeDecodeError) as error:
        why = str(error).splitlines()[0]
        plug_in = _PLUG_IN if "unknown" in why else ""
        raise DamagedArtifact(
            info.run_id, schema.SPEC_FILE, f"cannot be used: {why}; {_WRITES_IT_AGAIN}{plug_in}"
        ) from error
    except DamagedArtifact as error:
        raise DamagedArtifact(
            info.run_id, schema.SPEC_FILE, f"is missing; {_WRITES_IT_AGAIN}"
        ) from error
    if info.tags.get(schema.SETTINGS_DIGEST) not in (None, settings_digest(spec)):
        raise DamagedArtifact(
            info.run_id, schema.SPEC_FILE, f"is cut off or changed; {_WRITES_IT_AGAIN}"
        )
    return spec


_WRITES_IT_AGAIN = "`lrlab sweep SPEC.yaml` with the sweep's own spec writes it again"
_PLUG_IN = "; if the sweep used a plug-in's loss or optimizer, install that plug-in"
