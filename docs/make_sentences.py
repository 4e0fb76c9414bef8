"""Make docs/sentences.md (what reports say, with sample numbers) and docs/messages.md.

    python docs/make_sentences.py

A public function of `lrlab.report.text` that has no sample, and is not listed as a helper, is an
error, and so is a count without samples of 1, 2 and many.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from samples import facts, figures, page, source, verdicts

from lrlab.report import text
from lrlab.report.text import captions, tables
from lrlab.report.text.facts import SENTENCES
from lrlab.report.text.formats import sentence
from lrlab.report.text.verdict import in_words

DOCS = Path(__file__).parent
SAMPLES: dict[str, list[dict[str, Any]]] = {
    **facts.REFUSALS,
    **facts.REMARKS,
    **figures.CAPTIONS,
    **page.PAGE,
    **page.ACROSS,
    **page.TITLES,
    **page.ERRORS,
}
# Parts of sentences, or functions that the verdicts below call.
HELPERS = {
    "about_best", "alternative", "between", "against_leader", "best_setting", "compared",
    "importance_basis",
    "in_brief", "in_words", "judging_rows", "listing", "metric_name", "new_rows", "number",
    "paces", "parts_of", "percent", "plural", "reference", "say", "scores_in_brief", "sentence",
    "separable", "setting", "share", "shorten", "speed", "tied_names", "title",
    "column_title", "note_of", "spoken", "verdict_document", "verdict_json", "verdict_of",
}  # fmt: skip
SENTENCES_HEAD = """# Every sentence of a report

Made by `python docs/make_sentences.py` from `src/lrlab/report/text/` and the samples in
`docs/samples/`; do not edit it. It is here to be read through: a sentence that reads badly here
reads badly to a user.
"""
MESSAGES_HEAD = """# Every message

Made by `python docs/make_sentences.py` from the source; do not edit it. Names in braces are what
the program puts in. An error is shown after `Error: ` with a full stop, a note after `Note: `.
"""


def functions() -> dict[str, Callable[..., Any]]:
    """Every public function of `lrlab.report.text`, by name."""
    found: dict[str, Callable[..., Any]] = {}
    for module in pkgutil.walk_packages(text.__path__, "lrlab.report.text."):
        for name, each in vars(importlib.import_module(module.name)).items():
            own = inspect.isfunction(each) and each.__module__ == module.name
            if own and not name.startswith("_"):
                found[name] = each
    return found


def gaps() -> list[str]:
    """What has no sample: functions, and counts of 1, 2 or many."""
    known = functions()
    found = [f"{name}: no sample" for name in known if name not in SAMPLES and name not in HELPERS]
    found += [f"{name}: no such function" for name in (*SAMPLES, *HELPERS) if name not in known]
    for name, samples in SAMPLES.items():
        for count in _counts(known[name]) if name in known else ():
            given = [sample[count] for sample in samples]
            if not ({1, 2} <= set(given) and max(given) > 2):
                found.append(f"{name}: {count} is not 1, 2 and many, but {given}")
    return found


def _counts(function: Callable[..., Any]) -> list[str]:
    """Arguments that are counts which a sentence tells."""
    fixed = ("needed", "judging", "iterations")
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters if p.annotation == "int" and p.name not in fixed]


def rendered() -> dict[str, list[str]]:
    """The sentences of `lrlab.report.text` by where they stand."""
    found: dict[str, list[str]] = {}
    for name, verdict in verdicts.VERDICTS.items():
        words = in_words(verdict)
        found[f"Verdict: {name}"] = [*words.paragraphs, words.counts, *words.remarks]
        found[f"Verdict in the terminal: {name}"] = list(words.brief)
    found["Why something is not judged"] = [
        sentence(f"optimizers are not judged: {told}") for told in _told(facts.REFUSALS)
    ]
    found["Remarks"] = list(_told(facts.REMARKS))
    found["Captions"] = list(_told(figures.CAPTIONS))
    given = {"objective": "val_log_loss", "metric": "val_log_loss", "by": "optimizer"}
    found["Figures in words, before the caption"] = [
        captions.alternative(name, "", **given).strip() for name in captions.ALTERNATIVES
    ]
    found["Notes of tables"] = [note for _, note in tables.TITLES.values()]
    found["The rest of the page"] = list(_told(page.PAGE))
    found["Several sweeps"] = list(_told(page.ACROSS))
    found["Errors of a report"] = [sentence(f"Error: {told}") for told in _told(page.ERRORS)]
    return found


def _told(samples: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[str]:
    known = {**functions(), **SENTENCES}
    seen: set[str] = set()
    for name, each in samples.items():
        for given in each:
            told = known[name](**given).strip()
            if told and told not in seen:
                seen.add(told)
                yield told


def headings() -> list[str]:
    """Titles of figures and tables, and headings of the page."""
    given = {"objective": "val_log_loss", "metric": "val_log_loss", "by": "optimizer"}
    figures_ = [captions.title(name, **given) for name in captions.TITLES]
    return [
        *figures_,
        *_told(page.TITLES),
        tables.SUMMARY,
        *(title for title, _ in tables.TITLES.values()),
    ]


def sentences() -> str:
    """The text of docs/sentences.md.

    Raises:
        SystemExit: If a sentence has no sample.
    """
    missing = gaps()
    if missing:
        raise SystemExit("docs/samples lacks samples:\n" + "\n".join(missing))
    parts = [SENTENCES_HEAD, *(_section(name, each) for name, each in rendered().items())]
    return "\n".join([*parts, _section("Titles", headings())])


def messages() -> str:
    """The text of docs/messages.md."""
    found = {
        "Errors": source.errors(),
        "Notes and lines of the terminal": source.lines(),
        "Options": source.options(),
    }
    parts = [MESSAGES_HEAD]
    for title, by_file in found.items():
        parts.append(f"## {title}\n")
        parts += [f"`{file}`\n\n{_listed(texts)}" for file, texts in by_file.items()]
    return "\n".join(parts)


def _section(title: str, texts: Sequence[str]) -> str:
    return f"## {title}\n\n{_listed(texts)}"


def _listed(texts: Sequence[str]) -> str:
    return "".join(f"- {text}\n" for text in texts)


if __name__ == "__main__":
    (DOCS / "sentences.md").write_text(sentences(), encoding="utf-8")
    (DOCS / "messages.md").write_text(messages(), encoding="utf-8")
