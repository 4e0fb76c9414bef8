"""TrialConfig, what a trial is, and Run, one training of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lrlab.errors import UserError
from lrlab.losses import LOSSES
from lrlab.optimizers import OPTIMIZERS
from lrlab.registry import resolve_hyperparameters
from lrlab.spec.space import SHARED


@dataclass(frozen=True)
class TrialConfig:
    """One configuration: optimizer, loss, learning rate, l2 and every hyperparameter.

    Build it with `TrialConfig.of`, which fills in defaults and checks ranges.
    """

    optimizer: str
    loss: str
    lr: float
    l2: float = 0.0
    optimizer_params: Mapping[str, float] = field(default_factory=dict)
    loss_params: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        optimizer: str,
        loss: str,
        lr: float,
        l2: float = 0.0,
        hyperparameters: Mapping[str, float] | None = None,
    ) -> TrialConfig:
        """A complete configuration.

        Args:
            optimizer: Name in the registry of optimizers.
            loss: Name in the registry of losses.
            lr: Learning rate, above 0.
            l2: Weight of ||w||^2 / 2, at least 0.
            hyperparameters: Values by `owner.name`; what is left out takes its default.

        Raises:
            UserError: If a name is unknown, a value out of range, or an owner not in use.
        """
        for name, value in (("lr", lr), ("l2", l2)):
            if not SHARED[name].permits(value):
                raise UserError(f"{name} = {value:g} is outside {SHARED[name].interval}")
        given: dict[str, dict[str, float]] = {optimizer: {}, loss: {}}
        for key, value in (hyperparameters or {}).items():
            owner, _, name = key.partition(".")
            if owner not in given:
                raise UserError(f"{key}: {owner!r} is neither the optimizer nor the loss here")
            given[owner][name] = value
        return cls(
            optimizer=optimizer,
            loss=loss,
            lr=float(lr),
            l2=float(l2),
            optimizer_params=resolve_hyperparameters(OPTIMIZERS[optimizer], given[optimizer]),
            loss_params=resolve_hyperparameters(LOSSES[loss], given[loss]),
        )

    @classmethod
    def of_space(
        cls, optimizer: str, loss: str, chosen: Mapping[str, float | str], l2: float
    ) -> TrialConfig:
        """A configuration from values by key of a search space.

        Args:
            optimizer: Name in the registry of optimizers.
            loss: Name in the registry of losses.
            chosen: Value by key; the learning rate's key may be the optimizer's own.
            l2: What l2 is where the space does not search it.
        """
        numbers = {key: float(value) for key, value in chosen.items()}
        lr = numbers.pop(f"{optimizer}.lr", None)
        if lr is None:
            lr = numbers.pop("lr")
        return cls.of(optimizer, loss, lr, numbers.pop("l2", l2), numbers)

    @property
    def hyperparameters(self) -> dict[str, float]:
        """Every hyperparameter by `owner.name`."""
        return {
            f"{owner}.{name}": value
            for owner, params in (
                (self.optimizer, self.optimizer_params),
                (self.loss, self.loss_params),
            )
            for name, value in params.items()
        }

    def params(self) -> dict[str, str | float]:
        """Everything that defines the trial, flat, as it is logged."""
        return {
            "optimizer": self.optimizer,
            "loss": self.loss,
            "lr": self.lr,
            "l2": self.l2,
            **self.hyperparameters,
        }


@dataclass(frozen=True)
class Run:
    """One training of a trial with one seed: the seed of the weights and the batch order."""

    trial: int
    replicate: int
    seed: int
    config: TrialConfig

    @property
    def key(self) -> tuple[int, int]:
        """Trial and replicate: what makes a run unique within its sweep."""
        return self.trial, self.replicate
