"""Remake the tables and pictures of which-optimizer.md and which-loss.md.

    python docs/make_answers.py                     # run sweeps/optimizers.yaml anew, then write
    python docs/make_answers.py sqlite:///mlflow.db # from a store that has the three sweeps

Tables go between `<!-- table NAME -->` and `<!-- end -->` in the two pages, pictures into
docs/pictures.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path

import pandas as pd

import lrlab
from lrlab import track
from lrlab.report import across_report, compare_sweeps
from lrlab.report.recorded import report_input
from lrlab.report.speed import compare_speed

DOCS = Path(__file__).resolve().parent
SUITE = DOCS.parent / "sweeps" / "optimizers.yaml"
PAGES = ("which-optimizer.md", "which-loss.md")
PICTURES = {"optimizer_by_sweep": "which-optimizer", "profile": "which-optimizer-speed",
            "loss_by_sweep": "which-loss"}  # fmt: skip
YARDSTICK = "bce_logits"  # the loss on which speed is compared


def main() -> None:
    """Run or read the sweeps, then write."""
    specs = lrlab.load_specs(SUITE)
    if len(sys.argv) > 1:
        write(sys.argv[1], [spec.name for spec in specs])
        return
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for spec in specs:
            lrlab.run_sweep(spec, workers=(os.cpu_count() or 1) - 1)
        write(f"sqlite:///{folder}/mlflow.db", [spec.name for spec in specs])


def write(uri: str, names: list[str]) -> None:
    """Tables and pictures from a store."""
    store = track.connect(uri)
    inputs = {
        name.removeprefix("optimizers-"): report_input(store, track.find_sweep(store, name))
        for name in names
    }
    report, found = across_report(inputs), compare_sweeps(inputs)
    for name, picture in PICTURES.items():
        (DOCS / "pictures" / f"{picture}.png").write_bytes(report.pictures[name])
    tables = {
        "best": best(found.optimizers, "optimizer"),
        "speed": speed(found),
        "robust": robust(found.optimizers, "optimizer"),
        "losses": best(found.losses, "loss"),
        "yardsticks": yardsticks(found),
        "loss-robust": robust(found.losses, "loss"),
        "curvature": curvature(found, inputs),
    }
    for page in PAGES:
        path = DOCS / page
        text = path.read_text(encoding="utf-8")
        for name, table in tables.items():
            text = re.sub(
                rf"(<!-- table {name} -->\n).*?(<!-- end -->)",
                lambda match, table=table: f"{match[1]}{markdown(table)}\n{match[2]}",
                text,
                flags=re.S,
            )
        path.write_text(text, encoding="utf-8")
    print(report.verdict.text)
    print(*report.verdict.remarks, sep="\n")


def best(table: pd.DataFrame, by: str) -> pd.DataFrame:
    """Held-out log loss at the best setting, marked where it is behind for certain."""

    def shown(row: dict[str, object]) -> str:
        value = row["value"] if pd.isna(row["expected"]) else row["expected"]
        text = f"{value:.4f}"
        if row["verdict"] == "best":
            return f"**{text}**"
        return f"{text} ▼" if row["verdict"] == "worse" else text

    texts = table.assign(text=[shown(row) for row in table.to_dict("records")])
    wide = texts.pivot(index=by, columns="sweep", values="text")
    order = table.groupby(by)["ratio"].mean().sort_values().index
    return wide.loc[order, list(dict.fromkeys(table["sweep"]))].reset_index()


def speed(found: object) -> pd.DataFrame:
    """Steps to a relative gap of 1e-3 on one loss, each at its fastest lr."""
    columns = {}
    for name, findings in found.findings.items():  # type: ignore[attr-defined]
        aim = {"objective": "val_log_loss", "direction": "minimize"}
        compared = compare_speed(findings.runs, findings.converged, YARDSTICK, **aim)
        if compared.leader is not None:
            table = compared.table.set_index("optimizer")
            columns[name] = [table["steps"].replace(float("inf"), float("nan")), table["lr"]]
    names = found.optimizers["optimizer"].unique()  # type: ignore[attr-defined]
    wide = pd.DataFrame({n: s[0] for n, s in columns.items()}).reindex(names)
    rates = pd.DataFrame({n: s[1] for n, s in columns.items()}).reindex(names)
    order = wide.fillna(1e9).rank().mean(axis=1).sort_values(kind="stable").index
    text = wide.copy().astype(object)
    for name in wide:
        text[name] = [
            "–" if pd.isna(s) else f"{s:g} (lr {r:g})"
            for s, r in zip(wide[name], rates[name], strict=True)
        ]
    return text.loc[order].rename_axis("optimizer").reset_index()


def robust(table: pd.DataFrame, by: str) -> pd.DataFrame:
    """What one random trial gives, how wide the good range of lr is, how often runs diverge."""
    one = table["expected_best_1"] / table.groupby("sweep")["expected_best_1"].transform("min")
    ten = table["expected_best_10"] / table.groupby("sweep")["expected_best_10"].transform("min")
    shown = (
        table.assign(one=one, ten=ten).groupby(by)[["one", "ten", "lr_width", "diverged"]].mean()
    )
    shown = shown.sort_values("one")
    return pd.DataFrame(
        {
            by: shown.index,
            "1 random trial": [f"+{100 * (v - 1):.0f} %" for v in shown["one"]],
            "10 random trials": [f"+{100 * (v - 1):.1f} %" for v in shown["ten"]],
            "good lr, decades": [f"{v:.1f}" for v in shown["lr_width"]],
            "diverged": [f"{100 * v:.1f} %" for v in shown["diverged"]],
        }
    )


def yardsticks(found: object) -> pd.DataFrame:
    """Accuracy and calibration error of every loss on every data set."""
    parts = []
    for name, findings in found.findings.items():  # type: ignore[attr-defined]
        own = findings.held_out.set_index("loss")[["val_accuracy", "val_ece"]]
        parts.append(own.set_axis([f"{name}: accuracy", "calibration error"], axis=1))
    table = pd.concat(parts, axis=1)
    order = found.losses.groupby("loss")["ratio"].mean().sort_values().index  # type: ignore[attr-defined]
    return table.loc[order].map(lambda v: f"{v:.3f}").reset_index()


def curvature(found: object, inputs: dict[str, tuple]) -> pd.DataFrame:  # type: ignore[type-arg]
    """Condition number and stable lr of one loss on every data set, against what was seen."""
    rows = []
    for name, (_, _, context) in inputs.items():
        limits = found.findings[name].limits  # type: ignore[attr-defined]
        own = limits[(limits["loss"] == YARDSTICK) & (limits["optimizer"] == "sgd")].iloc[0]
        optimum = next(
            o for objective, o in context.optima.found.items() if objective.loss == YARDSTICK
        )
        breaks = "none tried" if pd.isna(own["breaks"]) else f"{own['breaks']:g}"
        rows.append(
            (name, f"{optimum.condition:.3g}", f"{own['limit']:.3g}", f"{own['holds']:g}", breaks)
        )
    columns = [
        "data set",
        "condition number",
        "2/L",
        "largest lr that held",
        "smallest that broke",
    ]
    return pd.DataFrame(rows, columns=columns)


def markdown(table: pd.DataFrame) -> str:
    """A table of texts in Markdown."""
    lines = ["| " + " | ".join(map(str, table.columns)) + " |", "| " + "--- | " * table.shape[1]]
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in table.to_numpy()]
    return "\n".join(line.rstrip() for line in lines)


if __name__ == "__main__":
    main()
