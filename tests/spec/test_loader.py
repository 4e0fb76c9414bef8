"""Reading a spec: what is accepted, how errors read, and that nothing else can happen."""

from __future__ import annotations

import string
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lrlab.errors import SpecError
from lrlab.spec import (
    BlobsData,
    CsvData,
    ParquetData,
    Range,
    SearchSpec,
    SklearnData,
    SweepSpec,
    TrainSpec,
    dump_spec,
    load_spec,
    load_specs,
    make_spec,
    parse_dumped_spec,
)
from lrlab.spec.digest import settings_digest
from lrlab.spec.model import ReportSpec
from lrlab.spec.yaml_text import parse_yaml

SWEEPS = sorted((Path(__file__).parents[2] / "sweeps").glob("*.yaml"))
MINIMAL: dict[str, Any] = {"name": "t"}


def load(folder: Path, text: str | bytes, *overrides: str) -> SweepSpec:
    path = folder / "spec.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return load_spec(path, overrides)


def error_of(folder: Path, text: str | bytes, *overrides: str) -> str:
    """The message, with the folder cut off."""
    with pytest.raises(SpecError) as caught:
        load(folder, text, *overrides)
    return str(caught.value).replace(f"{folder}/", "")


# --- what a valid spec gives -----------------------------------------------------------------


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.name)
def test_every_shipped_sweep_loads(path: Path) -> None:
    for spec in load_specs(path):
        assert spec.n_runs >= 1
        assert parse_dumped_spec(dump_spec(spec)) == spec


def test_there_are_shipped_sweeps() -> None:
    assert {path.stem for path in SWEEPS} >= {"quickstart", "tutorial"}


def test_a_name_is_all_that_a_spec_needs(tmp_path: Path) -> None:
    spec = load(tmp_path, "name: t\n")
    assert spec == make_spec(MINIMAL)
    assert spec.data == BlobsData()
    assert (spec.n_trials, spec.n_runs, spec.experiment_name) == (100, 100, "t")
    assert (spec.train.steps, spec.objective, spec.seed) == (1000, "val_log_loss", 1)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-4", 1e-4), ("1E3", 1e3), ("2e+2", 200.0), ("-5.e-1", -0.5), (".5e1", 5.0)],
)
def test_a_number_in_exponent_notation_needs_no_dot(
    tmp_path: Path, text: str, value: float
) -> None:
    spec = load(tmp_path, f"name: t\ndata: {{shift: {text}}}\n")
    assert isinstance(spec.data, BlobsData)
    assert spec.data.shift == value


@pytest.mark.parametrize("name", ["1e4-sweep", "3e5 runs", "1e4.b"])
def test_a_name_may_begin_like_a_number(tmp_path: Path, name: str) -> None:
    assert load(tmp_path, f"name: {name}\n").name == name


def test_a_key_of_the_space_that_is_not_named_keeps_its_default_domain(tmp_path: Path) -> None:
    space = load(tmp_path, "name: t\nsearch: {space: {loss: mse}}\n").search.space
    assert space == {**make_spec(MINIMAL).search.space, "loss": "mse"}


def test_the_data_are_blobs_if_no_source_is_named(tmp_path: Path) -> None:
    assert load(tmp_path, "name: t\ndata: {features: 3}\n").data == BlobsData(features=3)


def test_a_relative_data_path_starts_in_the_folder_of_the_spec(tmp_path: Path) -> None:
    text = "name: t\ndata: {source: csv, path: sub/a.csv, target: y}\n"
    data = load(tmp_path, text).data
    assert isinstance(data, CsvData)
    assert data.path == tmp_path / "sub" / "a.csv"


def test_an_absolute_data_path_stays_as_it_is(tmp_path: Path) -> None:
    data = load(tmp_path, "name: t\ndata: {source: csv, path: /d/a.csv, target: y}\n").data
    assert isinstance(data, CsvData)
    assert data.path == Path("/d/a.csv")


def test_a_spec_from_python_takes_a_relative_path_from_the_working_folder() -> None:
    data = make_spec({"name": "t", "data": {"source": "parquet", "path": "a", "target": "y"}}).data
    assert isinstance(data, ParquetData)
    assert data.path == Path("a")


def test_the_given_mapping_is_left_as_it_was() -> None:
    tree: dict[str, Any] = {"name": "t", "data": {}, "search": {"space": {"lr": 1}}}
    make_spec(tree, ["search.space.lr=2", "seed=9", "data.features=3"])
    assert tree == {"name": "t", "data": {}, "search": {"space": {"lr": 1}}}


# --- overrides -------------------------------------------------------------------------------


def test_an_override_wins_over_the_file(tmp_path: Path) -> None:
    spec = load(tmp_path, "name: t\nseed: 1\n", "seed=7", "search.trials=5", "train.l2=1e-3")
    assert (spec.seed, spec.search.trials, spec.train.l2) == (7, 5, 1e-3)


def test_a_later_override_wins_over_an_earlier_one(tmp_path: Path) -> None:
    assert load(tmp_path, "name: t", "seed=7", "seed=8").seed == 8


@pytest.mark.parametrize(
    ("override", "domain"),
    [
        ("search.space.momentum.beta=0.9", 0.9),
        ("search.space.momentum.beta=[0.5, 0.9]", (0.5, 0.9)),
        ("search.space.momentum.beta={low: 0.1, high: 0.9}", Range(low=0.1, high=0.9)),
        ("search.space.momentum.lr=1e-3", 1e-3),
    ],
)
def test_what_follows_search_space_is_one_key_dots_included(override: str, domain: object) -> None:
    key = override.removeprefix("search.space.").partition("=")[0]
    assert make_spec(MINIMAL, [override]).search.space[key] == domain


