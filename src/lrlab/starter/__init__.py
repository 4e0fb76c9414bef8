"""The commented spec that `lrlab init` writes."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

import yaml

from lrlab.starter.inspection import Inspection, inspect_table

MOST_OF_A_LINE = 60  # characters of a key and its value beside a comment
COMMENTS_AT = 24  # the column before a comment

_TEMPLATE = """\
# A sweep for lrlab. Check it with `lrlab sweep FILE --dry-run`, run it with `lrlab sweep FILE`.
# Every key but `name` may be left out; the values here are the defaults unless said otherwise.
name: {name}

{data}

train:
  steps: 1000            # updates of each run
  # batch_size: 32       # mini-batches; all rows at once if left out
{fixed_l2}  dtype: float32         # or float64

search:
  trials: 100            # configurations to try
  sampler: tpe           # tpe, random, qmc, grid, cmaes or gp
{replicates}
  space:                 # a list is a choice, {{low, high}} a range, a single value fixed
    optimizer: [sgd, momentum, nesterov, adagrad, rmsprop, adam]   # `lrlab optimizers`
    loss: [bce_logits, mse, hinge]                                 # `lrlab losses`
    lr: {{low: 1.0e-4, high: 10, log: true}}
{l2}    # Not searched by default; each is used only with its owner:
    # momentum.beta: {{low: 0.5, high: 0.99}}
    # sgd.lr: {{low: 0.01, high: 100, log: true}}

objective: val_log_loss  # or val_accuracy, val_auc, val_brier, val_ece, train_objective, ...
seed: 1
"""

_BLOBS = """\
data:
  source: blobs          # two Gaussian classes; or csv, parquet, sklearn
  sizes: [100, 100]      # rows of class 0 and class 1
  features: 2
  noise: 0.0             # share of labels flipped"""

_FIXED_L2 = """\
  l2: 0.0                # adds l2/2 * ||w||^2 to the loss
"""
# On a table of the user's own it keeps the weights of useless columns small.
_SEARCHED_L2 = """\
    l2: {low: 1.0e-6, high: 1, log: true}      # adds l2/2 * ||w||^2 to the loss
"""


def starter_spec(file: Path, data: str | None = None, target: str | None = None) -> str:
    """YAML text of a spec that runs as it is.

    Args:
        file: Where it will be written; gives the sweep its name.
        data: A .csv or .parquet file, which is looked at; the tutorial's data if None.
        target: Its column to predict.

    Raises:
        UserError: If `data` is no such file, has no such column, or cannot be learned from.
    """
    name = _scalar(file.stem or "sweep")
    if data is None:
        more = {"fixed_l2": _FIXED_L2, "l2": "", "replicates": _replicates(1)}
        return _TEMPLATE.format(name=name, data=_BLOBS, **more)
    found = inspect_table(Path(data), target)
    place = os.path.relpath(data, file.parent)
    section = _section(found, place, str(target))
    more = {"fixed_l2": "", "l2": _SEARCHED_L2, "replicates": _replicates(found.replicates)}
    return _TEMPLATE.format(name=name, data=section, **more)


def _replicates(count: int) -> str:
    why = "each without one of the folds" if count > 1 else "with different seeds"
    return "\n".join(_commented("replicates", count, f"runs of each configuration, {why}"))


def _section(found: Inspection, place: str, target: str) -> str:
    """The section `data`, each line with what was seen."""
    lines = [f"  source: {found.source}"]
    lines += _commented("path", place, "from this file's folder")
    lines += _commented("target", target, "the column to predict")
    for key in found.keys:
        lines += _commented(key.name, key.value, key.seen)
    stated = {key.name for key in found.keys}
    if "drop" not in stated:
        lines += _commented("# drop", ["column"], "columns to leave out")
    if "missing" not in stated:
        lines += _commented("missing", "error", "none seen; drop (rows) and impute are the others")
    for key in found.division:
        lines += _commented(key.name, key.value, key.seen)
    for key in found.likely:
        lines += _commented(f"# {key.name}", key.value, key.seen)
    return "\n".join(["data:", *(f"  # {_sentence(note)}" for note in found.notes), *lines])


def _commented(name: str, value: object, comment: str) -> list[str]:
    """`name: value  # comment`; the comment stands above where the line would be too long."""
    line = f"  {name}: {_scalar(value)}"
    if len(line) <= MOST_OF_A_LINE and len(line) + len(comment) <= 2 * MOST_OF_A_LINE:
        return [f"{line:<{COMMENTS_AT}} # {comment}"]
    return [f"  # {part}" for part in textwrap.wrap(comment, 90)] + [line]


def _scalar(value: object) -> str:
    """A value as YAML in one line, quoted where it must be."""
    plain = value.item() if hasattr(value, "item") else value
    text = yaml.safe_dump(plain, allow_unicode=True, width=float("inf"), default_flow_style=True)
    return text.removesuffix("\n").removesuffix("\n...").strip()


def _sentence(note: str) -> str:
    return note if note.endswith("?") else f"{note}."
