"""Why something is not judged: a clause for each reason, without its full stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lrlab.report.text.formats import listing, number, plural

JUDGED_METRICS = "val_log_loss, val_brier, val_accuracy or val_auc"


def no_runs() -> str:
    """Of a sweep that has not begun."""
    return "there are no runs yet"


def all_diverged(runs: int, lowest: float) -> str:
    """Of a sweep without a best trial."""
    low = number(lowest, pad=False)
    if runs == 1:
        return f"the only run diverged, at learning rate {low}; try lower ones"
    count = "both" if runs == 2 else f"all {runs:,}"
    return f"{count} runs diverged, even at the lowest learning rate, {low}; try lower ones"


def each_trial_diverged() -> str:
    """Of a sweep in which some runs did not diverge, but no trial is whole."""
    return "every trial has a run that diverged; try lower learning rates"


def none_finite(objective: str) -> str:
    """Of a sweep without a best trial for any other reason."""
    return f"no trial has a finite {objective}"


def no_mean_over_rows(objective: str) -> str:
    """Of an objective such as ECE."""
    return f"{objective} is not a mean over rows, so no test applies; choose by {JUDGED_METRICS}"


def of_training_rows(objective: str) -> str:
    """Of an objective such as the training loss."""
    return f"{objective} is computed on the training rows; choose by {JUDGED_METRICS}"


def no_data() -> str:
    """Of data that are gone or have another digest."""
    return "the data are missing, or have changed since the sweep"


def rows_have_chosen() -> str:
    """Of a sweep with neither test rows nor folds."""
    return (
        "the validation rows chose the settings, so they cannot judge them as well; set "
        "data.test_fraction or data.folds"
    )


def no_weights() -> str:
    """Of runs whose weights are lost."""
    return "the weights of the runs to be judged cannot be read"


def few_rows(found: int, needed: int) -> str:
    """Of too few judging rows."""
    return f"{_only(found, 'row')} to judge on, and at least {needed:,} are needed"


def few_groups(found: int, needed: int) -> str:
    """Of too few groups of judging rows."""
    return f"{_only(found, 'group')} of rows to judge on, and at least {needed:,} are needed"


def few_of_a_class(found: int, needed: int) -> str:
    """Of judging rows that lack a class."""
    text = f"{_only(found, 'row')} of the rarer class to judge on"
    return f"{text}, and at least {needed:,} are needed"


def not_finite(found: int, needed: int) -> str:
    """Of a metric that is infinite; the counts mean nothing."""
    return "the metric is infinite for some rows"


def no_optimum() -> str:
    """Of gaps that cannot be had."""
    return "the exact optimum is not known, so no gap to it can be computed"


def none_arrives() -> str:
    """Of runs that were too short."""
    return "no run reaches a gap of 1e-3 and stays below it"


def one_optimizer(loss: str) -> str:
    """Of a loss that one optimizer minimized."""
    return f"only one optimizer was tried with {loss}"


def none_finite_of_loss(loss: str) -> str:
    """Of a loss without a trial that has an objective."""
    return f"no trial with {loss} has a finite objective"


def objectives_differ(searched: Sequence[str]) -> str:
    """Of runs that minimize different functions."""
    was = "was" if len(searched) == 1 else "were"
    keys = ["train.l2" if name == "l2" else name for name in searched]
    return (
        f"{listing(searched, 10)} {was} searched, so the runs minimize different objectives; fix "
        f"{listing(keys, 10)} to compare speed"
    )


def one_complete() -> str:
    """Of optimizers that lack replicates."""
    return "only one optimizer has all of its runs"


def few_seeds(seeds: int, judging: int) -> str:
    """Of too few replicates."""
    if seeds == 1:
        return "each setting has only one run; set search.replicates to 10 or more"
    return (
        f"{seeds} runs of each setting are too few, because {judging} must judge and others "
        "choose; set search.replicates to 10 or more"
    )


def leader_misses() -> str:
    """Of a leading optimizer that does not arrive on every seed."""
    return (
        "even the fastest optimizer, at the setting that the other seeds chose, does not reach a "
        "gap of 1e-3 on every seed"
    )


def _only(count: int, noun: str) -> str:
    if not count:
        return f"there is no {noun}"
    return f"there {'is' if count == 1 else 'are'} only {plural(count, noun)}"


REFUSALS: dict[str, Callable[..., str]] = {
    each.__name__: each
    for each in (
        no_runs,
        all_diverged,
        each_trial_diverged,
        none_finite,
        no_mean_over_rows,
        of_training_rows,
        no_data,
        rows_have_chosen,
        no_weights,
        few_rows,
        few_groups,
        few_of_a_class,
        not_finite,
        no_optimum,
        none_arrives,
        one_optimizer,
        none_finite_of_loss,
        objectives_differ,
        one_complete,
        few_seeds,
        leader_misses,
    )
}
