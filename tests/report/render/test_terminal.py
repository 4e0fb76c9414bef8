"""Tables in a terminal."""

from __future__ import annotations

import math

from lrlab.report.render.terminal import settings_of, settings_titles


def test_searched_settings_are_a_column_for_l2_and_one_for_the_rest():
    names = ["l2", "adam.beta1", "momentum.beta"]
    assert settings_titles(names) == ["l2", "hyperparameters"]
    adam = {"l2": 0.25, "adam.beta1": 0.9, "momentum.beta": math.nan}
    assert settings_of(adam, names) == [0.25, "adam.beta1 0.9"]
    assert settings_of(adam, ["l2"]) == [0.25]
    assert settings_of(adam, ["momentum.beta"]) == [None]
    assert settings_of(adam, []) == settings_titles([]) == []
