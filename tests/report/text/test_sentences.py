"""docs/sentences.md is every sentence of a report, docs/messages.md every message; none is odd."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[3] / "docs"
NAMES = ("adam", "sgd", "lr", "momentum", "method0", "val_log_loss", "val_auc", "train_loss")
VERBS = "is|was|has|does|misses|lies|needs|loses"
BAD = {
    "a count of 1 with a plural": rf"(?<![\d.,])1 (?!(?:{VERBS})\b)[a-z]*[^s\s]s\b",
    "1 of 1": r"\b1 of 1\b",
    "a doubled space": r"\S  ",
    "a space before a mark": r" [.,;:]",
    "doubled marks": r"[.,;:][.,;:]",
    "no number": r"\b(nan|NaN|inf|None|null)\b|[–{}]",
    "an empty bracket": r"\(\s*\)",
    "a word of no textbook": r"\b(yardstick|taken up|learnt|optimis[ei]|minimis|colour|rest at)",
}


@pytest.fixture(scope="module")
def made() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DOCS))
        import make_sentences  # type: ignore[import-not-found]

        module: ModuleType = make_sentences
        return module


@pytest.fixture(scope="module")
def sentences(made: ModuleType) -> list[str]:
    return [text for texts in made.rendered().values() for text in texts]


def test_every_function_has_samples_and_every_count_those_of_1_2_and_many(
    made: ModuleType,
) -> None:
    assert made.gaps() == []


def test_the_file_is_what_the_program_says(made: ModuleType) -> None:
    written = (DOCS / "sentences.md").read_text(encoding="utf-8")
    assert written == made.sentences(), "make it again: python docs/make_sentences.py"


def test_the_file_of_messages_is_what_stands_in_the_source(made: ModuleType) -> None:
    written = (DOCS / "messages.md").read_text(encoding="utf-8")
    assert written == made.messages(), "make it again: python docs/make_sentences.py"


@pytest.mark.parametrize("fault", BAD)
def test_no_sentence_has(fault: str, sentences: list[str]) -> None:
    assert [text for text in sentences if re.search(BAD[fault], text)] == []


def test_every_sentence_begins_with_a_capital_or_a_name_and_ends_with_a_full_stop(
    sentences: list[str],
) -> None:
    for text in sentences:
        assert re.match(r"[A-Z0-9“]", text) or text.startswith(NAMES), text
        assert text.endswith("."), text


def test_a_function_without_a_sample_is_found(
    made: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lrlab.report.text import remarks

    def thunder(count: int) -> str:
        return f"{count} thunders."

    thunder.__module__ = remarks.__name__
    monkeypatch.setattr(remarks, "thunder", thunder, raising=False)
    assert made.gaps() == ["thunder: no sample"]
    monkeypatch.setitem(made.SAMPLES, "thunder", [{"count": 1}, {"count": 12}])
    assert made.gaps() == ["thunder: count is not 1, 2 and many, but [1, 12]"]


@pytest.fixture(scope="module")
def messages(made: ModuleType) -> list[str]:
    """Errors, notes, lines of the terminal and options, as they stand in the source."""
    return [line[2:] for line in made.messages().splitlines() if line.startswith("- ")]


def test_messages_of_the_program_are_in_the_words_of_the_field(messages: list[str]) -> None:
    assert len(messages) > 300
    strange = r"\b(yardstick|stands twice|taken up|takes it up|learnt|anew|mend|meanwhile)\b| [,;]"
    assert [text for text in messages if re.search(strange, text)] == []
