"""Sentences that stand in the source where they are used: errors, notes, lines of a terminal."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "lrlab"
ERRORS = ("Error", "NotPermitted", "DamagedArtifact", "LockLost", "BadParameter", "UsageError")
TERMINAL = ("echo", "secho", "note", "on_note", "say", "confirm")
HELP = ("help", "epilog", "short_help")
LEAST_WORDS = 3


def errors() -> dict[str, list[str]]:
    """What may be wrong, by file: the text of every error that is raised."""
    return _by_file(lambda call: _named(call).endswith(ERRORS), _first)


def lines() -> dict[str, list[str]]:
    """Notes and lines for a terminal, by file."""
    return _by_file(lambda call: _named(call) in TERMINAL, _first)


def options() -> dict[str, list[str]]:
    """What `--help` says of each option, by file."""
    return _by_file(lambda call: _named(call) == "option", _help)


def _by_file(wanted, take) -> dict[str, list[str]]:  # type: ignore[no-untyped-def]
    found: dict[str, list[str]] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and wanted(n)]
        texts = [" ".join(text.split()) for call in calls for text in take(call)]
        told = [text for text in dict.fromkeys(texts) if len(text.split()) >= LEAST_WORDS]
        if told:
            found[str(path.relative_to(SOURCE))] = told
    return found


def _named(call: ast.Call) -> str:
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _first(call: ast.Call) -> Iterator[str]:
    for argument in call.args[:1]:
        text = _text(argument)
        if text:
            yield text


def _help(call: ast.Call) -> Iterator[str]:
    for keyword in call.keywords:
        if keyword.arg in HELP:
            yield _text(keyword.value)


def _text(node: ast.expr) -> str:
    """A string of the source; what is put into it stands in braces. Empty for anything else."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(_part(value) for value in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        both = _text(node.left), _text(node.right)
        return "".join(both) if all(both) else both[0] or both[1]
    if isinstance(node, ast.IfExp):
        return " | ".join(filter(None, (_text(node.body), _text(node.orelse))))
    return ""


def _part(node: ast.expr) -> str:
    if isinstance(node, ast.FormattedValue):
        return "{" + _label(node.value) + "}"
    return _text(node)


def _label(node: ast.expr) -> str:
    """A short name for what is put into a sentence."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Call) and node.args:
        return _label(node.args[0])
    return ast.unparse(node) if len(ast.unparse(node)) <= 24 else "..."
