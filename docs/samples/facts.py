"""Sample numbers for reasons and remarks: counts of 0, 1, 2 and many."""

from __future__ import annotations

from typing import Any

from lrlab.report.analysis import judging

Given = dict[str, Any]


def _found(*counts: int, needed: int = judging.LEAST_ROWS) -> list[Given]:
    return [{"found": count, "needed": needed} for count in counts]


REFUSALS: dict[str, list[Given]] = {
    "no_runs": [{}],
    "all_diverged": [{"runs": n, "lowest": 0.1} for n in (1, 2, 300)],
    "each_trial_diverged": [{}],
    "none_finite": [{"objective": "val_log_loss"}],
    "no_mean_over_rows": [{"objective": "val_ece"}],
    "of_training_rows": [{"objective": "train_loss"}],
    "no_data": [{}],
    "rows_have_chosen": [{}],
    "no_weights": [{}],
    "few_rows": _found(0, 1, 2, 60),
    "few_groups": _found(0, 1, 2, 60),
    "few_of_a_class": _found(0, 1, 2, 15, needed=judging.LEAST_OF_A_CLASS),
    "not_finite": _found(0, 1, 2, 60),
    "no_optimum": [{}],
    "none_arrives": [{}],
    "one_optimizer": [{"loss": "bce"}],
    "none_finite_of_loss": [{"loss": "bce"}],
    "objectives_differ": [{"searched": ("l2",)}, {"searched": ("l2", "huber.delta")}],
    "one_complete": [{}],
    "few_seeds": [{"seeds": n, "judging": 6} for n in (1, 2, 6)],
    "leader_misses": [{}],
}
LEADERS = ((1, "sgd", 0.31), (10, "adam", 0.24), (100, "adam", 0.2231))
REMARKS: dict[str, list[Given]] = {
    "no_better": [{}],
    "budgets": [
        {"metric": "val_log_loss", "leaders": LEADERS, "sampler": "random", "drawn": 300}
        | {"all": True},
        *(
            {"metric": "val_auc", "leaders": LEADERS[:1], "sampler": "tpe", "drawn": n}
            | {"all": False}
            for n in (1, 2, 20)
        ),
    ],
    "budgets_unknown": [{"sampler": "tpe", "drawn": n, "all": False} for n in (0, 1, 2, 10)],
    "without_optimum": [
        {"left_out": left, "objectives": of, "seconds": seconds}
        for left, of, seconds in ((1, 1, 0.0), (2, 2, 20.0), (1, 2, 20.0), (12, 40, 0.0))
    ],
    "edge": [{"end": "low", "best": 0.0001, "low": 0.0001, "high": 10.0}],
    "few_trials": [
        {"methods": tuple((f"method{i}", 2) for i in range(count))} for count in (1, 2, 12)
    ],
    "reading": [{"text": "12 of 300 rows are left out, because a value is missing: 'age' 12"}],
    "one_run": [{}],
    "unsolved": [
        {"count": n, "iterations": 200, "objective": "hinge with l2 0", "gap": 0.03, "value": 0.4}
        for n in (1, 2, 12)
    ],
    "beaten": [
        {"count": n, "objective": "savage with l2 0", "by": 0.05}
        | {"reached": 0.15, "best_known": 0.2}
        for n in (1, 2, 12)
    ],
}