def test_an_empty_override_takes_the_key_out(tmp_path: Path) -> None:
    assert load(tmp_path, "name: t\nseed: 5\n", "seed=").seed == make_spec(MINIMAL).seed
    assert load(tmp_path, "name: t\n", "seed=").seed == make_spec(MINIMAL).seed


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("seed", "--set seed: should read key=value, such as search.trials=50"),
        ("=3", "--set =3: should read key=value"),
        ("name.first=3", "--set name.first=3: 'name' is not a section with keys"),
        ("seed=[1", "--set seed=[1:1: is not valid YAML"),
        ("seed=abc", "--set seed=abc: seed: should be a number, not 'abc'"),
        ("sed=3", "--set sed=3: sed: unknown key; did you mean 'seed'?"),
        ("search.space.lr=[0]", "--set search.space.lr=[0]: search.space.lr: 0 is outside"),
        ("name=", "--set name=: name: is missing"),
    ],
)
def test_an_error_in_an_override_names_the_override_and_not_a_line(
    tmp_path: Path, override: str, expected: str
) -> None:
    text = "name: t\nseed: 1\nsearch:\n  space:\n    lr: [1, 2]\n"
    assert error_of(tmp_path, text, override).startswith(expected)


# --- errors ----------------------------------------------------------------------------------

