"""The commented spec that `lrlab init` writes."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from lrlab.catalogue import did_you_mean
from lrlab.errors import UserError

_TEMPLATE = """\
# A sweep for lrlab. Check it with `lrlab sweep FILE --dry-run`, run it with `lrlab sweep FILE`.
# Every key but `name` may be left out; the values here are the defaults unless said otherwise.
name: {name}

{data}

train:
  steps: 1000            # updates of each run
  # batch_size: 32       # mini-batches; all rows at once if left out
  l2: 0.0                # adds l2/2 * ||w||^2 to the loss
  dtype: float32         # or float64

search:
  trials: 100            # configurations to try
  sampler: tpe           # tpe, random, qmc, grid, cmaes or gp
  replicates: 1          # runs of each configuration, with different seeds
  space:                 # a list is a choice, {{low, high}} a range, a single value fixed
    optimizer: [sgd, momentum, nesterov, adagrad, rmsprop, adam]   # `lrlab optimizers`
    loss: [bce_logits, mse, hinge]                                 # `lrlab losses`
    lr: {{low: 1.0e-4, high: 10, log: true}}
    # Not searched by default; each is used only with its owner:
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

_TABLE = """\
data:
  source: {source}
  path: {path}           # from this file's folder
  target: {target}
  # positive: "yes"      # which value of the target is class 1; the larger by default
  # drop: [id]           # columns to leave out
  missing: error         # or drop (rows), impute (median, most frequent)
  val_fraction: 0.25     # held out, stratified"""


def starter_spec(file: Path, data: str | None = None, target: str | None = None) -> str:
    """YAML text of a spec that runs as it is.

    Args:
        file: Where it will be written; gives the sweep its name.
        data: A .csv or .parquet file; the tutorial's data if None.
        target: Its column to predict.

    Raises:
        UserError: If `data` is no such file, or has no such column.
    """
    section = _BLOBS if data is None else _table_section(file, data, str(target))
    return _TEMPLATE.format(name=_scalar(file.stem or "sweep"), data=section)


def _table_section(file: Path, data: str, target: str) -> str:
    path = Path(data)
    source = {".csv": "csv", ".parquet": "parquet", ".pq": "parquet"}.get(path.suffix.lower())
    if source is None:
        raise UserError(f"{data}: should end in .csv or .parquet")
    if not path.is_file():
        raise UserError(f"{data}: no such file")
    columns = _columns(path, source)
    if target not in columns:
        raise UserError(f"{data}: no column {target!r}{did_you_mean(target, columns)}")
    relative = os.path.relpath(path, file.parent)
    return _TABLE.format(source=source, path=_scalar(relative), target=_scalar(target))


def _columns(path: Path, source: str) -> tuple[str, ...]:
    """Names of a table's columns."""
    try:
        if source == "csv":
            return tuple(map(str, pd.read_csv(path, nrows=0).columns))
        return tuple(pq.read_schema(path).names)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise UserError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from error


def _scalar(text: str) -> str:
    """A text as a YAML scalar, quoted where it must be."""
    return yaml.safe_dump(text, allow_unicode=True, width=10_000).removesuffix("\n...\n").strip()
