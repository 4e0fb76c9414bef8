"""A trial's configuration: complete, checked, and flat where it is logged."""

from __future__ import annotations

from typing import Any

import pytest

from lrlab.errors import UserError
from lrlab.losses import LOSSES
from lrlab.optimizers import OPTIMIZERS
from lrlab.trial import Run, TrialConfig


def test_what_is_left_out_takes_its_default() -> None:
    config = TrialConfig.of("adam", "focal", 0.1, hyperparameters={"adam.beta1": 0.5})
    assert config.l2 == 0
    assert config.optimizer_params == {"beta1": 0.5, "beta2": 0.999, "eps": 1e-8}
    assert config.loss_params == {"gamma": 2.0}


def test_the_params_name_everything_once() -> None:
    config = TrialConfig.of("momentum", "focal", 1, l2=2, hyperparameters={"focal.gamma": 3})
    assert config.params() == {
        "optimizer": "momentum",
        "loss": "focal",
        "lr": 1.0,
        "l2": 2.0,
        "momentum.beta": 0.9,
        "focal.gamma": 3.0,
    }


@pytest.mark.parametrize("loss", LOSSES.names())
@pytest.mark.parametrize("optimizer", OPTIMIZERS.names())
def test_the_params_of_any_trial_make_the_same_trial_again(optimizer: str, loss: str) -> None:
    config = TrialConfig.of(optimizer, loss, 0.3, 0.1)
    params = config.params()
    rest = {key: value for key, value in params.items() if "." in key}
    again = TrialConfig.of(
        str(params["optimizer"]),
        str(params["loss"]),
        float(params["lr"]),
        float(params["l2"]),
        {key: float(value) for key, value in rest.items()},
    )
    assert again == config
    assert config.hyperparameters == rest


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"optimizer": "sdg"}, r"unknown optimizer 'sdg'; did you mean 'sgd'\?"),
        ({"loss": "bces"}, r"unknown loss 'bces'; did you mean 'bce'\?"),
        ({"lr": 0}, r"lr = 0 is outside \(0, 1e\+30\]"),
        ({"lr": float("nan")}, "lr = nan is outside"),
        ({"l2": -1}, r"l2 = -1 is outside \[0, 1e\+30\]"),
        ({"hyperparameters": {"adam.beta1": 0.5}}, "'adam' is neither the optimizer nor the loss"),
        ({"hyperparameters": {"beta": 0.5}}, "'beta' is neither the optimizer nor the loss"),
        (
            {"optimizer": "momentum", "hyperparameters": {"momentum.bta": 0.5}},
            r"'momentum' has no hyperparameter 'bta'; did you mean 'beta'\?",
        ),
        (
            {"optimizer": "momentum", "hyperparameters": {"momentum.beta": 1}},
            r"momentum\.beta = 1 is outside \[0, 1\)",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        TrialConfig.of(**({"optimizer": "sgd", "loss": "bce", "lr": 0.1} | given))


def test_a_run_is_known_by_trial_and_replicate() -> None:
    config = TrialConfig.of("sgd", "bce", 0.1)
    assert Run(trial=3, replicate=2, seed=9, config=config).key == (3, 2)
