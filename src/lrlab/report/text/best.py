"""The best setting in sentences: what it is, what to expect of it, and beside what."""

from __future__ import annotations

from lrlab.metrics import OF_PROBABILITIES
from lrlab.report.analysis.answer import Best, Reference, Verdict
from lrlab.report.text.formats import between, listing, number, plural

METRICS = {"log_loss": "log loss", "auc": "AUC", "brier": "Brier score", "ece": "ECE"}
AGAINST = {"worse": " (worse)", "tied": " (tied)", "better": " (better)"}


def metric_name(metric: str) -> str:
    """A metric as people say it: `log loss`."""
    return METRICS.get(metric, metric.replace("_", " "))


def best_setting(best: Best, verdict: Verdict) -> str:
    """The first paragraph: what to use, and what to expect of it."""
    return f"Best setting: {setting(best)}. {_expected(best, verdict)}"


def about_best(best: Best, verdict: Verdict) -> str:
    """The second paragraph: what limits the first, and what to compare it with."""
    parts = [
        _in_time(verdict),
        _optimism(best, verdict),
        _scores(best),
        _references(verdict),
        separable(verdict),
    ]
    return " ".join(filter(None, parts))


def setting(best: Best) -> str:
    """`adam with loss bce, lr 0.0346 (trial 42)`."""
    given = best.params
    names = ["lr", *(name for name in best.searched if name not in ("optimizer", "loss", "lr"))]
    each = [f"{name} {number(float(given[name]), 3, pad=False)}" for name in names]
    first = f"{given['optimizer']} with loss {given['loss']}"
    return ", ".join([first, *each]) + f" (trial {best.trial})"


def new_rows(verdict: Verdict) -> str:
    """Of which rows the answer speaks."""
    return "later rows" if verdict.judged_on.later else "new rows"


def _expected(best: Best, verdict: Verdict) -> str:
    name, rows = metric_name(best.metric), new_rows(verdict)
    if best.value is None:
        return (
            f"Its {name} is {number(best.chosen_by)} on the rows that chose it; on {rows} expect "
            "a worse one."
        )
    interval = f", 95% interval {between(best.interval)}" if best.interval else ""
    what = f"Its expected {name} on {rows} is {number(best.value)}{interval}"
    if verdict.judged_on.how == "folds":
        what = (
            f"The expected {name} on {rows} of a setting chosen in this way is "
            f"{number(best.value)}{interval}"
        )
    return f"{what} ({judging_rows(verdict)})."


def judging_rows(verdict: Verdict) -> str:
    """What the answer rests on."""
    on = verdict.judged_on
    if on.how == "folds":
        return (
            f"{plural(on.rows, 'row')}, each judged out of fold, at a setting chosen on the other "
            "folds"
        )
    return f"{plural(on.rows, 'test row')}, which had no part in the choice"


def _in_time(verdict: Verdict) -> str:
    """What order in time takes away from what is said."""
    if not verdict.judged_on.later:
        return ""
    text = "Rows close in time are treated as independent, so the intervals may be too narrow."
    if verdict.judged_on.how == "folds":
        text += " The settings of earlier folds were chosen on later rows, too."
    return text


def _optimism(best: Best, verdict: Verdict) -> str:
    if best.optimism is None or best.value is None:
        return ""
    looks = (
        f"On the rows that chose it, its {metric_name(best.metric)} is {number(best.chosen_by)}"
    )
    if best.optimism <= 0 or best.value == 0:
        return f"{looks}."
    by = best.optimism / abs(best.value)
    way = "lower" if best.chosen_by < best.value else "higher"
    by_how_much = f"{number(100 * by, 1 if by < 0.01 else 2, pad=False)}%"
    return f"{looks}, {by_how_much} {way} than on {new_rows(verdict)}."


def _scores(best: Best) -> str:
    """That the scores of the best setting's loss are no probabilities."""
    if best.probabilities or f"val_{best.metric}" not in OF_PROBABILITIES:
        return ""
    text = f"The scores of {best.params['loss']} are not probabilities"
    if best.recalibrated is None:
        return f"{text}: recalibrate them before you use them as such."
    name = metric_name(best.metric)
    return f"{text}; recalibrated by Platt scaling, their {name} is {number(best.recalibrated)}."


def _references(verdict: Verdict) -> str:
    told = [reference(part) for part in verdict.references]
    return f"For comparison, on the same rows: {'; '.join(told)}." if told else ""


def reference(part: Reference) -> str:
    """`base rate 0.6600 (worse)`."""
    name = f"{part.name}," if "," in part.name else part.name
    return f"{name} {number(part.value)}{AGAINST.get(part.against_best, '')}"


def separable(verdict: Verdict) -> str:
    """That the training rows are separable, which changes what everything else means."""
    found, best = verdict.separability, verdict.best
    if found is None or best is None or not found.fitted:
        return ""
    if found.alone:
        return (
            f"Column {found.alone} alone separates the classes of the training rows perfectly. If "
            "it gives the answer away, list it under data.drop."
        )
    more = [f"{found.more_columns:,} more"] if found.more_columns else []
    columns = listing([*found.columns, *more], len(found.columns) + 1)
    text = f"The training rows are linearly separable (along {columns})"
    if found.kind != "complete":
        of = f"{found.fitted:,} of {plural(found.rows, 'training row')}"
        text = f"{of} can be fitted perfectly (quasi-complete separation, along {columns})"
    if float(best.params.get("l2", 0.0)):
        return f"{text}; l2 keeps the weights finite."
    return (
        f"{text}: without l2 the likelihood has no maximum, and the weights grow with every step."
    )