SPACE = "name: t\nsearch:\n  space:\n    "
ERRORS = {
    "unknown key": (
        "name: t\nseeds: 1\n",
        "spec.yaml:2: seeds",
        "unknown key; did you mean 'seed'?",
    ),
    "unknown key in a section": (
        "name: t\ntrain:\n  # a comment\n  step: 5\n",
        "spec.yaml:4: train.step",
        "unknown key; did you mean 'steps'?",
    ),
    "unknown key of the report": (
        "name: t\nreport: {min_effect: 0.1}\n",
        "spec.yaml:2: report.min_effect",
        "unknown key; did you mean 'minimum_effect'?",
    ),
    "a list of files": (
        "name: t\ndata: {source: csv, path: [a.csv, b.csv], target: y}\n",
        "spec.yaml:2: data.path",
        "should be the path of a file; got ['a.csv', 'b.csv']",
    ),
    "unknown key of the data": (
        "name: t\ndata:\n  size: [1, 2]\n",
        "spec.yaml:3: data.size",
        "unknown key; did you mean 'sizes'?",
    ),
    "misspelt source": (
        "name: t\ndata:\n  sorce: csv\n  path: a.csv\n  target: y\n",
        "spec.yaml:3: data.sorce",
        "unknown key; did you mean 'source'?",
    ),
    "key of another source": (
        "name: t\ndata:\n  path: a.csv\n  target: y\n",
        "spec.yaml:3: data.path",
        "belongs to other sources (csv, parquet); say which, such as `source: csv`",
    ),
    "unknown key of a range": (
        SPACE + "lr:\n      low: 1\n      high: 2\n      lg: true",
        "spec.yaml:7: search.space.lr.lg",
        "unknown key; did you mean 'log'?",
    ),
    "unknown key of the space": (
        SPACE + "momentun.beta: 0.5",
        "spec.yaml:4: search.space.momentun.beta",
        "unknown key; did you mean 'momentum.beta'?",
    ),
    "unknown key without a near one": (
        "name: t\nqqq: 1\n",
        "spec.yaml:2: qqq",
        "unknown key; known: name",
    ),
    "missing name": ("seed: 1\n", "spec.yaml: name", "is missing; add this key"),
    "missing target": (
        "name: t\ndata: {source: csv, path: a.csv}\n",
        "spec.yaml:2: data.target",
        "is missing; add this key",
    ),
    "missing end of a range": (
        SPACE + "lr: {low: 1}",
        "spec.yaml:4: search.space.lr.high",
        "is missing; add this key",
    ),
    "text for a number": (
        "name: t\ntrain: {steps: many}\n",
        "spec.yaml:2: train.steps",
        "should be a number, not 'many'",
    ),
    "truth value for a number": (
        "name: t\nseed: true\n",
        "spec.yaml:2: seed",
        "should be a number, not True",
    ),
    "fraction for a count": (
        "name: t\ntrain: {steps: 1.5}",
        "spec.yaml:2: train.steps",
        "should be a whole number",
    ),
    "zero for a count": (
        "name: t\ntrain: {steps: 0}",
        "spec.yaml:2: train.steps",
        "should be greater than or equal to 1; got 0",
    ),
    "number for text": ("name: 5\n", "spec.yaml:1: name", "should be text; got 5"),
    "empty name": ("name: ''\n", "spec.yaml:1: name", "should be one line of printable text"),
    "name of two lines": (
        'name: "a\\nb"\n',
        "spec.yaml:1: name",
        "should be one line of printable text",
    ),
    "number for a section": (
        "name: t\ntrain: 5\n",
        "spec.yaml:2: train",
        "should be a section with keys",
    ),
    "number for data": (
        "name: t\ndata: 5\n",
        "spec.yaml:2: data",
        "should be a section with keys",
    ),
    "list for the space": (
        "name: t\nsearch: {space: [lr]}\n",
        "spec.yaml:2: search.space",
        "should be a section with keys",
    ),
    "text in a numeric key": (
        SPACE + "lr: fast",
        "spec.yaml:4: search.space.lr",
        "should be a number, a list of numbers or a range, not 'fast'",
    ),
    "truth value in a range": (
        SPACE + "lr: {low: true, high: 2}",
        "spec.yaml:4: search.space.lr.low",
        "should be a number, not True",
    ),
    "text in a range": (
        SPACE + "lr: {low: 1, high: '2'}",
        "spec.yaml:4: search.space.lr.high",
        "should be a number, not '2'",
    ),
    "infinite value": (
        SPACE + "lr: .inf",
        "spec.yaml:4: search.space.lr",
        "should be a finite number; got inf",
    ),
    "nothing for a value": (
        SPACE + "lr: null",
        "spec.yaml:4: search.space.lr",
        "should be a number; got None",
    ),
    "list in a list": (
        SPACE + "lr: [[1]]",
        "spec.yaml:4: search.space.lr.0",
        "should be a number; got [1]",
    ),
    "number as a key of the space": (
        SPACE + "1: 2",
        "spec.yaml:4: 1",
        "a key should be text; write '1' in quotes",
    ),
    "range upside down": (
        SPACE + "lr: {low: 2, high: 1}",
        "spec.yaml:4: search.space.lr",
        "low = 2 should be below high = 1",
    ),
    "log range from zero": (
        SPACE + "lr: {low: 0, high: 1, log: true}",
        "spec.yaml:4: search.space.lr",
        "a log range needs low above 0, not 0",
    ),
    "log with step": (
        SPACE + "lr: {low: 1, high: 2, log: true, step: 1}",
        "spec.yaml:4: search.space.lr",
        "log and step exclude each other",
    ),
    "step too wide": (
        SPACE + "lr: {low: 1, high: 2, step: 5}",
        "spec.yaml:4: search.space.lr",
        "step = 5 is wider than the range",
    ),
    "step too fine": (
        SPACE + "lr: {low: 1, high: 2, step: 1e-300}",
        "spec.yaml:4: search.space.lr",
        "step = 1e-300 gives more than 100,000 values",
    ),
    "range too wide": (
        SPACE + "l2: {low: -1.7e308, high: 1.7e308}",
        "spec.yaml:4: search.space.l2",
        "the range is too wide for floating point",
    ),
    "forbidden value": (
        SPACE + "lr: [0.1, 0]",
        "spec.yaml:4: search.space.lr",
        "0 is outside the permitted (0, 1e+30]",
    ),
    "forbidden end": (
        SPACE + "momentum.beta: {low: 0.5, high: 1}",
        "spec.yaml:4: search.space.momentum.beta",
        "1 is outside the permitted [0, 1)",
    ),
    "empty space": (
        "name: t\nsearch: {space: {}}\n",
        "spec.yaml:2: search.space",
        "is empty; name at least one of optimizer, lr, loss",
    ),
    "empty list": (SPACE + "lr: []", "spec.yaml:4: search.space.lr", "is an empty list"),
    "empty list of names": (
        SPACE + "loss: []",
        "spec.yaml:4: search.space.loss",
        "is an empty list",
    ),
    "value twice": (SPACE + "lr: [1, 1.0]", "spec.yaml:4: search.space.lr", "names a value twice"),
    "range of names": (
        SPACE + "optimizer: {low: 1, high: 2}",
        "spec.yaml:4: search.space.optimizer",
        "should be a list of names, such as [sgd, momentum, nesterov]",
    ),
    "unknown optimizer": (
        SPACE + "optimizer: [sgd, adm]",
        "spec.yaml:4: search.space.optimizer",
        "unknown optimizer 'adm'; did you mean 'adam'? (`lrlab optimizers` lists them)",
    ),
    "unknown loss": (
        SPACE + "loss: focl",
        "spec.yaml:4: search.space.loss",
        "unknown loss 'focl'; did you mean 'focal'? (`lrlab losses` lists them)",
    ),
    "unknown sampler": (
        "name: t\nsearch: {sampler: tpee}\n",
        "spec.yaml:2: search.sampler",
        "unknown value 'tpee'; did you mean 'tpe'?",
    ),
    "unknown objective": (
        "name: t\nobjective: val_logloss\n",
        "spec.yaml:2: objective",
        "unknown metric 'val_logloss'; did you mean 'val_log_loss'?",
    ),
    "unknown source": (
        "name: t\ndata: {source: blob}\n",
        "spec.yaml:2: data",
        "unknown source 'blob'; did you mean 'blobs'?",
    ),
    "source of another kind": (
        "name: t\ndata: {source: [1]}\n",
        "spec.yaml:2: data",
        "unknown source [1]; known: blobs, csv",
    ),
    "unknown data set": (
        "name: t\ndata: {source: sklearn, dataset: iriss}\n",
        "spec.yaml:2: data.dataset",
        "unknown value 'iriss'; did you mean 'iris'?",
    ),
    "date for a class": (
        "name: t\ndata: {source: sklearn, dataset: iris, positive: 2020-01-01}\n",
        "spec.yaml:2: data.positive",
        "should be text; got datetime.date(2020, 1, 1)",
    ),
    "not a number for a class": (
        "name: t\ndata: {source: sklearn, dataset: iris, positive: .nan}\n",
        "spec.yaml:2: data.positive",
        "should be",
    ),
    "optimizer's key without the optimizer": (
        SPACE + "optimizer: sgd\n    momentum.beta: 0.5",
        "spec.yaml:5: search.space.momentum.beta",
        "'momentum' is not in search.space.optimizer; add it there or drop this key",
    ),
    "loss's key without the loss": (
        SPACE + "loss: bce\n    focal.gamma: 1",
        "spec.yaml:5: search.space.focal.gamma",
        "'focal' is not in search.space.loss; add it there or drop this key",
    ),
    "optimizer's lr without the optimizer": (
        SPACE + "optimizer: sgd\n    adam.lr: 1",
        "spec.yaml:5: search.space.adam.lr",
        "'adam' is not in search.space.optimizer",
    ),
    "nothing to search": (
        "name: t\nsearch: {space: {optimizer: sgd, loss: bce, lr: 1}}",
        "spec.yaml:2: search.space",
        "nothing to search: every key has one value",
    ),
    "grid too large": (
        "name: t\nsearch:\n  sampler: grid\n  trials: 5\n  space:\n"
        "    lr: {low: 1, high: 2, points: 100000}\n",
        "spec.yaml:5: search.space",
        "the grid has 1,800,000 points, more than 1,000,000",
    ),
    "too much data": (
        "name: t\ndata: {sizes: [10000000, 1], features: 1000}\n",
        "spec.yaml:2: data",
        "10,011,001 rows of 1,000 features are too much data",
    ),
    "key twice": (
        "name: t\nseed: 1\nname: u\n",
        "spec.yaml:3: name",
        "the key appears twice (first in line 1); drop one",
    ),
    "key twice in a section": (
        "name: t\ntrain:\n  steps: 1\n  steps: 2\n",
        "spec.yaml:4: train.steps",
        "the key appears twice (first in line 3); drop one",
    ),
    "alias": (
        "name: &a t\ndescription: *a\n",
        "spec.yaml:2",
        "is not valid YAML: aliases (*name) are not supported in a spec",
    ),
    "bomb of aliases": (
        "a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
        "spec.yaml:2",
        "is not valid YAML: aliases",
    ),
    "open bracket": ("name: [t\n", "spec.yaml:2", "is not valid YAML: expected ',' or ']'"),
    "tab": ("\tname: t\n", "spec.yaml:1", "is not valid YAML: found character '\\t'"),
    "two documents": ("name: t\n---\nname: u\n", "spec.yaml:2", "is not valid YAML"),
    "object": (
        "name: !!python/object/apply:os.getcwd []\n",
        "spec.yaml:1",
        "is not valid YAML: could not determine a constructor",
    ),
    "list as a key": ("? [a]\n: 1\n", "spec.yaml:1", "a key should be text, not a list"),
    "impossible date": (
        "name: t\ndescription: 2020-99-99\n",
        "spec.yaml",
        "holds a value that YAML cannot represent, such as an impossible date",
    ),
    "number of 5,000 digits": (
        "name: t\nseed: " + "9" * 5000,
        "spec.yaml",
        "holds a value that YAML cannot represent",
    ),
    "hexadecimal number of 5,000 digits": (
        "name: t\nseed: 0x" + "f" * 5000,
        "spec.yaml",
        "holds a value that YAML cannot represent",
    ),
    "number of 3,000 digits": (
        "name: t\nseed: 1" + "0" * 3000,
        "spec.yaml:2: seed",
        "should be less than 2147483648; got 1000",
    ),
    "huge number for a sampler": (
        "name: t\nsearch: {sampler: 1" + "0" * 3000 + "}",
        "spec.yaml:2: search.sampler",
        "unknown value 1000",
    ),
    "huge number for a source": (
        "name: t\ndata: {source: 1" + "0" * 3000 + "}",
        "spec.yaml:2: data",
        "unknown source 1000",
    ),
    "huge number for a class": (
        "name: t\ndata: {source: sklearn, dataset: iris, positive: 1" + "0" * 3000 + "}",
        "spec.yaml:2: data.positive",
        "should be",
    ),
    "deep nesting": ("name: " + "[" * 5000, "spec.yaml", "is nested too deeply to be a spec"),
    "control character": (
        b"name: \x00\x01\n",
        "spec.yaml:1",
        "holds the character U+0000, which is not text; delete it",
    ),
    "binary file": (
        b"\x89PNG\r\n\x1a\n\xff\xfe",
        "spec.yaml:1",
        "is not UTF-8 text (byte 0); is it a spec, saved as UTF-8?",
    ),
    "huge file": (
        b"#" * 1_000_001,
        "spec.yaml",
        "1,000,001 bytes is too large for a spec; is it one?",
    ),
    "list": ("- name\n", "spec.yaml", "should be a mapping of keys, such as `name: my-sweep`"),
    "text": ("hello\n", "spec.yaml", "should be a mapping of keys"),
    "nothing": ("", "spec.yaml", "is empty; a spec has a name at least: `name: my-sweep`"),
    "UTF-16": ("name: t".encode("utf-16"), "spec.yaml", "is UTF-16 text; save it as UTF-8"),
    "merge key": (
        "name: t\ntrain:\n  <<: {steps: 5}\n",
        "spec.yaml:3",
        "merge keys (<<) are not supported; write the keys out",
    ),
    "nothing as a key": ("name: t\nnull: 1\n", "spec.yaml:2: null", "a key should be text"),
    "date as a key": ("2020-01-01: 1\n", "spec.yaml:1: 2020-01-01", "a key should be text"),
    "path for a name": (
        "seed: 1\nname: ../../x\n",
        "spec.yaml:2: name",
        "is a path; use a name without / and \\, such as my-sweep",
    ),
    "backslash in a name": ("name: a\\b\n", "spec.yaml:1: name", "is a path; use a name"),
    "folder for a name": ("name: ..\n", "spec.yaml:1: name", "is a path; use a name"),
    "option for a name": ("name: -x\n", "spec.yaml:1: name", "should not begin with `-`"),
    "space after a name": ("name: 'x '\n", "spec.yaml:1: name", "should not begin or end with"),
    "path for a problem's name": (
        "name: t\nproblems:\n  a: {}\n  ../b: {}\n",
        "spec.yaml:4: problems.../b",
        "is a path; use a name",
    ),
    "path for a model": (
        "name: t\nregister_model: a/b\n",
        "spec.yaml:2: register_model",
        "MLflow permits no / and no : in the name of a registered model",
    ),
}


