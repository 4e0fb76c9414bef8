"""The registry: registering entries, finding them, and plug-ins of other packages."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from lrlab.errors import LrlabError, UserError
from lrlab.losses import LOSSES, Loss
from lrlab.optimizers import OPTIMIZERS, Optimizer
from lrlab.registry import (
    Hyperparameter,
    Registry,
    did_you_mean,
    resolve_hyperparameters,
)

GROUP = "lrlab.losses"


@dataclass(frozen=True)
class Thing:
    name: str
    hyperparameters: tuple[Hyperparameter, ...] = ()


def fresh() -> Registry[Thing]:
    return Registry("thing", Thing, group="lrlab.test_things")


def test_a_registered_entry_is_found_by_its_name() -> None:
    registry = fresh()
    entry = registry.register(Thing("one"))
    assert registry["one"] is entry
    assert "one" in registry
    assert "two" not in registry


def test_entries_keep_the_order_in_which_they_were_registered() -> None:
    registry = fresh()
    for name in ("zebra", "ape", "mouse"):
        registry.register(Thing(name))
    assert registry.names() == ("zebra", "ape", "mouse")
    assert [entry.name for entry in registry] == ["zebra", "ape", "mouse"]


def test_a_name_is_given_once() -> None:
    registry = fresh()
    first = registry.register(Thing("one"))
    with pytest.raises(UserError, match="there is already a thing named 'one'"):
        registry.register(Thing("one"))
    assert registry["one"] is first


def test_an_unregistered_name_is_free_again() -> None:
    registry = fresh()
    registry.register(Thing("one"))
    registry.unregister("one")
    registry.unregister("never there")
    assert "one" not in registry
    registry.register(Thing("one"))


@pytest.mark.parametrize("name", ["", "A", "a b", "a.b", "1a", "_a", "a-b", "é", "a\n", " a"])
def test_a_malformed_name_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="use lower-case letters, digits and underscores"):
        fresh().register(Thing(name))


def test_a_name_that_javascript_reserves_is_refused_as_no_figure_could_show_it() -> None:
    with pytest.raises(UserError, match="JavaScript"):
        fresh().register(Thing("constructor"))


def test_an_entry_of_the_wrong_type_is_refused() -> None:
    with pytest.raises(UserError, match="a thing must be a Thing, not str"):
        fresh().register("one")  # type: ignore[arg-type]


def test_an_unknown_name_is_answered_with_the_nearest_one() -> None:
    registry = fresh()
    for name in ("alpha", "beta"):
        registry.register(Thing(name))
    with pytest.raises(UserError, match=r"unknown thing 'alpah'; did you mean 'alpha'\?"):
        registry["alpah"]
    with pytest.raises(UserError, match="unknown thing 'qqq'; known: alpha, beta"):
        registry["qqq"]


def test_without_any_known_word_nothing_is_suggested() -> None:
    assert did_you_mean("word", ()) == ""


@pytest.mark.parametrize(
    ("hyperparameter", "permitted", "forbidden", "interval"),
    [
        (Hyperparameter("h", 1), [0, 1, 1e30], [-1e-9, 1e31], "[0, 1e+30]"),
        (Hyperparameter("h", 1, low_open=True), [1e-300], [0, -1], "(0, 1e+30]"),
        (Hyperparameter("h", 0, high=1, high_open=True), [0, 0.999], [1, 2], "[0, 1)"),
        (Hyperparameter("h", 0, low=-2, high=2), [-2, 2], [-2.1, 2.1], "[-2, 2]"),
        (Hyperparameter("h", 0, high=float("inf")), [1e300], [-1], "[0, inf)"),
    ],
)
def test_a_hyperparameter_permits_what_its_interval_says(
    hyperparameter: Hyperparameter,
    permitted: list[float],
    forbidden: list[float],
    interval: str,
) -> None:
    assert hyperparameter.interval == interval
    assert all(hyperparameter.permits(value) for value in permitted)
    assert not any(hyperparameter.permits(value) for value in forbidden)
    assert not any(hyperparameter.permits(float(x)) for x in ("nan", "inf", "-inf"))


def test_hyperparameters_that_are_not_given_take_their_defaults() -> None:
    entry = Thing("one", (Hyperparameter("a", 1), Hyperparameter("b", 2)))
    assert resolve_hyperparameters(entry, {"b": 5}) == {"a": 1.0, "b": 5.0}
    assert resolve_hyperparameters(Thing("two"), {}) == {}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"gama": 1}, r"'one' has no hyperparameter 'gama'; did you mean 'gamma'\?"),
        ({"gamma": -1}, r"one\.gamma = -1 is outside \[0, 1e\+30\]"),
        ({"gamma": float("nan")}, r"one\.gamma = nan is outside"),
    ],
)
def test_a_hyperparameter_that_cannot_be_is_refused(given: dict[str, float], message: str) -> None:
    with pytest.raises(UserError, match=message):
        resolve_hyperparameters(Thing("one", (Hyperparameter("gamma", 1),)), given)


def test_an_entry_without_hyperparameters_says_so() -> None:
    with pytest.raises(UserError, match="'one' has no hyperparameter 'x'; it has none"):
        resolve_hyperparameters(Thing("one"), {"x": 1})


@pytest.mark.parametrize("registry", [LOSSES, OPTIMIZERS], ids=["losses", "optimizers"])
def test_every_shipped_entry_is_documented_and_its_defaults_are_permitted(
    registry: Registry[Loss] | Registry[Optimizer],
) -> None:
    for entry in registry:
        assert entry.formula
        assert entry.when
        assert entry.source
        names = [h.name for h in entry.hyperparameters]
        assert len(set(names)) == len(names)
        assert "lr" not in names
        for h in entry.hyperparameters:
            assert h.permits(h.default), (entry.name, h)
            assert h.meaning


def test_no_name_is_both_a_loss_and_an_optimizer() -> None:
    """A key such as `owner.eps` would have two owners."""
    assert not set(LOSSES.names()) & set(OPTIMIZERS.names())


# --- plug-ins --------------------------------------------------------------------------------


def install(
    site: Path, package: str, source: str, points: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package as pip leaves it behind: a module and a .dist-info folder on sys.path."""
    (site / f"{package}.py").write_text(source)
    info = site / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{points}\n")
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.delitem(sys.modules, package, raising=False)


