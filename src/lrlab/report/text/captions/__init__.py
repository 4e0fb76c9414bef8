"""The words of the figures: title, caption and text alternative; numbers come from the frames."""

from lrlab.report.text.captions.methods import (
    gap_basis,
    gap_caption,
    profile_caption,
    tunability_basis,
    tunability_caption,
)
from lrlab.report.text.captions.models import (
    boundary_caption,
    calibration_caption,
    importance_basis,
    importance_caption,
    parallel_caption,
)
from lrlab.report.text.captions.runs import (
    beyond_caption,
    convergence_caption,
    heat_map_caption,
    history_caption,
    lr_caption,
    sample_caption,
    stability_caption,
)
from lrlab.report.text.captions.titles import ALTERNATIVES, TITLES, alternative, title

__all__ = [
    "ALTERNATIVES",
    "TITLES",
    "alternative",
    "beyond_caption",
    "boundary_caption",
    "calibration_caption",
    "convergence_caption",
    "gap_basis",
    "gap_caption",
    "heat_map_caption",
    "history_caption",
    "importance_basis",
    "importance_caption",
    "lr_caption",
    "parallel_caption",
    "profile_caption",
    "sample_caption",
    "stability_caption",
    "title",
    "tunability_basis",
    "tunability_caption",
]
