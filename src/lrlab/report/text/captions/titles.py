"""Titles of the figures, and what kind of picture each is, for those who cannot see it."""

from __future__ import annotations

# By name of the figure; a figure of curves is named `convergence_` and its metric.
TITLES = {
    "gaps": "Gap to the exact optimum",
    "lr_sensitivity": "Sensitivity to the learning rate",
    "heat_map": "Optimizer and loss",
    "tunability": "What k random trials give",
    "profile": "Performance profile",
    "convergence": "Convergence of {metric}",
    "boundary": "Decision boundary",
    "calibration": "Calibration",
    "importance": "Which setting matters",
    "parallel": "Settings and result",
    "history": "Optimization history",
    "by_sweep": "Every {by} on every data set",
}
ALTERNATIVES = {
    "gaps": "Line plots of the relative gap against step on log axes, one panel per loss.",
    "lr_sensitivity": "Scatter plots of {objective} against learning rate, one panel per loss, "
    "colored by optimizer.",
    "heat_map": "Heat map of the best {objective}: optimizers in rows, losses in columns.",
    "tunability": "Line plot of the expected best {objective} against the number of random "
    "trials, one line per optimizer.",
    "profile": "Line plot of the share of problems solved against steps as a multiple of the "
    "fastest, one line per optimizer.",
    "convergence": "Line plots of {metric} against step, one panel per loss.",
    "boundary": "Scatter plot of the two columns, with a straight line between the classes.",
    "calibration": "Reliability diagram: fraction of positives against mean predicted "
    "probability, with the diagonal.",
    "importance": "Bar chart: the share of each setting in the importance for {objective}.",
    "parallel": "Parallel coordinates: one line per run, one axis per setting.",
    "history": "Scatter plot of {objective} against trial, with a line for the best so far.",
    "by_sweep": "Heat map: each {by} in a row, each data set in a column.",
}


def title(name: str, **given: str) -> str:
    """A figure's heading; `given` are the objective, metric or kind of method that it names."""
    return TITLES[name].format(**given)


def alternative(name: str, caption: str, **given: str) -> str:
    """A figure in words: what kind of picture it is, then its caption."""
    return f"{ALTERNATIVES[name].format(**given)} {caption}"
