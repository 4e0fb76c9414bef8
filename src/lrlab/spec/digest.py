"""What makes two specs the same sweep: the settings, and the bytes of the table.

Digests are recorded, and a sweep is found again by them, so what goes into one is fixed: a key
that lrlab 0.1.0 knew is always part of it, a newer key only where it is not at its default. So a
release that adds a key finds every sweep that an earlier one began. (The default of a newer key
must therefore never change; that of an old one may, and gives other sweeps.) Where the default
of a newer key means something else than what 0.1.0 did, `AS_BEFORE` has the value that means it.
Keys that a spec leaves open (`auto`) are no part of it either, whatever they were filled in with.
"""

from __future__ import annotations

import hashlib
import json
import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from lrlab.errors import UserError

if TYPE_CHECKING:
    from lrlab.spec.model import SweepSpec

FIRST_KEYS = {  # of lrlab 0.1.0, by section or data source
    "sweep": "name experiment data train search objective seed register_model",
    "blobs": "source sizes features means shift spread noise condition val_sizes seed",
    "csv": "source target positive numeric categorical drop missing constant val_fraction seed "
    "separator",
    "parquet": "source target positive numeric categorical drop missing constant val_fraction "
    "seed",
    "sklearn": "source dataset positive constant val_fraction seed",
    "train": "steps batch_size l2 dtype engine device stop_converged",
    "search": "sampler replicates batch space",
    "range": "low high log step points",
}
NOT_CONTENT = {
    "sweep": "description report auto",
    "search": "trials",
    "csv": "path test",
    "parquet": "path test",
}
AS_BEFORE = {"test_fraction": 0, "folds": 0, "test_sizes": (0, 0)}
# A table that a server keeps lies below its SHA-256.
_KEPT = re.compile(r"(?:.*/)?data/([0-9a-f]{64})/[^/]+")


def content_digest(spec: SweepSpec) -> str:
    """SHA-256 (hex) of what decides the numbers: settings and, if there is one, the table's bytes.

    Raises:
        UserError: If the table cannot be read.
    """
    return _sha256(_content(spec, with_table=True))


def settings_digest(spec: SweepSpec) -> str:
    """SHA-256 (hex) of what decides the numbers, but for the content of the table."""
    return _sha256(_content(spec, with_table=False))


def digest_by_path(spec: SweepSpec) -> str:
    """The digest as lrlab 0.1.0 recorded it: with the table's path in place of its bytes."""
    content = _content(spec, with_table=False)
    path = getattr(spec.data, "path", None)
    if path is not None:
        content["data"]["path"] = str(path)
    return _sha256(content)


def _sha256(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _content(spec: SweepSpec, *, with_table: bool) -> dict[str, Any]:
    content = _kept(spec, "sweep")
    path = getattr(spec.data, "path", None)
    if with_table and path is not None:
        content["data"]["sha256"] = table_digest(path)
    if (test := getattr(spec.data, "test", None)) is not None:
        content["data"]["test"] = table_digest(test, "data.test") if with_table else True
    for key in spec.auto or ():
        section, _, name = key.partition(".")
        content[section].pop(name, None)
    return content


def _kept(section: BaseModel, name: str) -> dict[str, Any]:
    """The keys of a section that are part of a digest, and their values as JSON has them."""
    first, never = FIRST_KEYS.get(name, "").split(), NOT_CONTENT.get(name, "").split()
    plain = section.model_dump(mode="json", exclude_none=True)
    kept = {}
    for key, field in type(section).model_fields.items():
        value = getattr(section, key)
        if key in never or key not in plain:
            continue
        usual = AS_BEFORE.get(key, field.default)
        if key in first or key == "source" or value != usual:
            kept[key] = _below(value, key, plain[key])
    return kept


def _below(value: Any, key: str, plain: Any) -> Any:
    if isinstance(value, BaseModel):
        return _kept(value, getattr(value, "source", key))
    if isinstance(value, dict):  # the search space
        return {
            name: _kept(item, "range") if isinstance(item, BaseModel) else plain[name]
            for name, item in value.items()
        }
    return plain


def table_digest(path: Path, key: str = "data.path") -> str:
    """SHA-256 (hex) of a file; read again only if size, time or place of the file have changed.

    Args:
        path: The file.
        key: Of the spec, which names it.

    Raises:
        UserError: If it cannot be read.
    """
    try:
        about = path.stat()
        return _hashed(path.resolve(), about.st_size, about.st_mtime_ns, about.st_ino)
    except OSError as error:
        kept = _KEPT.fullmatch(path.as_posix())
        if kept is not None and isinstance(error, FileNotFoundError):
            return kept[1]
        reason = error.strerror or error
        raise UserError(f"{path}: cannot read: {reason} ({key})") from None


@lru_cache(maxsize=64)
def _hashed(path: Path, size: int, changed: int, inode: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