@pytest.mark.parametrize(("text", "place", "wrong"), ERRORS.values(), ids=ERRORS.keys())
def test_an_error_names_file_line_and_key_and_says_what_is_wrong(
    tmp_path: Path, text: str | bytes, place: str, wrong: str
) -> None:
    message = error_of(tmp_path, text)
    assert any(line.startswith(f"{place}: {wrong}") for line in message.splitlines()), message


def test_every_problem_has_a_line_of_its_own(tmp_path: Path) -> None:
    message = error_of(tmp_path, "name: 1\nseed: x\ntrain: {steps: 0}\n")
    assert [line.split(": ")[:2] for line in message.splitlines()] == [
        ["spec.yaml:1", "name"],
        ["spec.yaml:3", "train.steps"],
        ["spec.yaml:2", "seed"],
    ]


def test_a_value_that_fits_no_member_of_a_union_is_one_problem(tmp_path: Path) -> None:
    assert len(error_of(tmp_path, SPACE + "lr: [null]").splitlines()) == 1
    text = "name: t\ndata: {source: sklearn, dataset: iris, positive: [1]}"
    assert len(error_of(tmp_path, text).splitlines()) == 1


def test_no_more_than_ten_problems_are_listed(tmp_path: Path) -> None:
    text = "name: t\n" + "".join(f"key{i}: 1\n" for i in range(30))
    assert len(error_of(tmp_path, text).splitlines()) == 10


