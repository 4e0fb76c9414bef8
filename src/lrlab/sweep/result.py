"""What a sweep came to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lrlab.data import Baseline
from lrlab.report.analysis.answer import Verdict
from lrlab.search import best_trial
from lrlab.spec import SweepSpec
from lrlab.track import RecordedRun, Recorder
from lrlab.track.study import score_of


@dataclass(frozen=True)
class SweepResult:
    """What a sweep came to.

    Args:
        run_id: The parent run in MLflow.
        spec: What was run, with the division of its rows written out.
        already_finished: Whether there was nothing left to do.
        resumed: Runs that an earlier process had recorded.
        runs: Every run, by trial and replicate.
        best: The run that stands for the best trial (`lrlab.search.Best`); None if no trial has
            an objective.
        verdict: What the report says, as an object whose text is `str(verdict)`; None where a
            sweep of lrlab 0.1.0 recorded only the text.
        baseline: The base rate; None where it is not recorded.
    """

    run_id: str
    spec: SweepSpec
    already_finished: bool
    resumed: int
    runs: Sequence[RecordedRun]
    best: RecordedRun | None
    verdict: Verdict | None = None
    baseline: Baseline | None = None

    @classmethod
    def of(
        cls, recorder: Recorder, *, finished: bool, resumed: int, verdict: Verdict | None
    ) -> SweepResult:
        """What a recorder has recorded, with its verdict."""
        info, spec, runs = recorder.info, recorder.spec, tuple(recorder.in_order)
        best = best_run(recorder)
        return cls(info.run_id, spec, finished, resumed, runs, best, verdict, info.baseline)


def best_run(recorder: Recorder) -> RecordedRun | None:
    """The run that stands for the best trial; None if no trial has an objective."""
    spec = recorder.spec
    scores = [score_of(run, spec.objective) for run in recorder.runs.values()]
    best = best_trial(scores, spec.search.replicates, spec.metric.direction)
    return None if best is None else recorder.runs[best.trial, best.replicate]
