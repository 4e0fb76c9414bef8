"""The command line: what it prints, where, and with which exit code."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pandas as pd
import pytest
import torch
import yaml

from lrlab.cli.app import cli as command_group
from lrlab.losses import LOSSES
from lrlab.optimizers import OPTIMIZERS
from lrlab.spec import load_spec
from support import Finished, tiny

ROOT = Path(__file__).parent.parent
COMMANDS = sorted(command_group.commands)


def test_no_help_text_is_cut_off() -> None:
    groups: list[click.Group] = [command_group]
    for group in groups:
        for command in group.commands.values():
            shown = command.get_short_help_str(60)
            assert not shown.endswith("..."), (command.name, shown)
            groups += [command] if isinstance(command, click.Group) else []


@pytest.fixture
def spec_file(workdir: Path) -> Path:
    path = workdir / "tiny.yaml"
    path.write_text(yaml.safe_dump(tiny()))
    return path


def test_help_answers_without_loading_torch_mlflow_or_pandas() -> None:
    code = (
        "import sys; from lrlab.cli import run; run(['--help']); "
        "heavy = {'torch', 'mlflow', 'pandas', 'numpy', 'optuna', 'pydantic'} & set(sys.modules); "
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "lrlab sweep sweeps/quickstart.yaml" in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, cli) -> None:
    done = cli(name, "--help")
    assert done.code == 0
    assert len(done.out.splitlines()) > 4


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_stands_in_the_docs_with_each_of_its_options(name: str) -> None:
    text = (ROOT / "docs" / "cli.md").read_text()
    section = re.search(rf"^## `lrlab {name}`.*?(?=^## |\Z)", text, re.M | re.S)
    assert section, f"docs/cli.md has no section on `lrlab {name}`"
    for parameter in command_group.commands[name].params:
        for option in parameter.opts:
            if option.startswith("--"):
                assert f"`{option}" in section[0], f"docs/cli.md: {name} lacks {option}"


def test_the_docs_name_no_command_or_option_that_is_not_there() -> None:
    for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for name, rest in re.findall(r"^\s*lrlab ([a-z]+)(.*)$", path.read_text(), re.M):
            assert name in COMMANDS, f"{path.name}: lrlab {name}"
            rest = rest.partition("#")[0]
            command = command_group.commands[name]
            words = iter(rest.split())
            while isinstance(command, click.Group) and (word := next(words, None)):
                assert word in command.commands, f"{path.name}: lrlab {name}{rest}"
                command = command.commands[word]
            known = {o for p in command.params for o in p.opts} | {"--help"}
            for option in re.findall(r"(?<!\S)(--?[a-z][a-z0-9-]*)", rest):
                assert option in known, f"{path.name}: lrlab {name} {option}"


def test_a_wrong_option_is_the_users_mistake(cli) -> None:
    done = cli("sweep", "--nope")
    assert done.code == 2
    assert "--nope" in done.err


def test_a_bad_spec_is_one_line_with_file_line_and_key(workdir: Path, cli) -> None:
    (workdir / "bad.yaml").write_text("name: x\nsearch:\n  trails: 5\n")
    done = cli("sweep", "bad.yaml")
    assert done.code == 2
    assert done.err == ("Error: bad.yaml:3: search.trails: unknown key; did you mean 'trials'?\n")


def test_an_unreachable_server_is_a_failure(spec_file: Path, cli) -> None:
    done = cli("sweep", str(spec_file), "--tracking-uri", "http://127.0.0.1:9")
    assert done.code == 1
    assert done.err.startswith("Error: the tracking server http://127.0.0.1:9 does not answer")


def test_a_sweep_prints_plain_lines_a_table_and_what_to_do_next(spec_file: Path, cli) -> None:
    done = cli("sweep", str(spec_file))
    assert done.code == 0
    assert done.err.splitlines()[0] == "tiny: 0/8 runs"
    assert "8/8 runs" in done.err
    assert "\nBest setting: " in done.out
    assert "\nExpected log loss on new rows: " in done.out
    assert "\nBest run: " in done.out
    assert "lrlab report tiny" in done.out
    assert "lrlab ui" in done.out
    again = cli("sweep", str(spec_file))
    assert again.code == 0
    assert again.out.startswith("tiny is finished: 8 runs are recorded.")


def test_json_is_all_there_is_on_standard_output(spec_file: Path, cli) -> None:
    done = cli("sweep", str(spec_file), "--json", "-q", "--trials", "2")
    assert done.err == ""
    result = json.loads(done.out)
    assert result["runs"] == 2
    assert result["best"]["val_log_loss"] > 0


def test_a_dry_run_writes_nothing(tmp_path: Path, monkeypatch, cli) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(tiny()))
    done = cli("sweep", "tiny.yaml", "--dry-run", "--set", "search.space.lr=0.5")
    assert done.code == 0
    assert "8 trials x 1 replicate = 8 runs" in done.out
    assert re.search(r"^lr +0\.5$", done.out, re.M)
    assert "columns: x1, x2\n" in done.out
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.yaml"]


def test_a_dry_run_shows_what_became_of_a_table(tmp_path: Path, monkeypatch, cli) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [f"{20 + i % 40},{i % 7},{'abc'[i % 3]},{'yes' if i % 4 else 'no'}" for i in range(80)]
    (tmp_path / "t.csv").write_text("\n".join(["age,visits,plan,churn", *rows]))
    data = {"source": "csv", "path": "t.csv", "target": "churn", "positive": "yes"}
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(tiny(data=data)))
    done = cli("sweep", "tiny.yaml", "--dry-run")
    assert "Data: t.csv: 80 rows x 5 columns (5 folds), class 1 is yes\n" in done.out
    assert "every row is validated by a model that did not train on it\n" in done.out
    assert "8 trials x 5 replicates = 40 runs" in done.out
    assert "auto" not in done.out
    assert "75.0% of the rows are of class 1\n" in done.out
    assert "columns: age, visits, plan_a, plan_b, plan_c\n" in done.out
    told = json.loads(cli("sweep", "tiny.yaml", "--dry-run", "--json").out)["data"]
    assert told["columns"] == ["age", "visits", "plan_a", "plan_b", "plan_c"]
    assert (told["rows"], told["held_out_rows"], told["classes"]) == (64, 16, ["no", "yes"])
    assert (told["test_rows"], told["folds"]) == (0, 5)
    three = ("--set", "data.val_fraction=0.2")
    told = cli("sweep", "tiny.yaml", "--dry-run", *three).out
    assert "80 rows x 5 columns (48 training, 16 validation, 16 test)" in told
    assert "settings are chosen by 16 validation rows; 16 test rows judge the choice" in told


def test_a_number_and_its_percent_sign_stay_in_one_line(monkeypatch) -> None:
    from lrlab.report.render.terminal import wrapped

    monkeypatch.setenv("COLUMNS", "24")
    assert wrapped("a difference of about 12% is seen") == "a difference of about\n12% is seen"


def test_a_dry_run_tells_the_share_of_class_1_among_all_rows(tmp_path, monkeypatch, cli) -> None:
    monkeypatch.chdir(tmp_path)
    # class 1 grows more frequent with time: 2 of the first 20 rows, 33 of all 80
    late = [i % 10 == 0 if i < 20 else i % 2 == 0 or i == 79 for i in range(80)]
    rows = [f"{i},{i % 7},{int(one)}" for i, one in enumerate(late)]
    (tmp_path / "t.csv").write_text("\n".join(["day,visits,churn", *rows]))
    data = {
        "source": "csv",
        "path": "t.csv",
        "target": "churn",
        "split": {"by": "day"},
        "folds": 3,
    }
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(tiny(data=data)))
    assert "41.2% of the rows are of class 1\n" in cli("sweep", "tiny.yaml", "--dry-run").out


def test_names_from_a_table_cannot_control_the_terminal(tmp_path: Path, monkeypatch, cli) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [f"{i % 7},{'ab'[i % 2]}\x1b[1m,{i},{'yes' if i % 3 else 'no'}" for i in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(["\x1b[31mage,plan,\x07,churn", *rows]))
    data = {"source": "csv", "path": "t.csv", "target": "churn"}
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(tiny(data=data)))
    shown = cli("sweep", "tiny.yaml", "--dry-run").out
    assert shown.replace("\n", "").isprintable()
    assert "columns: \\x1b[31mage, plan_b\\x1b[1m\n" in shown


def test_set_overrides_any_key(spec_file: Path, cli) -> None:
    argv = ("sweep", str(spec_file), "--dry-run", "--json", "--set", "train.steps=7")
    done = cli(*argv, "--set", "search.space.momentum.beta=[0.1, 0.2]")
    spec = json.loads(done.out)["spec"]
    assert spec["train"]["steps"] == 7
    assert spec["search"]["space"]["momentum.beta"] == [0.1, 0.2]


def test_looking_at_a_finished_sweep(finished: Finished, cli, tmp_path: Path) -> None:
    where = ("--tracking-uri", finished.uri)
    listed = cli("ls", *where)
    assert re.search(r"^tiny +finished +16/16 +val_log_loss", listed.out, re.M)
    shown = cli("show", "tiny", *where)
    assert "16 of 16 runs" in shown.out
    told = json.loads(cli("report", "--json", "-o", str(tmp_path / "told"), *where).out)["verdict"]
    words = told["text"].split()
    assert words == shown.out.split()[-len(words) :]
    assert json.loads(cli("show", "tiny", "--json", *where).out)["verdict"] == told
    made = cli("report", "-o", str(tmp_path / "out"), *where)
    assert made.code == 0
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<h1" in page
    assert (tmp_path / "out" / "runs.csv").exists()
    for name in ("ls", "show", "report"):
        extra = ("-o", str(tmp_path / "out")) if name == "report" else ()
        assert json.loads(cli(name, "--json", *extra, *where).out)


def test_a_sweep_is_found_by_the_start_of_its_id(finished: Finished, cli) -> None:
    done = cli("show", finished.run_id[:8], "--json", "--tracking-uri", finished.uri)
    assert json.loads(done.out)["run_id"] == finished.run_id


def test_an_unknown_sweep_names_the_nearest(finished: Finished, cli) -> None:
    done = cli("show", "tinny", "--tracking-uri", finished.uri)
    assert done.code == 2
    assert "did you mean 'tiny'?" in done.err


def test_an_empty_store_says_how_to_begin(workdir: Path, cli) -> None:
    assert "lrlab sweep SPEC.yaml" in cli("ls").out
    assert cli("show").code == 2


def test_train_without_options_is_the_tutorials_program(tmp_path: Path, cli) -> None:
    done = cli("train", "--history", str(tmp_path / "h.csv"))
    assert done.code == 0
    history = pd.read_csv(tmp_path / "h.csv")
    assert list(history.columns[:2]) == ["step", "train_loss"]
    assert history["step"].tolist() == list(range(1, 1001))
    assert history["train_loss"].tolist() == the_tutorials_losses()


def the_tutorials_losses() -> list[float]:
    """The tutorial's program, written out."""
    torch.manual_seed(1)
    ones = torch.ones(100, 2)
    x0, x1 = torch.normal(1.7 * ones, 1) + 1, torch.normal(-1.7 * ones, 1) + 1
    x, y = torch.cat((x0, x1)), torch.cat((torch.zeros(100), torch.ones(100)))
    linear = torch.nn.Linear(2, 1)
    criterion = torch.nn.BCELoss()
    optimizer = torch.optim.SGD(linear.parameters(), lr=0.01, momentum=0.9)
    losses = []
    for _ in range(1000):
        loss = criterion(torch.sigmoid(linear(x)).squeeze(), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


def test_a_history_that_cannot_be_written_is_said(cli) -> None:
    done = cli("train", "--steps", "3", "--history", "/dev/full")
    assert done.code == 1
    assert "/dev/full: cannot write the history: No space left on device" in done.err


def test_a_training_that_diverges_says_so(cli) -> None:
    done = cli("train", "--loss", "squared_hinge", "--optimizer", "sgd", "--lr", "1e10")
    assert done.code == 0
    assert "Diverged at step" in done.out


@pytest.mark.parametrize("option", ["--optimizer", "--loss"])
def test_a_misspelt_name_gives_the_nearest(option: str, cli) -> None:
    done = cli("train", option, "modified_hubr" if option == "--loss" else "adamm")
    assert done.code == 2
    assert "did you mean" in done.err


def test_the_catalogues_list_everything(cli) -> None:
    losses, optimizers = cli("losses").out, cli("optimizers").out
    for entry in LOSSES:
        assert " ".join(entry.formula.split()) in " ".join(losses.split())
    for entry in OPTIMIZERS:
        assert f"\n{entry.name}\n" in f"\n{optimizers}"
    assert json.loads(cli("losses", "focal", "--json").out)[0]["hyperparameters"]


def test_the_graph_is_drawn_and_the_gradients_lesson_is_measured(tmp_path: Path, cli) -> None:
    done = cli("graph", "--svg", str(tmp_path / "g.svg"))
    assert done.code == 0
    for word in ("AccumulateGrad", "SigmoidBackward0", "features.weight", "is_leaf"):
        assert word in done.out
    assert (tmp_path / "g.svg").read_text().lstrip().startswith("<")


def test_init_writes_a_spec_that_loads(tmp_path: Path, monkeypatch, cli) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli("init").code == 0
    assert load_spec("sweep.yaml").name == "sweep"
    assert cli("init").code == 2, "an existing file is not overwritten"
    assert cli("init", "--force").code == 0


def test_init_takes_a_users_table(tmp_path: Path, monkeypatch, cli) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    rows = "\n".join(f"{i},{i % 3},{'yes' if i % 2 else 'no'}" for i in range(40))
    (tmp_path / "data" / "my: table.csv").write_text(f"a,b,on: off\n{rows}\n")
    argv = ("--data", "data/my: table.csv", "--target", "on: off")
    assert cli("init", "specs.yaml", *argv).code == 0
    done = cli("sweep", "specs.yaml", "--dry-run", "--set", "search.trials=2")
    assert done.code == 0, done.err


def test_doctor_is_content_with_a_sound_store(workdir: Path, cli) -> None:
    done = cli("doctor")
    assert done.code == 0, done.out
    assert "schema" in done.out


def test_doctor_fails_on_a_server_that_is_not_there(cli) -> None:
    done = cli("doctor", "--tracking-uri", "http://127.0.0.1:9")
    assert done.code == 1
    assert "FAIL  store" in done.out


def test_a_bug_is_reported_in_two_lines_without_a_traceback(monkeypatch, cli) -> None:
    import lrlab.doctor

    def broken(uri: str | None) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(lrlab.doctor, "examine", broken)
    done = cli("doctor")
    assert done.code == 1
    assert done.err.splitlines() == [
        "Error: unexpected ZeroDivisionError: oh",
        "This is a bug in lrlab; -v shows where it happened.",
    ]
    assert "Traceback" in cli("doctor", "-v").err


def test_init_knows_the_columns_of_the_table(tmp_path: Path, monkeypatch, cli) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("age,churned\n" + "1,yes\n2,no\n1,no\n2,yes\n" * 5)
    done = cli("init", "z.yaml", "--data", "t.csv", "--target", "churnd")
    assert done.code == 2
    assert "no column 'churnd'; did you mean 'churned'?" in done.err
    assert not (tmp_path / "z.yaml").exists()
    assert cli("init", "z.yaml", "--data", "t.csv", "--target", "churned").code == 0


def test_a_mistake_in_the_search_is_named_once(spec_file: Path, cli) -> None:
    done = cli("sweep", str(spec_file), "--set", "search.sampler=randm")
    assert done.code == 2
    assert len(done.err.splitlines()) == 1
    assert "did you mean 'random'?" in done.err


STARTING = """
import lrlab.cli.interrupt as interrupt
install = interrupt.install
interrupt.install = lambda: (install(), print("ready", flush=True))
from lrlab.cli import main
main(["ls"])
"""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_ctrl_c_five_times_over_is_one_line(sent: signal.Signals, workdir: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", STARTING],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    for _ in range(5):
        process.send_signal(sent)
        time.sleep(0.03)
    out, err = process.communicate()
    assert (process.returncode, out, err.split()) == (130, "", ["Interrupted."])


@pytest.mark.parametrize(
    ("argv", "redirect", "code", "said"),
    [
        ("losses", ">&-", 0, ""),
        ("losses", "| head -n 1", 0, ""),
        (
            "losses",
            ">/dev/full",
            1,
            "the output or a file cannot be written: No space",
        ),
        ("losses nope", "2>/dev/full", 2, ""),
        ("losses \x1b[31m", "", 2, r"unknown loss '\x1b[31m'"),
    ],
)
def test_an_output_that_cannot_be_written_is_no_bug(
    argv: str, redirect: str, code: int, said: str
) -> None:
    command = f"set -o pipefail; exec {sys.executable} -m lrlab {argv!r} {redirect}"
    command = command.replace(repr(argv), " ".join(f"'{word}'" for word in argv.split()))
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_what_the_system_refuses_is_no_bug(monkeypatch, cli) -> None:
    import lrlab.doctor

    def refuse(error: Exception) -> str:
        def examine(uri: str | None) -> None:
            raise error

        monkeypatch.setattr(lrlab.doctor, "examine", examine)
        return str(cli("doctor").err)

    assert refuse(MemoryError()).startswith("Error: there is not enough memory. Take fewer")
    assert refuse(OSError(28, "No space left", "/t/x")) == "Error: /t/x: No space left\n"
    assert refuse(lrlab.UserError("a\x1b[2Jb" + "x" * 9999)).startswith(r"Error: a\x1b[2Jbxx")
    assert len(refuse(lrlab.UserError("x" * 9999))) < 1100


def test_an_address_that_is_no_models_is_no_bug(workdir: Path, cli) -> None:
    done = cli("predict", "http://127.0.0.1:9/x", "t.csv")
    assert done.code == 1
    assert done.err.startswith("Error: the model 'http://127.0.0.1:9/x' cannot be loaded: ")