SECTIONS: dict[str, tuple[dict[str, Any], Any]] = {
    "": ({}, SweepSpec),
    "train": ({}, TrainSpec),
    "search": ({}, SearchSpec),
    "data blobs": ({}, BlobsData),
    "data csv": ({"path": "a", "target": "b"}, CsvData),
    "data parquet": ({"path": "a", "target": "b"}, ParquetData),
    "data sklearn": ({"dataset": "iris"}, SklearnData),
    "search.space.lr": ({"low": 1, "high": 2}, Range),
}


@pytest.mark.parametrize(
    ("section", "key"),
    [(name, key) for name, (_, model) in SECTIONS.items() for key in model.model_fields],
)
def test_a_misspelt_key_is_answered_with_the_right_one(section: str, key: str) -> None:
    place, _, source = section.partition(" ")
    tree: dict[str, Any] = {"name": "t"}
    inner = tree
    for part in place.split(".") if place else ():
        inner = inner.setdefault(part, {})
    inner |= SECTIONS[section][0] | ({"source": source} if source else {}) | {f"{key}z": 1}
    with pytest.raises(SpecError, match=rf"{key}z: unknown key; did you mean '{key}'"):
        make_spec(tree)


def test_a_spec_that_is_not_there_is_said_to_be_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"missing\.yaml: no such file$"):
        load_spec(tmp_path / "missing.yaml")


