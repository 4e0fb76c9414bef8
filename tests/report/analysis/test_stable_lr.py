"""Largest learning rates by theory: what the table, the figure and its caption say of them."""

from __future__ import annotations

import math

import pandas as pd

from lrlab.optimum import Objective, Optimum
from lrlab.optimum.record import Optima
from lrlab.report.analysis.evidence import stable_limits
from lrlab.report.text.captions import stability_caption


def limits(optimizer: str, **optimum: float | bool) -> pd.DataFrame:
    """Three learning rates of one optimizer on a loss with the given optimum; 4 oscillates."""
    runs = pd.DataFrame(
        {
            "run_id": list("abc"),
            "optimizer": optimizer,
            "loss": "bce_logits",
            "lr": [0.1, 1.0, 4.0],
            "l2": 0.1,
            "momentum.beta": 0.5,
        }
    )
    converged = pd.DataFrame(
        {"run_id": list("abc"), "detail": ["converged", "converged", "oscillating"]}
    )
    known = Optimum(0.3, "minimum", **{"bound": 2.0, "largest": 1.0, "smallest": 0.5} | optimum)
    optima = Optima({Objective("bce_logits", (), 0.1): known}, 1e-7, 10, 10)
    return stable_limits(runs, converged, optima)


def test_gradient_descent_has_a_safe_lr_and_a_largest_stable_one() -> None:
    (row,) = limits("sgd").to_dict("records")
    assert (row["beta"], row["safe"], row["limit"]) == (0, 1.0, 2.0)
    assert (row["largest_stable"], row["smallest_unstable"]) == (1.0, 4.0)
    caption = stability_caption(limits("sgd"))
    assert "Dotted" in caption
    assert "Runs and theory agree." in caption


def test_momentum_has_no_safe_lr_and_the_caption_speaks_of_none() -> None:
    (row,) = limits("momentum").to_dict("records")
    assert math.isnan(row["safe"])
    assert (row["beta"], row["limit"]) == (0.5, 3.0)
    caption = stability_caption(limits("momentum"))
    assert "Dotted" not in caption
    assert "Runs and theory agree." in caption


def test_on_a_quadratic_momentum_has_one() -> None:
    (row,) = limits("momentum", bound=1.0, quadratic=True).to_dict("records")
    assert row["safe"] == row["limit"] == 3.0


def test_a_run_that_broke_below_what_is_safe_does_not_agree_with_theory() -> None:
    assert "Runs and theory disagree." in stability_caption(limits("sgd", bound=0.4, largest=0.4))
