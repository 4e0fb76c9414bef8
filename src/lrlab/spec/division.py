"""How a spec says that rows are divided, and what it means where it does not say.

Settings are chosen by validation rows and judged on test rows; with folds every row is validated
by a model that did not train on it. What depends on the size of the table is left open here, named
under `auto`, and filled in when the table is read (`lrlab.data.load_divided`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

VALIDATION = TEST = 0.2  # shares of the rows, where a table is divided in three
FOLDS = 5  # by default, of a small table
MOST_FOLDS = 100
TABLES = ("csv", "parquet", "sklearn")
SAID = ("val_fraction", "test_fraction", "folds", "test")  # any of them says how to divide
DIVISION = ("data.folds", "data.val_fraction", "data.test_fraction")


def complete_division(given: Any) -> Any:
    """The section `data` with the shares that follow from those that it names."""
    if not isinstance(given, Mapping) or not _says(given):
        return given
    test = 0 if given.get("test") is not None or _has_folds(given) else TEST
    shares = {"test_fraction": test} | ({} if _has_folds(given) else {"val_fraction": VALIDATION})
    return dict(given) | {key: v for key, v in shares.items() if given.get(key) is None}


def complete_sweep(tree: Any) -> Any:
    """A whole spec with replicates as many as folds, or with the keys that are left open."""
    if not isinstance(tree, Mapping) or tree.get("auto") is not None:
        return tree
    data, search = _plain(tree.get("data")), _plain(tree.get("search"))
    if data is None or search is None or data.get("source") not in TABLES:
        return tree
    given = {key for key, value in search.items() if value is not None}
    folds = data.get("folds")
    if _says(data):
        fits = isinstance(folds, int) and not isinstance(folds, bool) and 2 <= folds <= MOST_FOLDS
        if not fits or "replicates" in given:
            return tree
        return dict(tree) | {"search": search | {"replicates": folds}}
    open_keys = DIVISION
    if "replicates" not in given:
        open_keys += ("search.replicates", *(("search.batch",) if "batch" not in given else ()))
    return dict(tree) | {"auto": open_keys}


def division_problems(data: Any) -> Iterator[str]:
    """What is wrong with the keys that divide the rows, each by itself right."""
    val, test = data.val_fraction or 0, data.test_fraction or 0
    if val + test >= 1:
        yield (
            f"val_fraction = {val:g} and test_fraction = {test:g} leave no row to train on; set "
            "smaller ones, or test_fraction: 0 for no test rows"
        )
    if data.folds and data.val_fraction is not None:
        yield "folds and val_fraction exclude each other: with folds every row is validated once"
    if getattr(data, "test", None) is not None and data.test_fraction:
        yield "test and test_fraction exclude each other: the test rows are those of the file"
    if getattr(data, "groups", None) is not None and data.split is not None:
        yield "groups and split exclude each other; keep one"


def _says(data: Mapping[str, Any]) -> bool:
    return any(data.get(key) is not None for key in SAID)


def _has_folds(data: Mapping[str, Any]) -> bool:
    return data.get("folds") is not None and data["folds"] != 0


def _plain(section: Any) -> dict[str, Any] | None:
    """A section as a dict, empty where there is none; None if it is no section."""
    if isinstance(section, BaseModel):
        return section.model_dump(exclude_unset=True) | {
            "source": getattr(section, "source", None)
        }
    if section is None:
        return {}
    return dict(section) if isinstance(section, Mapping) else None