@pytest.mark.parametrize("name", ["a\0b", "n" * 300, "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(SpecError, match=r"cannot read the spec: |is not a file name"):
        load_spec(tmp_path / name)


@pytest.mark.parametrize("tree", [None, 3, "name", ["name"], {"name"}])
def test_what_is_no_mapping_is_no_spec(tree: Any) -> None:
    with pytest.raises(SpecError, match="should be a mapping of keys"):
        make_spec(tree)


def test_a_number_too_long_to_print_is_refused_from_python_too() -> None:
    with pytest.raises(
        SpecError, match=r"search\.sampler: unknown value a huge value; known: tpe"
    ):
        make_spec({"name": "t", "search": {"sampler": 1 << 20_000}})


def test_endless_nesting_in_python_is_refused() -> None:
    endless: dict[str, Any] = {"name": "t"}
    endless["data"] = endless
    with pytest.raises(SpecError, match="nested too deeply"):
        make_spec(endless)
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(SpecError, match="name: should be text"):
        make_spec({"name": deep})


# --- round trip and digest -------------------------------------------------------------------

CSV = {"source": "csv", "path": "a.csv", "target": "y"}
SPECS: dict[str, dict[str, Any]] = {
    "minimal": {},
    "full space": {
        "search": {
            "trials": 7,
            "sampler": "random",
            "space": {
                "optimizer": ["momentum", "adam"],
                "loss": "focal",
                "lr": {"low": 1e-5, "high": 1, "log": True, "points": 3},
                "l2": {"low": 0, "high": 1, "step": 0.25},
                "momentum.beta": [0.5, 0.9],
                "adam.eps": 1e-8,
                "focal.gamma": 2,
            },
        }
    },
    "csv": {"data": {**CSV, "positive": "yes", "numeric": ["a"], "drop": ["b"]}},
    "class 1": {"data": {**CSV, "positive": 1}},
    "class 1.0": {"data": {**CSV, "positive": 1.0}},
    "class true": {"data": {**CSV, "positive": True}},
    "class 'true'": {"data": {**CSV, "positive": "true"}},
    "class '1'": {"data": {**CSV, "positive": "1"}},
    "parquet": {"data": {"source": "parquet", "path": "/d/é.parquet", "target": "ž"}},
    "sklearn": {"data": {"source": "sklearn", "dataset": "wine", "positive": "class_1"}},
}
TEXTS = ["1e4", ".5E3", "yes", "null", "~", "2020-01-01", "0x1f", "1:30", "=", "<<", "a: b", "# a",
         "a\n b\n", " a ", "\u2028", "\ufeff", "🙂", "\x85", ""]  # fmt: skip


@pytest.mark.parametrize("tree", SPECS.values(), ids=SPECS.keys())
def test_a_dumped_spec_parses_back_to_an_equal_spec_and_digest(tree: dict[str, Any]) -> None:
    spec = make_spec({"name": "t", **tree})
    back = parse_dumped_spec(dump_spec(spec))
    assert back == spec
    assert settings_digest(back) == settings_digest(spec)
    assert back.resolved() == spec.resolved()
    assert repr(back) == repr(spec)  # 1, 1.0 and true are equal in Python


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_text_that_looks_like_something_else_survives_the_round_trip(text: str) -> None:
    spec = make_spec({"name": "t", "description": text})
    assert parse_dumped_spec(dump_spec(spec)).description == text


def test_a_dump_that_is_no_spec_is_called_a_recorded_spec() -> None:
    with pytest.raises(SpecError, match=r"^recorded spec:2: sed: unknown key"):
        parse_dumped_spec("name: t\nsed: 1\n")


BASES: dict[str, dict[str, Any]] = {
    "blobs": {"name": "t"},
    "csv": {"name": "t", "data": CSV},
    "parquet": {"name": "t", "data": {**CSV, "source": "parquet"}},
    "sklearn": {"name": "t", "data": {"source": "sklearn", "dataset": "iris"}},
}
TABLE = {
    "path": "b.csv",
    "target": "z",
    "positive": "p",
    "numeric": ["a"],
    "categorical": ["a"],
    "drop": ["a"],
    "missing": "drop",
    "constant": "drop",
    "missing_target": "drop",
    "na_values": ["-99"],
    "keep_default_na": False,
    "decimal": ",",
    "thousands": "'",
    "val_fraction": 0.5,
    "test_fraction": 0.1,
    "folds": 3,
    "groups": "g",
    "split": {"by": "d"},
    "test": "b.csv",
    "seed": 3,
}
CSV = {**TABLE, "separator": ";", "encoding": "latin-1", "skiprows": 2}
CHANGES: dict[str, dict[str, Any]] = {
    "blobs": {
        "name": "u",
        "experiment": "e",
        "objective": "val_auc",
        "seed": 2,
        "register_model": "m",
        "train.steps": 5,
        "train.batch_size": 5,
        "train.l2": 0.1,
        "train.dtype": "float64",
        "train.engine": "loop",
        "train.device": "auto",
        "train.stop_converged": True,
        "search.sampler": "random",
        "search.batch": 3,
        "search.replicates": 2,
        "search.space": {"lr": [1, 2]},
        "data.sizes": [100, 101],
        "data.features": 3,
        "data.means": [1, 2],
        "data.shift": 0,
        "data.spread": 2,
        "data.noise": 0.1,
        "data.condition": 100,
        "data.val_sizes": [3, 4],
        "data.test_sizes": [3, 4],
        "data.seed": 3,
    },
    "csv": {f"data.{key}": value for key, value in CSV.items()},
    "parquet": {f"data.{key}": value for key, value in TABLE.items()},
    "sklearn": {
        "data.dataset": "wine",
        "data.positive": "virginica",
        "data.constant": "error",
        "data.val_fraction": 0.5,
        "data.test_fraction": 0.5,
        "data.folds": 3,
        "data.seed": 3,
    },
}
NOT_NUMBERS = {
    "description": "d",
    "search.trials": 17,
    "report.minimum_effect": 0.02,
    "auto": ["data.folds"],
}


def changed(base: str, key: str, value: Any) -> SweepSpec:
    text = yaml.safe_dump(value, default_flow_style=True, explicit_end=False)
    return make_spec(BASES[base], [f"{key}={text.removesuffix('...' + chr(10))}"])


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.csv", "b.csv"):
        Path(name).write_text(f"{name}\n", "utf-8")


@pytest.mark.parametrize(
    ("base", "key"), [(base, key) for base, changes in CHANGES.items() for key in changes]
)
def test_the_digest_changes_with_whatever_decides_the_numbers(
    base: str, key: str, tables: None
) -> None:
    assert changed(base, key, CHANGES[base][key]).digest() != make_spec(BASES[base]).digest()


@pytest.mark.parametrize("key", NOT_NUMBERS)
def test_the_digest_ignores_what_decides_no_numbers(key: str) -> None:
    spec = changed("blobs", key, NOT_NUMBERS[key])
    assert spec != make_spec(BASES["blobs"])
    assert spec.digest() == make_spec(BASES["blobs"]).digest()


def test_the_two_tests_above_know_every_key_of_a_spec() -> None:
    """A new key has to be listed there."""
    known = {key.partition(".")[2] for key in CHANGES["blobs"] if key.startswith("data.")}
    assert known | {"source"} == set(BlobsData.model_fields)
    for base, model in (("csv", CsvData), ("parquet", ParquetData), ("sklearn", SklearnData)):
        known = {key.partition(".")[2] for key in CHANGES[base]}
        assert known | {"source"} == set(model.model_fields)
    every = {*CHANGES["blobs"], *NOT_NUMBERS, "data", "train", "search", "report"}
    assert {key for key in every if "." not in key} == set(SweepSpec.model_fields)
    sections = {"train": TrainSpec, "search": SearchSpec, "report": ReportSpec}
    for section, model in sections.items():
        known = {key.partition(".")[2] for key in every if key.startswith(f"{section}.")}
        assert known == set(model.model_fields)


def test_the_order_of_keys_does_not_change_the_digest() -> None:
    one = make_spec({"name": "t", "search": {"space": {"lr": 1, "l2": 0}}})
    two = make_spec({"search": {"space": {"l2": 0, "lr": 1}}, "name": "t"})
    assert one.digest() == two.digest()


# --- whatever the input ----------------------------------------------------------------------

QUICK = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
KEYS = st.sampled_from(
    [
        *sorted({key for _, model in SECTIONS.values() for key in model.model_fields}),
        *("optimizer", "loss", "lr", "l2", "momentum.beta", "adam.lr", "focal.gamma", "<<"),
    ]
)
WORDS = st.sampled_from(
    ["blobs", "csv", "parquet", "sklearn", "iris", "sgd", "momentum", "adam", "bce", "focal",
     "grid", "qmc", "val_auc", "drop", "float64", "loop", "error", "a.csv", "1e4", ","]
)  # fmt: skip
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 300),
    st.integers(),
    st.just(10**3000),
    st.floats(),
    st.floats(1e-6, 1),
    WORDS,
    st.text(max_size=20),
    st.dates(),
    st.binary(max_size=3),
)
ANY_KEY = st.one_of(KEYS, KEYS, st.text(max_size=5), st.integers(), st.none(), st.dates())
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_KEY, inner, max_size=5),
    max_leaves=12,
)


