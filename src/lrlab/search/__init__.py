"""The search: trials are proposed in batches, and Optuna's study is told how they ended."""

from lrlab.search.mirror import Mirror
from lrlab.search.samplers import SAMPLERS, ask, cautions, grid_points
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
    "Mirror",
    "Proposal",
    "TrialResult",
    "ask",
    "batches",
    "cautions",
    "combine",
    "grid_points",
    "new_study",
    "on_steps",
    "restore",
    "tell",
]
