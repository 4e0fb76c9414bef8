"""Speed: who needs the fewest steps to come to the optimum, and how sure that is.

Runs are compared that minimize one objective, as a gap is to the optimum of a run's own: with a
large l2 that is near the start, so a sweep over l2 would be won by the largest.

*What is compared.* Steps until the relative gap stays at most 1e-3. A seed is a block: replicate r
of every trial has the same initial weights and the same mini-batches. Each optimizer stands at the
setting that needs the fewest over all seeds (geometric mean). A run that never arrives counts as
infinity: a setting that misses on a seed does not come before one that misses on fewer.

What may be claimed, and how, is in `speed_claims.py`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace

import numpy as np
import pandas as pd

from lrlab.report.analysis.fact import Fact
from lrlab.report.analysis.methods import SPEED, trial_frame
from lrlab.report.analysis.speed_claims import Counted, SpeedClaim, slower
from lrlab.report.analysis.statistics import LEAST_SEEDS
from lrlab.report.analysis.tables import minimizes

LEAST, MOST = f"least_{SPEED}", f"most_{SPEED}"
COLUMNS = ("optimizer", "loss", "l2", "lr", "trial", "value", "steps", "fewest", "most")
COUNTS = ("reached", "seeds", "runs", "runs_reached", "trials")


@dataclass(frozen=True)
class Speed:
    """Optimizers compared by the steps to a relative gap of 1e-3 on one objective.

    Args:
        loss: Of the objective.
        objective: Its l2 and hyperparameters of the loss, by name.
        leader: Who needs the fewest steps; None if nothing can be compared.
        ties: Who arrives on every seed and is not shown to need more, fewest first.
        missed: Who does not arrive on every seed and is not shown to need more: neither tied nor
            worse, as infinite steps on some seeds are no number to compare.
        claims: Who is, fewest first; empty unless `tested`.
        tested: Whether there are seeds enough to claim anything; else it is a description.
        seeds: Runs of each setting.
        judging: How many of the seeds judged; the others chose.
        refused: Why nothing is compared, or nothing claimed.
        table: One row an optimizer, fewest steps first: the setting that all seeds choose (lr, l2,
            trial) with its objective as the sweep has it (value); steps (geometric mean over the
            seeds, inf if it misses on one), fewest and most over the seeds; reached, of how many
            seeds, and runs_reached, of how many runs of all its trials on this objective.
        spaced: Whether steps are known from evaluations only.
    """

    loss: str
    objective: dict[str, float] = field(default_factory=dict)
    leader: str | None = None
    ties: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    claims: tuple[SpeedClaim, ...] = ()
    tested: bool = False
    seeds: int = 0
    judging: int = 0
    refused: Fact | None = None
    table: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=[*COLUMNS, *COUNTS]))
    spaced: bool = False

    def claims_frame(self) -> pd.DataFrame:
        """One row a claim."""
        return pd.DataFrame([asdict(claim) for claim in self.claims])


def compare_speed(
    runs: pd.DataFrame,
    converged: pd.DataFrame,
    loss: str,
    *,
    objective: str,
    direction: str,
    minimum_effect: float = 0.01,
) -> Speed:
    """Compare optimizers by their steps, on the objective of the loss's best trial.

    Args:
        runs: The runs frame.
        converged: What `convergence_frame` returns.
        loss: Name of the loss that one would take.
        objective: Name of the final metric by which the sweep chooses.
        direction: `minimize` or `maximize`.
        minimum_effect: Share by which more steps are more.
    """
    own, shared = same_objective(runs, loss, objective=objective, direction=direction)
    if own.empty:
        return Speed(loss, refused=different_objectives(runs, loss))
    if SPEED not in converged or converged.set_index("run_id")["gap"][own["run_id"]].isna().all():
        return Speed(loss, shared, refused=Fact("no_optimum"))
    counted = _counted(own, converged)
    if not np.isfinite(counted.stays).any():
        return Speed(loss, shared, refused=Fact("none_arrives"))
    order, seeds = counted.order(), counted.stays.shape[1]
    names = [counted.methods[i] for i in order]
    arrives = np.isfinite(counted.stays[counted.best]).all(axis=1)
    complete = {
        name for name, all_seeds in zip(counted.methods, arrives, strict=True) if all_seeds
    }
    found = Speed(
        loss,
        shared,
        leader=names[0],
        ties=tuple(name for name in names[1:] if name in complete),
        missed=tuple(name for name in names[1:] if name not in complete),
        seeds=seeds,
        table=_table(own, counted, objective, direction),
        spaced=LEAST in converged,
    )
    why = _untested(counted)
    if why is not None:
        return replace(found, refused=why)
    claims = slower(counted, minimum_effect)
    worse = {claim.worse for claim in claims}
    ties, missed = (
        tuple(name for name in group if name not in worse) for group in (found.ties, found.missed)
    )
    return replace(
        found, ties=ties, missed=missed, claims=claims, tested=True, judging=counted.judging
    )


def same_objective(
    runs: pd.DataFrame, loss: str, *, objective: str, direction: str
) -> tuple[pd.DataFrame, dict[str, float]]:
    """The runs of a loss that minimize what its best trial minimizes, and that in numbers.

    Returns:
        Rows of `runs`, none if fewer than two optimizers have any, and l2 and hyperparameters.
    """
    own = runs[runs["loss"] == loss]
    keys = [c for c in own.columns if c == "l2" or str(c).startswith(f"{loss}.")]
    trials = trial_frame(own, objective=objective, direction=direction)["value"].dropna()
    if trials.empty:
        return own.iloc[:0], {}
    best = trials.idxmin() if minimizes(direction) else trials.idxmax()
    shared = own.loc[own["trial"] == best, keys].iloc[0]
    same = (own[keys] == shared).all(axis=1) if keys else pd.Series(True, own.index)
    if own.loc[same, "optimizer"].nunique() < 2:
        return own.iloc[:0], {}
    return own[same], {str(name): float(value) for name, value in shared.items()}


def different_objectives(runs: pd.DataFrame, loss: str) -> Fact:
    """Why no two optimizers minimized one objective with a loss."""
    own = runs[runs["loss"] == loss]
    if own["optimizer"].nunique() < 2:
        return Fact("one_optimizer", {"loss": loss})
    varied = searched_of(own, loss)
    if not varied:
        return Fact("none_finite_of_loss", {"loss": loss})
    return Fact("objectives_differ", {"searched": varied})


def searched_of(own: pd.DataFrame, loss: str) -> tuple[str, ...]:
    """What was searched of that which the objectives of a loss's runs are made of."""
    keys = [str(c) for c in own.columns if c == "l2" or str(c).startswith(f"{loss}.")]
    return tuple(c for c in keys if own[c].nunique() > 1)


