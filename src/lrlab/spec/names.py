"""Names that a new spec may not give, because of where they are used later."""

from __future__ import annotations

from collections.abc import Iterator

from lrlab.errors import SpecError
from lrlab.spec.model import SweepSpec

Problem = tuple[tuple[str, ...], str]


def name_problems(spec: SweepSpec) -> Iterator[Problem]:
    """What is wrong with a spec's names: pairs of key path and message.

    A recorded sweep may have any; those of lrlab 0.1.0 do.
    """
    if said := refuse_path(spec.name):
        yield ("name",), said
    elif spec.name.startswith("-"):
        yield ("name",), "should not begin with `-`, which commands would take for an option"
    elif spec.name != spec.name.strip():
        yield ("name",), "should not begin or end with a space"
    if spec.register_model is not None and (said := refuse_model(spec.register_model)):
        yield ("register_model",), said


def refuse_path(name: str) -> str | None:
    """Why a name cannot be a sweep's, if it is a path: folders and files are named after it."""
    if name in (".", "..") or "/" in name or "\\" in name:
        return "is a path; use a name without / and \\, such as my-sweep"
    return None


def refuse_model(name: str) -> str | None:
    """Why MLflow refuses a registered model's name (as its `_validate_model_name` does)."""
    if name == "." or name.startswith("..") or "/" in name or ":" in name:
        return (
            "MLflow permits no / and no : in the name of a registered model, and none that begins "
            "with ..; use another name"
        )
    return None


def refuse_names(spec: SweepSpec) -> None:
    """As `name_problems`, for a spec that somebody hands over.

    Raises:
        SpecError: If a name may not be given.
    """
    problems = [f"{'.'.join(path)}: {said}" for path, said in name_problems(spec)]
    if problems:
        raise SpecError("\n".join(problems))
