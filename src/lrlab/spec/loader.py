"""From YAML text to a SweepSpec, with errors that name file, line and key."""

from __future__ import annotations

import codecs
import difflib
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from lrlab.errors import SpecError
from lrlab.spec.messages import SOURCES, message, path_of
from lrlab.spec.model import SweepSpec
from lrlab.spec.names import name_problems, refuse_path
from lrlab.spec.sources import CsvData, ParquetData
from lrlab.spec.yaml_text import Dumper, Lines, Path_, parse_yaml
from lrlab.wording import printable

MAX_BYTES = 1_000_000
MAX_PROBLEMS = 10


def load_spec(path: str | Path, overrides: Iterable[str] = ()) -> SweepSpec:
    """Read a sweep's spec from a YAML file.

    Args:
        path: The file. A relative `data.path` in it is taken from the file's folder.
        overrides: `key=value` texts, such as `search.trials=50`, that win over the file.

    Raises:
        SpecError: If the file cannot be read or is not a valid spec; the message names file,
            line and key, one problem a line. Also if it describes several sweeps.
    """
    specs = load_specs(path, overrides)
    if len(specs) > 1:
        raise SpecError(f"{path}: describes {len(specs)} sweeps; read it with load_specs")
    return specs[0]


def load_specs(path: str | Path, overrides: Iterable[str] = ()) -> tuple[SweepSpec, ...]:
    """Read the sweeps that a YAML file describes: one, or one for each of its `problems`.

    A file may name several data sets, `problems: {name: data, ...}`, instead of `data`. Each is a
    sweep of its own, called `<name of the file's sweep>-<name of the problem>`; by default they
    share an experiment.

    Args:
        path: As for `load_spec`.
        overrides: As for `load_spec`; they hold for every sweep.

    Raises:
        SpecError: As `load_spec`.
    """
    path = Path(path)
    tree, lines = parse_yaml(_read(path), str(path))
    make = partial(make_spec, overrides=tuple(overrides), where=str(path), folder=path.parent)
    if not isinstance(tree, Mapping) or "problems" not in tree:
        return (make(tree, lines=lines),)
    problems, place = tree["problems"], f"{path}:{lines[('problems',)]}: problems"
    if "data" in tree:
        raise SpecError(f"{place}: replaces `data`; keep one of the two")
    if not isinstance(problems, Mapping) or not problems:
        raise SpecError(f"{place}: should name data sets, such as `blobs: {{source: blobs}}`")
    name = tree.get("name")
    specs = []
    for key, data in problems.items():
        if said := refuse_path(str(key)):
            raise SpecError(f"{path}:{lines[('problems', str(key))]}: problems.{key}: {said}")
        own = {k: v for k, v in tree.items() if k != "problems"} | {"data": data}
        if isinstance(name, str):
            own |= {"name": f"{name}-{key}", "experiment": tree.get("experiment", name)}
        moved = {
            ("data", *at[2:]): line
            for at, line in lines.items()
            if at[:2] == ("problems", str(key))
        }
        specs.append(make(own, lines=lines | moved))
    return tuple(specs)


