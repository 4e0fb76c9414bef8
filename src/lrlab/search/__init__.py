"""The search: trials are proposed in batches, and Optuna's study is told how they ended."""

from lrlab.search.best import Best, Score, best_trial, best_trials, better, scores_of
from lrlab.search.mirror import Mirror
from lrlab.search.samplers import SAMPLERS, ask, cautions, grid_points, random_trials
from lrlab.search.study import (
    Batch,
    Proposal,
    TrialResult,
    batches,
    combine,
    new_study,
    on_steps,
    restore,
    tell,
)

__all__ = [
    "SAMPLERS",
    "Batch",
    "Best",
    "Mirror",
    "Proposal",
    "Score",
    "TrialResult",
    "ask",
    "batches",
    "best_trial",
    "best_trials",
    "better",
    "cautions",
    "combine",
    "grid_points",
    "new_study",
    "on_steps",
    "random_trials",
    "restore",
    "scores_of",
    "tell",
]