def often(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mostly what the strategy gives, now and then anything."""
    return st.one_of(strategy, strategy, strategy, strategy, TREES)


NUMBERS = st.one_of(st.floats(1e-3, 1), st.integers(1, 5), SCALARS)
RANGES = st.fixed_dictionaries(
    {"low": often(st.floats(1e-9, 0.1)), "high": often(st.floats(0.2, 0.9))},
    optional={"log": often(st.booleans()), "step": NUMBERS, "points": often(st.integers(2, 9))},
)
DOMAINS = often(
    st.one_of(RANGES, st.floats(0, 0.9), st.lists(st.floats(0, 0.9), min_size=1, max_size=3))
)
SPACES = st.fixed_dictionaries(
    {},
    optional={
        "optimizer": often(st.lists(st.sampled_from(["sgd", "adam", "momentum"]), max_size=3)),
        "loss": often(st.sampled_from(["bce", "focal"])),
        "lr": DOMAINS,
        "l2": DOMAINS,
        "momentum.beta": DOMAINS,
        "adam.lr": DOMAINS,
        "focal.gamma": DOMAINS,
    },
)
COUNTS = often(st.integers(1, 100))
DATA = st.fixed_dictionaries(
    {"source": often(st.sampled_from(["csv", "parquet", "sklearn", "blobs"]))},
    optional={
        "path": often(st.text(min_size=1)),
        "target": often(st.text()),
        "dataset": WORDS,
        "positive": SCALARS,
        "numeric": often(st.lists(st.text(), max_size=2)),
        "separator": often(st.characters() | st.sampled_from(["auto", "\\s+", "tab"])),
        "encoding": often(st.text(max_size=5) | st.sampled_from(["latin-1", "utf-16", "hex"])),
        "skiprows": NUMBERS,
        "decimal": often(st.characters()),
        "thousands": often(st.characters()),
        "na_values": often(st.lists(SCALARS, max_size=3)),
        "keep_default_na": often(st.booleans()),
        "val_fraction": NUMBERS,
        "test_fraction": NUMBERS,
        "folds": often(st.integers(0, 9)),
        "groups": often(st.text()),
        "split": often(st.fixed_dictionaries({"by": often(st.text())})),
        "test": often(st.text(min_size=1)),
        "test_sizes": st.lists(COUNTS, min_size=2, max_size=2),
        "seed": COUNTS,
    },
)
SPEC_LIKE = st.fixed_dictionaries(
    {"name": often(st.text(string.printable, min_size=1, max_size=10))},
    optional={
        "description": often(st.text()),
        "experiment": often(WORDS),
        "data": often(DATA),
        "train": often(
            st.fixed_dictionaries({}, optional={"steps": COUNTS, "l2": NUMBERS, "dtype": WORDS})
        ),
        "search": often(
            st.fixed_dictionaries(
                {},
                optional={"trials": COUNTS, "sampler": WORDS, "batch": COUNTS, "space": SPACES},
            )
        ),
        "objective": often(WORDS),
        "seed": COUNTS,
    },
)


def check_spec_or_error(make: Any) -> bool:
    """Whether a spec came out; fails on any exception but SpecError."""
    try:
        spec = make()
    except SpecError:
        return False
    assert isinstance(spec, SweepSpec)
    assert spec.n_runs >= 1
    back = parse_dumped_spec(dump_spec(spec))
    assert back == spec
    assert settings_digest(back) == settings_digest(spec)
    return True


@QUICK
@given(text=st.text())
def test_any_text_gives_a_spec_or_a_spec_error(tmp_path: Path, text: str) -> None:
    raw = text.encode("utf-8", "surrogatepass")
    check_spec_or_error(lambda: load(tmp_path, raw))
    check_spec_or_error(lambda: load(tmp_path, b"name: " + raw))


@QUICK
@given(text=st.text("abe:-#&*!|>[]{}'\"%@`? \n\t012.~<,=", max_size=60))
def test_any_text_of_yaml_characters_gives_a_spec_or_a_spec_error(
    tmp_path: Path, text: str
) -> None:
    check_spec_or_error(lambda: load(tmp_path, text))
    check_spec_or_error(lambda: load(tmp_path, f"name: t\n{text}"))


@QUICK
@given(raw=st.binary(max_size=200))
def test_any_bytes_give_a_spec_or_a_spec_error(tmp_path: Path, raw: bytes) -> None:
    check_spec_or_error(lambda: load(tmp_path, raw))


@QUICK
@given(tree=TREES)
def test_any_structure_gives_a_spec_or_a_spec_error(tree: Any) -> None:
    check_spec_or_error(lambda: make_spec(tree))
    check_spec_or_error(lambda: make_spec({"name": "t", "search": {"space": tree}}))


@settings(QUICK, max_examples=250)
@given(tree=SPEC_LIKE)
def test_anything_that_resembles_a_spec_gives_a_spec_or_a_spec_error(tree: Any) -> None:
    check_spec_or_error(lambda: make_spec(tree))


@QUICK
@given(tree=SPEC_LIKE)
def test_the_same_holds_for_a_file(tmp_path: Path, tree: Any) -> None:
    try:
        text = yaml.safe_dump(tree, allow_unicode=True)
    except ValueError:  # a number of too many digits
        return
    raw = text.encode("utf-8", "surrogatepass")
    check_spec_or_error(lambda: load(tmp_path, raw))


@QUICK
@given(
    overrides=st.lists(
        st.one_of(
            st.text(),
            st.builds("{}={}".format, KEYS, st.one_of(WORDS, st.text(), NUMBERS)),
            st.builds(
                "{}.{}={}".format,
                st.sampled_from(["data", "train", "search", "search.space", "name"]),
                KEYS | st.text(),
                st.one_of(WORDS, st.text(), NUMBERS),
            ),
        ),
        max_size=4,
    )
)
def test_any_overrides_give_a_spec_or_a_spec_error(overrides: list[str]) -> None:
    check_spec_or_error(lambda: make_spec(MINIMAL, overrides))


def test_the_strategy_above_makes_valid_specs_too() -> None:
    """Else the property tests would never come past the first check."""
    found = []

    @settings(max_examples=150, deadline=None, database=None, derandomize=True)
    @given(tree=SPEC_LIKE)
    def collect(tree: Any) -> None:
        found.append(check_spec_or_error(lambda: make_spec(tree)))

    collect()
    assert any(found)


@given(st.text(min_size=1, max_size=8) | st.sampled_from(["a/b", "a:b", "..", ".", "..a", "a..b"]))
@settings(max_examples=200, deadline=None)
def test_a_models_name_is_refused_where_mlflow_would_refuse_it(name: str) -> None:
    """Without loading MLflow before the spec is known to be right."""
    from mlflow.exceptions import MlflowException
    from mlflow.utils.validation import _validate_model_name

    spec = None
    with suppress(SpecError):
        spec = make_spec({"name": "t", "register_model": name})
    permitted = True
    try:
        _validate_model_name(name)
    except MlflowException:
        permitted = False
    one_line = name.isprintable() and name.strip()
    assert (spec is not None) == bool(permitted and one_line)


def test_a_recorded_sweep_keeps_the_name_that_it_has() -> None:
    """lrlab 0.1.0 permitted paths."""
    text = dump_spec(make_spec(MINIMAL)).replace("name: t", "name: a/b")
    assert parse_dumped_spec(text).name == "a/b"


SCALARS = (
    *("", "~", "1e400", ".nan", "9" * 5000, "0x10", "2020-99-99", "!!binary x", "!foo 1", "*a"),
    *("{<<: {a: 1}}", "{? [a]: 1}", "[1", "{a: ", '"\\0"', '"\\ud800"', "\x1b", "\x00", "../x"),
    *("{low: 1}", "{low: 1, high: .inf}", "[sgd, sgd]", "{}", "[]", "'", "<<", "\ufeff", "\ud800"),
)


@given(st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_shipped_spec_with_a_line_spoilt_is_read_or_refused(data: st.DataObject) -> None:
    """And what is refused is refused in lines that a terminal shows as they are."""
    lines = data.draw(st.sampled_from([path.read_text() for path in SWEEPS])).split("\n")
    at = data.draw(st.integers(0, len(lines) - 1))
    key = data.draw(
        st.sampled_from([lines[at].partition(":")[0], "name", "<<", "? x", "1", "data"])
    )
    lines[at] = f"{key}: {data.draw(st.sampled_from(SCALARS))}"
    try:
        tree, _ = parse_yaml("\n".join(lines))
        make_spec(tree)
    except SpecError as error:
        said = str(error)
        assert len(said) < 2000
        assert all(line.isprintable() for line in said.split("\n"))
