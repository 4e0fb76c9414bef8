"""From YAML text to a SweepSpec, with errors that name file, line and key."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from lrlab.catalogue import did_you_mean
from lrlab.errors import SpecError
from lrlab.spec.model import (
    DOMAIN_TAGS,
    BlobsData,
    CsvData,
    ParquetData,
    SearchSpec,
    Section,
    SklearnData,
    SweepSpec,
    TrainSpec,
)
from lrlab.spec.space import Range

MAX_BYTES = 1_000_000
MAX_PROBLEMS = 10
Path_ = tuple[str, ...]
Lines = dict[Path_, int]

_DATA: dict[str, type[Section]] = {
    "blobs": BlobsData,
    "csv": CsvData,
    "parquet": ParquetData,
    "sklearn": SklearnData,
}


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
        raise SpecError(f"{place}: stands instead of `data`; keep one of the two")
    if not isinstance(problems, Mapping) or not problems:
        raise SpecError(f"{place}: should name data sets, such as `blobs: {{source: blobs}}`")
    name = tree.get("name")
    specs = []
    for key, data in problems.items():
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
    except OSError as error:
        raise SpecError(f"{path}: cannot read the spec: {error.strerror or error}") from error
    except ValueError as error:  # a NUL byte in the name
        raise SpecError(f"{str(path)!r}: is not a file name") from error
    if len(raw) > MAX_BYTES:
        raise SpecError(f"{path}: {len(raw):,} bytes is too large for a spec; is it one?")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SpecError(
            f"{path}: is not UTF-8 text (byte {error.start}); is it a spec?"
        ) from error


def make_spec(
    tree: Mapping[str, Any],
    overrides: Iterable[str] = (),
    *,
    where: str = "spec",
    lines: Lines | None = None,
    folder: Path | None = None,
) -> SweepSpec:
    """Validate a spec given as nested dicts.

    Args:
        tree: The content of the YAML file.
        overrides: As for `load_spec`.
        where: What messages call the spec.
        lines: Line number of each key path, for messages.
        folder: Where a relative `data.path` starts; the working folder if None.

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
        places[path] = f"--set {override}"
    if isinstance(content.get("data"), dict):
        _complete_source(content["data"], where, places)
    try:
        spec = SweepSpec.model_validate(content)
    except ValidationError as error:
        problems: dict[Path_, str] = {}
        for item in error.errors():  # pydantic gives one a member of a union; the first will do
            if item["type"] == "default_factory_not_called":
                continue  # follows from another error
            problems.setdefault(_path(item), _message(item, where, places))
        raise SpecError("\n".join([*problems.values()][:MAX_PROBLEMS])) from None
    except RecursionError:
        raise SpecError(f"{where}: is nested too deeply to be a spec") from None
    if folder is not None and isinstance(spec.data, CsvData | ParquetData):
        data = spec.data.model_copy(update={"path": folder / spec.data.path})
        spec = spec.model_copy(update={"data": data})
    return spec


def _complete_source(data: dict[str, Any], where: str, places: Mapping[Path_, str]) -> None:
    """Data without a source are blobs, unless a key says that something else was meant.

    Else every key of a table would be called unknown, because blobs have none of them.

    Raises:
        SpecError: If a key is a misspelt `source`, or belongs to other sources only.
    """
    if "source" in data:
        return
    for key in data:
        owners = [name for name, section in _DATA.items() if key in section.model_fields]
        place = f"{places.get(('data', str(key)), where)}: data.{key}"
        if not owners and difflib.get_close_matches(str(key), ["source"]):
            raise SpecError(f"{place}: unknown key; did you mean 'source'?")
        if owners and "blobs" not in owners:
            raise SpecError(
                f"{place}: belongs to other sources ({', '.join(owners)}); say which, such as "
                f"`source: {owners[0]}`"
            )
    data["source"] = "blobs"