def _counted(own: pd.DataFrame, converged: pd.DataFrame) -> Counted:
    """Trials by replicates, of those trials that have all of them."""
    columns = [SPEED, *(name for name in (LEAST, MOST) if name in converged)]
    frame = own[["run_id", "trial", "replicate", "optimizer"]]
    frame = frame.merge(converged[["run_id", *columns]], on="run_id")
    for missing in {LEAST, MOST} - set(columns):
        frame[missing] = frame[SPEED]
    frame = frame.drop_duplicates(["trial", "replicate"], keep="last")
    frame = frame.fillna(dict.fromkeys((SPEED, LEAST, MOST), np.inf))
    wide = frame.pivot(index="trial", columns="replicate", values=[SPEED, LEAST, MOST]).dropna()
    of = frame.drop_duplicates("trial").set_index("trial")["optimizer"]
    stays, least, most = (wide[name].to_numpy(dtype=float) for name in (SPEED, LEAST, MOST))
    names = [str(of[trial]) for trial in wide.index]
    allowed = float(max(own["steps"].max(), 1)) if "steps" in own else _latest(most)
    return Counted(wide.index.to_numpy(), names, stays, least, most, allowed)


def _latest(steps: np.ndarray) -> float:
    return float(np.max(steps, where=np.isfinite(steps), initial=1.0))


def _untested(counted: Counted) -> Fact | None:
    seeds = counted.stays.shape[1]
    if len(counted.methods) < 2:
        return Fact("one_complete")
    if seeds <= LEAST_SEEDS:
        return Fact("few_seeds", {"seeds": seeds, "judging": LEAST_SEEDS})
    if np.isinf(counted.stays[counted.by_others()[counted.order()[0]]]).any():
        return Fact("leader_misses")
    return None


def _table(own: pd.DataFrame, counted: Counted, objective: str, direction: str) -> pd.DataFrame:
    values = trial_frame(own, objective=objective, direction=direction)["value"]
    settings = own.drop_duplicates("trial").set_index("trial")
    order = counted.order()
    best = counted.best[order]
    trials, stays = counted.trials[best], counted.stays[best]
    of, arrived = np.array(counted.optimizers), np.isfinite(counted.stays)
    names = [counted.methods[i] for i in order]
    return pd.DataFrame(
        {
            "optimizer": names,
            "loss": own["loss"].iloc[0],
            "l2": settings["l2"].reindex(trials).to_numpy() if "l2" in settings else 0.0,
            "lr": settings["lr"].reindex(trials).to_numpy(),
            "trial": trials,
            "value": values.reindex(trials).to_numpy(),
            "steps": np.exp(np.log(stays).mean(axis=1)),
            "fewest": stays.min(axis=1),
            "most": stays.max(axis=1),
            "reached": np.isfinite(stays).sum(axis=1),
            "seeds": stays.shape[1],
            "runs": [int(arrived[of == name].size) for name in names],
            "runs_reached": [int(arrived[of == name].sum()) for name in names],
            "trials": [int((of == name).sum()) for name in names],
        }
    )
