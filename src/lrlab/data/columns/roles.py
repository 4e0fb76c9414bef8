"""What the spec says of a table's columns: features, target, what divides the rows."""

from __future__ import annotations

from lrlab.errors import UserError
from lrlab.registry import did_you_mean
from lrlab.spec import CsvData, ParquetData
from lrlab.wording import quoted


def dividing_column(data: CsvData | ParquetData) -> str | None:
    """The column by which rows are kept together or put in order; it is no feature."""
    return data.groups if data.split is None else data.split.by


def check_names(columns: tuple[str, ...], data: CsvData | ParquetData, where: str) -> set[str]:
    """The columns that the spec names as features; each must be there, and be one thing only."""
    listed = {
        "target": (data.target,),
        "drop": data.drop,
        "numeric": data.numeric or (),
        "categorical": data.categorical or (),
        "groups": () if data.groups is None else (data.groups,),
        "split.by": () if data.split is None else (data.split.by,),
    }
    for key, named in listed.items():
        for name in named:
            if name not in columns:
                raise UserError(
                    f"{where}: no column {quoted(name)} (data.{key}){did_you_mean(name, columns)}"
                )
    features = [*listed["numeric"], *listed["categorical"]]
    _refuse_two_roles(features, data, where)
    return set(features)


def _refuse_two_roles(features: list[str], data: CsvData | ParquetData, where: str) -> None:
    """Each column is one thing only."""
    if len(set(features)) < len(features):
        twice = next(name for name in features if features.count(name) > 1)
        raise UserError(
            f"{where}: column {quoted(twice)} is listed twice (data.numeric, data.categorical)"
        )
    by = dividing_column(data)
    if by is not None and by in (data.target, *features):
        raise UserError(
            f"{where}: rows are divided by the column {quoted(by)}, so it is neither the target "
            "nor a feature"
        )
    for name in features:
        if name in (data.target, *data.drop):
            raise UserError(
                f"{where}: column {quoted(name)} is a feature, but also the target or dropped"
            )
