"""A run's weights as a file: written by torch, read without it."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from lrlab.train.artifacts import read_weights


def _state(d: int = 3) -> dict[str, torch.Tensor]:
    weight = torch.arange(1, d + 1, dtype=torch.float64) / 7
    return {"features.weight": weight[None], "features.bias": torch.tensor([0.1]).double()}


@pytest.mark.parametrize("d", [1, 85, 256, 70_000])
def test_weights_of_any_length_are_read_to_the_bit(d: int, tmp_path: Path) -> None:
    torch.save(_state(d), tmp_path / "weights.pt")
    weight, bias = read_weights(tmp_path / "weights.pt")
    assert torch.equal(torch.from_numpy(weight.copy()), _state(d)["features.weight"][0])
    assert bias == float(_state(d)["features.bias"])


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _with_a_flipped_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        at = archive.getinfo("archive/data/0").header_offset
    content[at + 200] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "harm", [_truncated, _with_a_flipped_bit, lambda path: path.write_text("")]
)
def test_a_damaged_file_is_refused(harm: Any, tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    with path.open("wb") as file:
        torch.save(_state(40), file)
    read_weights(path)
    harm(path)
    with pytest.raises(ValueError, match="weights"):
        read_weights(path)


@pytest.mark.parametrize(
    "other",
    [
        {name: value.float() for name, value in _state().items()},
        {**_state(), "more": torch.ones(1)},
        {"bias": torch.ones(1)},
        {**_state(), "features.weight": torch.ones(3, 2, dtype=torch.float64).T[:1]},
        {**_state(), "features.bias": torch.ones(2, dtype=torch.float64)},
        torch.ones(3),
    ],
)
def test_what_is_no_logistic_regression_is_refused(other: Any, tmp_path: Path) -> None:
    torch.save(other, tmp_path / "weights.pt")
    with pytest.raises(ValueError, match="weights"):
        read_weights(tmp_path / "weights.pt")