SOURCE = """
from lrlab.losses import Loss

def exponential(z, y):
    return (-(2 * y - 1) * z).exp()

entry = Loss("exponential", exponential, formula="exp(-s z)", when="Boosting.", source="Schapire")
"""


def test_an_installed_package_s_entry_point_joins_the_registry_after_lrlab_s_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "plug_one", SOURCE, "exponential = plug_one:entry", monkeypatch)
    registry = Registry("loss", Loss, group=GROUP)
    registry.register(LOSSES["bce"])
    assert registry.names() == ("bce", "exponential")
    assert registry["exponential"].formula == "exp(-s z)"


def test_an_entry_point_of_another_group_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "plug_two", SOURCE, "exponential = plug_two:entry", monkeypatch)
    assert Registry("loss", Loss, group="lrlab.others").names() == ()


@pytest.mark.parametrize(
    ("source", "point", "reason"),
    [
        ("raise RuntimeError('out of luck')", "plug_bad:entry", "out of luck"),
        ("", "plug_bad:entry", "entry"),
        ("entry = 3", "plug_bad:entry", "a loss must be a Loss, not int"),
        (SOURCE.replace('"exponential"', '"Bad Name"'), "plug_bad:entry", "lower-case letters"),
        (SOURCE.replace('"exponential"', '"bce"'), "plug_bad:entry", "already a loss named 'bce'"),
        ("", "plug_missing:entry", "No module named 'plug_missing'"),
    ],
    ids=["raises", "no such name", "no loss", "bad name", "taken name", "no module"],
)
def test_a_broken_plug_in_is_named_with_its_package_and_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, point: str, reason: str
) -> None:
    install(tmp_path, "plug_bad", source, f"exponential = {point}", monkeypatch)
    registry = Registry("loss", Loss, group=GROUP)
    registry.register(LOSSES["bce"])
    with pytest.raises(LrlabError) as caught:
        registry.names()
    message = str(caught.value)
    assert message.startswith("the loss 'exponential' of package plug_bad cannot be loaded (")
    assert reason in message
    assert message.endswith("fix or uninstall that package")
    assert not isinstance(caught.value, UserError)