def _read(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise SpecError(f"{path}: no such file") from None
    except OSError as error:
        raise SpecError(f"{path}: cannot read the spec: {error.strerror or error}") from error
    except ValueError as error:  # a NUL byte in the name
        raise SpecError(f"{str(path)!r}: is not a file name") from error
    if len(raw) > MAX_BYTES:
        raise SpecError(f"{path}: {len(raw):,} bytes is too large for a spec; is it one?")
    if not raw.strip():
        raise SpecError(f"{path}: is empty; a spec has a name at least: `name: my-sweep`")
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise SpecError(f"{path}: is UTF-16 text; save it as UTF-8")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise SpecError(
            f"{path}:{line}: is not UTF-8 text (byte {error.start}); is it a spec, saved as UTF-8?"
        ) from error


def make_spec(
    tree: Mapping[str, Any],
    overrides: Iterable[str] = (),
    *,
    where: str = "spec",
    lines: Lines | None = None,
    folder: Path | None = None,
    recorded: bool = False,
) -> SweepSpec:
    """Validate a spec given as nested dicts.

    Args:
        tree: The content of the YAML file.
        overrides: As for `load_spec`.
        where: What messages call the spec.
        lines: Line number of each key path, for messages.
        folder: Where a relative `data.path` or `data.test` starts; the working folder if None.
        recorded: It is of a sweep that is there already, whatever names it was given.

    Raises:
        SpecError: If it is not valid.
    """
    if not isinstance(tree, Mapping):
        raise SpecError(f"{where}: should be a mapping of keys, such as `name: my-sweep`")
    try:
        content = _deep_copy(tree)
    except RecursionError:
        raise SpecError(f"{where}: is nested too deeply to be a spec") from None
    places = {path: f"{where}:{line}" for path, line in (lines or {}).items()}
    for override in overrides:
        path = apply_override(content, override)
        places = {key: place for key, place in places.items() if key[: len(path)] != path}
        places[path] = f"--set {printable(override)}"
    if isinstance(content.get("data"), dict):
        _complete_source(content["data"], where, places)
    spec = _validated(content, where, places)
    if not recorded:
        _refuse_names(spec, where, places)
    return spec if folder is None else _below(spec, folder)


def _validated(content: dict[str, Any], where: str, places: Mapping[Path_, str]) -> SweepSpec:
    """The spec; a problem a key, each with its place, if it is not valid."""
    try:
        return SweepSpec.model_validate(content)
    except ValidationError as error:
        problems: dict[Path_, str] = {}
        for item in error.errors():  # pydantic gives one a member of a union; the first will do
            if item["type"] == "default_factory_not_called":
                continue  # follows from another error
            problems.setdefault(path_of(item), message(item, where, places))
        raise SpecError("\n".join([*problems.values()][:MAX_PROBLEMS])) from None
    except RecursionError:
        raise SpecError(f"{where}: is nested too deeply to be a spec") from None


def _refuse_names(spec: SweepSpec, where: str, places: Mapping[Path_, str]) -> None:
    problems = [
        f"{places.get(path, where)}: {'.'.join(path)}: {said}"
        for path, said in dict(name_problems(spec)).items()
    ]
    if problems:
        raise SpecError("\n".join(problems))


def _below(spec: SweepSpec, folder: Path) -> SweepSpec:
    """The spec with the paths of its files starting in a folder."""
    if not isinstance(spec.data, CsvData | ParquetData):
        return spec
    files = {"path": spec.data.path, "test": spec.data.test}
    moved = {key: folder / path for key, path in files.items() if path is not None}
    return spec.model_copy(update={"data": spec.data.model_copy(update=moved)})


def _complete_source(data: dict[str, Any], where: str, places: Mapping[Path_, str]) -> None:
    """Data without a source are blobs, unless a key says that something else was meant.

    Else every key of a table would be called unknown, because blobs have none of them.

    Raises:
        SpecError: If a key is a misspelt `source`, or belongs to other sources only.
    """
    if "source" in data:
        return
    for key in data:
        owners = [name for name, section in SOURCES.items() if key in section.model_fields]
        place = f"{places.get(('data', str(key)), where)}: data.{key}"
        if not owners and difflib.get_close_matches(str(key), ["source"]):
            raise SpecError(f"{place}: unknown key; did you mean 'source'?")
        if owners and "blobs" not in owners:
            raise SpecError(
                f"{place}: belongs to other sources ({', '.join(owners)}); say which, such as "
                f"`source: {owners[0]}`"
            )
    data["source"] = "blobs"


def apply_override(tree: dict[str, Any], override: str) -> Path_:
    """Set one `key=value` in a nested dict, in place; the value is read as YAML.

    What follows `search.space.` is one key, dots included. Returns the path of the key.

    Raises:
        SpecError: If the text has no `=`, or the path runs through something that is no section.
    """
    key, equals, text = override.partition("=")
    where = f"--set {printable(override)}"
    if not equals or not key.strip():
        raise SpecError(f"{where}: should read key=value, such as search.trials=50")
    parts = key.strip().split(".")
    if parts[:2] == ["search", "space"] and len(parts) > 2:
        parts = ["search", "space", ".".join(parts[2:])]
    value, _ = parse_yaml(text, where) if text.strip() else (None, {})
    for part in parts[:-1]:
        tree = tree.setdefault(part, {})
        if not isinstance(tree, dict):
            raise SpecError(f"{where}: {part!r} is not a section with keys")
    if value is None:
        tree.pop(parts[-1], None)
    else:
        tree[parts[-1]] = value
    return tuple(parts)


def _deep_copy(tree: Any) -> Any:
    if isinstance(tree, Mapping):
        return {key: _deep_copy(value) for key, value in tree.items()}
    return tree


def dump_spec(spec: SweepSpec) -> str:
    """The resolved spec as YAML text that `load_spec` reads back to the same spec."""
    text: str = yaml.dump(spec.resolved(), Dumper=Dumper, sort_keys=False, allow_unicode=True)
    return text


def parse_dumped_spec(text: str) -> SweepSpec:
    """A spec from what `dump_spec` wrote.

    Raises:
        SpecError: If the text is no valid spec (written by an incompatible lrlab).
    """
    tree, lines = parse_yaml(text, "recorded spec")
    if isinstance(tree, dict) and isinstance(tree.get("data"), dict):
        tree["data"] = _without_test_rows(tree["data"])
    return make_spec(tree, where="recorded spec", lines=lines, recorded=True)


def _without_test_rows(data: dict[str, Any]) -> dict[str, Any]:
    """Recorded data as they were meant by a lrlab that had no test rows; later ones always say."""
    if data.get("source") == "blobs":
        return {"test_sizes": [0, 0]} | data
    return ({"test_fraction": 0} if "val_fraction" in data else {}) | data
