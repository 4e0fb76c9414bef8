"""A trajectory as files: weights and history, as they are kept with a run."""

from __future__ import annotations

import io
import pickletools
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lrlab.lazy import on_use

if TYPE_CHECKING:
    import torch

    from lrlab.train.trajectory import Trajectory
else:
    torch = on_use("torch")

WEIGHTS_FILE = "weights.pt"
HISTORY_FILE = "history.parquet"
SHORT = 10_000  # steps of a history up to which its file may travel with it


def run_files(trajectory: Trajectory) -> Iterator[tuple[str, bytes | memoryview]]:
    """A run's files: weights as a state dict of LogisticRegression, and the history.

    Formed in memory, because writers that are given a path make many small writes.
    """
    if trajectory.files is not None:
        yield from trajectory.files.items()
        return
    weight = torch.from_numpy(np.asarray(trajectory.weight))[None]
    bias = torch.tensor([trajectory.bias], dtype=weight.dtype)
    saved = io.BytesIO()
    torch.save({"features.weight": weight, "features.bias": bias}, saved)
    yield WEIGHTS_FILE, saved.getbuffer()
    sink = pa.BufferOutputStream()
    # floats do not repeat, so dictionaries and statistics only cost
    pq.write_table(
        pa.table(trajectory.columns()), sink, use_dictionary=False, write_statistics=False
    )
    yield HISTORY_FILE, memoryview(sink.getvalue())


def read_weights(path: Path) -> tuple[np.ndarray, float]:
    """Weights [d] and bias of a run's file, float64; nothing is unpickled, and torch not needed.

    Raises:
        ValueError: If the file is not as `run_files` writes it.
        OSError: If it cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            (root,) = {name.partition("/")[0] for name in archive.namelist()}
            about = archive.read(f"{root}/data.pkl")
            little = archive.read(f"{root}/byteorder") == b"little"
            weight, bias = (archive.read(f"{root}/data/{i}") for i in range(2))
        said = [value for code, value, _ in pickletools.genops(about) if code.name in _SAYING]
    except (zipfile.BadZipFile, KeyError, NotImplementedError, EOFError) as error:
        raise ValueError("not a whole file of weights") from error
    if not little or said != _said_of(len(weight) // 8):
        raise ValueError("not the weights of a logistic regression")
    return np.frombuffer(weight, "<f8"), float(np.frombuffer(bias, "<f8")[0])


_SAYING = ("BINUNICODE", "GLOBAL", "BININT", "BININT1", "BININT2")


def _said_of(d: int) -> list[str | int]:
    """Names and numbers in the pickle of d weights and a bias: storage, offset, size, stride."""
    return [
        *("features.weight", "torch._utils _rebuild_tensor_v2", "storage", "torch DoubleStorage"),
        *("0", "cpu", d, 0, 1, d, d, 1, "collections OrderedDict"),
        *("features.bias", "1", 1, 0, 1, 1),
    ]


def with_files(trajectories: Sequence[Trajectory]) -> list[Trajectory]:
    """Trajectories that hold their files, formed where they were trained.

    So the process that records them need not form them; long histories are left to it, as they
    would be held twice.
    """
    return [
        trajectory
        if trajectory.steps > SHORT
        else replace(
            trajectory,
            files={name: bytes(content) for name, content in run_files(trajectory)},
        )
        for trajectory in trajectories
    ]
