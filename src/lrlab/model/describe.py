"""What is said of a model: its coefficients as rows, its description for MLflow."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

SHOWN = 20  # coefficients in a description
METRICS = ("val_log_loss", "val_accuracy", "val_auc", "val_brier")


@dataclass(frozen=True)
class Coefficient:
    """A coefficient of the model, on the scale of the data and on a common one.

    Args:
        name: Of the feature.
        per_unit: Change of the logit by one unit of the column; of a category, against a row of
            none of the listed ones.
        odds_ratio: By what that multiplies the odds, exp(per_unit).
        per_standard_deviation: Change of the logit by one standard deviation over the training
            rows (of a category, of its 0/1 column), by which coefficients can be compared.
        odds_ratio_per_standard_deviation: By what that multiplies the odds.
    """

    name: str
    per_unit: float
    odds_ratio: float
    per_standard_deviation: float
    odds_ratio_per_standard_deviation: float


def coefficients(numbers: Mapping[str, Any]) -> list[Coefficient]:
    """The coefficients in the order of the columns; the intercept is `numbers["intercept"]`."""
    found = []
    for column in numbers["columns"]:
        if column["kind"] == "numeric":
            per_sd = column["coefficient_per_standard_deviation"]
            found.append(_coefficient(column["name"], column["coefficient_per_unit"], per_sd))
            continue
        for each in column["categories"]:
            spread = math.sqrt(each["share"] * (1 - each["share"]))
            value = each["coefficient"]
            found.append(_coefficient(each["feature"], value, value * spread))
    return found


def _coefficient(name: str, per_unit: float, per_sd: float) -> Coefficient:
    return Coefficient(name, per_unit, _exp(per_unit), per_sd, _exp(per_sd))


def _exp(value: float) -> float:
    return math.exp(value) if value < 709 else math.inf


def as_rows(numbers: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The coefficients as plain values."""
    return [asdict(each) for each in coefficients(numbers)]


def description(numbers: Mapping[str, Any]) -> str:
    """The model in Markdown, for its page in MLflow."""
    first, second = numbers["classes"]
    measured = ", ".join(
        f"{name} {numbers['metrics'][name]:.4g}" for name in METRICS if name in numbers["metrics"]
    )
    columns = ", ".join(f"`{column['name']}`" for column in numbers["columns"][:SHOWN])
    more = len(numbers["columns"]) - SHOWN
    others = f" and {more:,} more" if more > 0 else ""
    strongest = sorted(coefficients(numbers), key=lambda c: -abs(c.per_standard_deviation))[:SHOWN]
    rows = "\n".join(
        f"| {_plain(c.name)} | {c.per_standard_deviation:.4g} | {c.per_unit:.4g} "
        f"| {c.odds_ratio:.4g} |"
        for c in strongest
    )
    return (
        f"Logistic regression: the best run of the sweep {numbers['sweep']} "
        f"({numbers['optimizer']}, {numbers['loss']}).\n\n"
        f"Trained on {numbers['trained_on']}.\n\n"
        f"Held out: {measured or 'nothing was measured'}.\n\n"
        f"Takes a table with the columns {columns}{others}; gives `prediction`, "
        f"`probability_{first}` and `probability_{second}`.\n\n"
        f"| coefficient | per standard deviation | per unit | odds ratio |\n"
        f"| --- | --- | --- | --- |\n{rows}\n"
    )


def _plain(name: str) -> str:
    """A name in a cell of a Markdown table."""
    return " ".join(name.replace("|", "\\|").split())