def parse_yaml(text: str, where: str = "spec") -> tuple[Any, Lines]:
    """Parse YAML safely; returns the content and the line of every key path.

    Raises:
        SpecError: If it is not YAML, names a key twice, or uses aliases.
    """
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return {}, {}
        lines: Lines = {}
        _note_lines(node, (), lines, where)
        return loader.construct_document(node), lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise SpecError(f"{where}{line}: is not valid YAML: {error.problem or error}") from None
    except yaml.YAMLError as error:
        raise SpecError(f"{where}: is not valid YAML: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise SpecError(f"{where}: is nested too deeply to be a spec") from None
    except (ValueError, OverflowError, TypeError, AttributeError, LookupError) as error:
        # What PyYAML's constructors let through: impossible dates, numbers of 5,000 digits.
        raise SpecError(f"{where}: holds a value that YAML cannot represent: {error}") from None


class _Loader(yaml.SafeLoader):
    """SafeLoader that reads 1e-4 as a number, as YAML 1.2 does, and refuses aliases."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(
                None, None, "aliases (*name) are not supported in a spec", event.start_mark
            )
        return super().compose_node(parent, index)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        value: int = super().construct_yaml_int(node)
        str(value)  # refuses 0xfff... of more than 4,300 digits, which no message could show
        return value


class _Dumper(yaml.SafeDumper):
    """SafeDumper that quotes the text '1e4', which `_Loader` would read as a number."""

    def represent_str(self, text: str) -> yaml.ScalarNode:
        # Outside double quotes, Unicode's line breaks are read back as spaces.
        style = '"' if set("\x85\u2028\u2029").intersection(text) else None
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)


for _class in (_Loader, _Dumper):
    _class.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+\Z"),
        list("-+.0123456789"),
    )
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
_Dumper.add_representer(str, _Dumper.represent_str)


def _note_lines(node: yaml.Node, path: Path_, lines: Lines, where: str) -> None:
    lines[path] = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _note_lines(item, (*path, str(index)), lines, where)
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        below = (*path, str(key.value))
        if below in lines:
            raise SpecError(
                f"{where}:{key.start_mark.line + 1}: {'.'.join(below)}: the key stands twice "
                f"(first in line {lines[below]}); drop one"
            )
        _note_lines(value, below, lines, where)
        lines[below] = key.start_mark.line + 1


def apply_override(tree: dict[str, Any], override: str) -> Path_:
    """Set one `key=value` in a nested dict, in place; the value is read as YAML.

    What follows `search.space.` is one key, dots included. Returns the path of the key.

    Raises:
        SpecError: If the text has no `=`, or the path runs through something that is no section.
    """
    key, equals, text = override.partition("=")
    where = f"--set {override}"
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


def _message(error: ErrorDetails, where: str, places: Mapping[Path_, str]) -> str:
    """One pydantic error as `file:line: key: what is wrong`."""
    path, text = _path(error), _text(error)
    known = (places[path[:n]] for n in range(len(path), 0, -1) if path[:n] in places)
    place = next(known, where)
    return f"{place}: {'.'.join(path)}: {text}" if path else f"{place}: {text}"


def _path(error: ErrorDetails) -> Path_:
    """The key path of an error, without the tags that pydantic adds for unions."""
    if error["type"] == "lrlab":
        return tuple(error["ctx"]["path"])
    path = [str(part) for part in error["loc"]]
    if path[:1] == ["data"] and path[1:2] and path[1] in _DATA:
        del path[1]
    if path[:2] == ["data", "positive"]:
        del path[2:]
    if path[:2] == ["search", "space"] and len(path) > 3:
        path = path[:3] + ([] if path[3] in DOMAIN_TAGS else [path[3]]) + path[4:]
        tags = ("constrained-", "function-", "[key]")
        path = [part for part in path if not part.startswith(tags)]
        while path[-1] in ("float", "str"):
            path.pop()
    return tuple(path)


def _text(error: ErrorDetails) -> str:
    kind, given = error["type"], error.get("input")
    if kind == "lrlab":
        return str(error["ctx"]["message"])
    if kind == "extra_forbidden":
        path = _path(error)
        if path == ("problems",):
            return "several data sets are read from a file only, with load_specs"
        return f"unknown key{did_you_mean(path[-1], _known_keys(path[:-1], error))}"
    if kind == "missing":
        return "is missing; add this key"
    if kind == "union_tag_invalid":
        source = given.get("source") if isinstance(given, dict) else given
        return f"unknown source {_shown(source)}{did_you_mean(_word(source), tuple(_DATA))}"
    if kind == "literal_error":
        options = re.findall(r"'([^']*)'", str(error["ctx"]["expected"]))
        return f"unknown value {_shown(given)}{did_you_mean(_word(given), options)}"
    text = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    text = text[:1].lower() + text[1:]
    return text if kind == "value_error" else f"{text}; got {_shown(given)}"


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an int of more than 4,300 digits, a list of 1,000 lists
        text = "a huge value"
    return text if len(text) <= 60 else text[:57] + "..."


def _word(value: Any) -> str:
    """What a user may have misspelt; nothing if it is no text."""
    return value if isinstance(value, str) else ""


def _known_keys(path: Path_, error: ErrorDetails) -> tuple[str, ...]:
    sections: dict[Path_, type[Section]] = {
        (): SweepSpec,
        ("train",): TrainSpec,
        ("search",): SearchSpec,
    }
    if path in sections:
        return tuple(sections[path].model_fields)
    if path == ("data",):
        return tuple(_DATA[str(error["loc"][1])].model_fields)
    return tuple(Range.model_fields)


def dump_spec(spec: SweepSpec) -> str:
    """The resolved spec as YAML text that `load_spec` reads back to the same spec."""
    text: str = yaml.dump(spec.resolved(), Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    return text


def parse_dumped_spec(text: str) -> SweepSpec:
    """A spec from what `dump_spec` wrote.

    Raises:
        SpecError: If the text is no valid spec (written by an incompatible lrlab).
    """
    tree, lines = parse_yaml(text, "recorded spec")
    return make_spec(tree, where="recorded spec", lines=lines)
