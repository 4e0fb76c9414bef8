"""The search: trials are proposed in batches, and Optuna's study is told how they ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lrlab.lazy import exports

if TYPE_CHECKING:
    from lrlab.search.best import Best as Best
    from lrlab.search.best import Score as Score
    from lrlab.search.best import best_trial as best_trial
    from lrlab.search.best import best_trials as best_trials
    from lrlab.search.best import better as better
    from lrlab.search.best import scores_of as scores_of
    from lrlab.search.mirror import Mirror as Mirror
    from lrlab.search.results import TrialBatch as TrialBatch
    from lrlab.search.results import TrialResult as TrialResult
    from lrlab.search.results import batches as batches
    from lrlab.search.results import combine as combine
    from lrlab.search.samplers import SAMPLERS as SAMPLERS
    from lrlab.search.samplers import ask as ask
    from lrlab.search.samplers import cautions as cautions
    from lrlab.search.samplers import grid_points as grid_points
    from lrlab.search.samplers import random_trials as random_trials
    from lrlab.search.study import Proposal as Proposal
    from lrlab.search.study import new_study as new_study
    from lrlab.search.study import on_steps as on_steps
    from lrlab.search.study import restore as restore
    from lrlab.search.study import tell as tell

__getattr__, __dir__ = exports(
    __name__,
    {
        "lrlab.search.best": ["Best", "Score", "best_trial", "best_trials", "better", "scores_of"],
        "lrlab.search.mirror": ["Mirror"],
        "lrlab.search.results": ["TrialBatch", "TrialResult", "batches", "combine"],
        "lrlab.search.samplers": ["SAMPLERS", "ask", "cautions", "grid_points", "random_trials"],
        "lrlab.search.study": ["Proposal", "new_study", "on_steps", "restore", "tell"],
    },
)
