"""YAML with the line of every key: safe, and without what hides a mistake."""

from __future__ import annotations

import re
from typing import Any

import yaml

from lrlab.errors import SpecError
from lrlab.wording import printable

Path_ = tuple[str, ...]
Lines = dict[Path_, int]


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
    except yaml.reader.ReaderError as error:
        number = text.count("\n", 0, error.position) + 1
        raise SpecError(
            f"{where}:{number}: holds the character U+{ord(text[error.position]):04X}, which is "
            "not text; delete it"
        ) from None
    except yaml.YAMLError as error:
        raise SpecError(f"{where}: is not valid YAML: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise SpecError(f"{where}: is nested too deeply to be a spec") from None
    except (ValueError, OverflowError, TypeError, AttributeError, LookupError) as error:
        # What PyYAML's constructors let through: impossible dates, numbers of 5,000 digits.
        raise SpecError(
            f"{where}: holds a value that YAML cannot represent, such as an impossible date or a "
            f"number of thousands of digits ({printable(error, 80)})"
        ) from None


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


class Dumper(yaml.SafeDumper):
    """SafeDumper that quotes the text '1e4', which `_Loader` would read as a number."""

    def represent_str(self, text: str) -> yaml.ScalarNode:
        # Outside double quotes, Unicode's line breaks are read back as spaces.
        style = '"' if set("\x85\u2028\u2029").intersection(text) else None
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)


for _class in (_Loader, Dumper):
    _class.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+\Z"),
        list("-+.0123456789"),
    )
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
Dumper.add_representer(str, Dumper.represent_str)


def _note_lines(node: yaml.Node, path: Path_, lines: Lines, where: str) -> None:
    lines[path] = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _note_lines(item, (*path, str(index)), lines, where)
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        _refuse_key(key, f"{where}:{key.start_mark.line + 1}")
        below = (*path, str(key.value))
        if below in lines:
            raise SpecError(
                f"{where}:{key.start_mark.line + 1}: {'.'.join(below)}: the key appears twice "
                f"(first in line {lines[below]}); drop one"
            )
        _note_lines(value, below, lines, where)
        lines[below] = key.start_mark.line + 1


def _refuse_key(key: yaml.Node, place: str) -> None:
    """A key is text: a number would be another key than its text, and `<<` several keys."""
    if key.tag == "tag:yaml.org,2002:str":
        return
    if key.tag == "tag:yaml.org,2002:merge":
        raise SpecError(f"{place}: merge keys (<<) are not supported; write the keys out")
    if not isinstance(key, yaml.ScalarNode):
        raise SpecError(f"{place}: a key should be text, not a list or a mapping")
    shown = printable(key.value)
    raise SpecError(f"{place}: {shown}: a key should be text; write '{shown}' in quotes")
