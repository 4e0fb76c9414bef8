"""The whole team server, for real: who may do what, bulk ingestion, submitted sweeps, faults."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
import pytest
import requests
import sqlalchemy
import yaml
from mlflow import MlflowClient
from mlflow.entities import ViewType

import lrlab
from lrlab import track
from lrlab.data import load_problem
from lrlab.report.inputs import report_input
from lrlab.server.users import add_user, set_password
from lrlab.spec import dump_spec, make_spec
from lrlab.sweep import run_sweep
from lrlab.track import mlflow_schema as schema
from lrlab.track.store import Store
from lrlab.track.writers import WRITERS, choose_writer, http, wire
from lrlab.track.writers.bulk import run_records
from lrlab.train import ENGINES, Finished
from lrlab.trial import Run, TrialConfig
from stack import Stack, local_stack
from support import Outcome, tiny

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
PASSWORDS = {"alice": "alice-secret-1", "bob": "bob-secret-12"}
PATIENCE = 180.0  # seconds


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """The server that all these tests use."""
    with local_stack() as running:
        yield running


@pytest.fixture(scope="module")
def users(stack: Stack) -> None:
    """Two users, made by the administrator."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in stack.environment().items():
            patch.setenv(name, value)
        for name, password in PASSWORDS.items():
            add_user(track.connect(stack.url), name, password)


@pytest.fixture
def as_user(stack: Stack, users: None, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Store]:
    """Sign this process in as a user."""

    def sign_in(user: str, password: str | None = None) -> Store:
        found = stack.environment(user, password or PASSWORDS.get(user))
        for name, value in found.items():
            monkeypatch.setenv(name, value)
        return track.connect(stack.url)

    return sign_in


@pytest.fixture
def lrlab_as(
    as_user: Callable[..., Store], cli: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Outcome]:
    """The command line, signed in as a user."""

    def call(user: str, *argv: str, stdin: str = "") -> Outcome:
        as_user(user)
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        return cli(*argv)

    return call


@pytest.fixture(scope="module")
def trained() -> Finished:
    """Runs of several kinds, two of which diverge."""
    configs = [
        TrialConfig.of("adam", "focal", 0.01, l2=0.001, hyperparameters={"focal.gamma": 1.5}),
        TrialConfig.of("momentum", "hinge", 1 / 3),
        TrialConfig.of("sgd", "squared_hinge", 1e6),
        TrialConfig.of("sgd", "squared_hinge", 1e30),
    ]
    spec = make_spec({"name": "t", "train": {"steps": 200}})
    runs = [Run(i, 0, 1, config) for i, config in enumerate(configs)]
    parts = ENGINES["loop"](load_problem(spec), runs, spec.train)
    return [pair for part in parts for pair in part]


def content(client: MlflowClient, run_id: str, folder: Path) -> dict[str, Any]:
    """All that MLflow's client says of a run, but for ids and times."""
    run = client.get_run(run_id)
    path = Path(client.download_artifacts(run_id, "", str(folder)))
    return {
        "name": run.info.run_name,
        "status": run.info.status,
        "user": run.info.user_id,
        "uri": run.info.artifact_uri.replace(run_id, "ID"),
        "tags": {k: v for k, v in run.data.tags.items() if k != "mlflow.parentRunId"},
        "params": run.data.params,
        "metrics": {m.key: (m.value, m.step) for m in run.data._metric_objs},
        "histories": {
            name: [(m.value, m.step) for m in client.get_metric_history(run_id, name)]
            for name in run.data.metrics
        },
        "files": {f.name: f.read_bytes() for f in path.iterdir()},
    }


def test_a_run_sent_in_bulk_reads_back_as_one_written_by_mlflow_s_client(
    as_user, trained: Finished, tmp_path: Path
) -> None:
    store = as_user("alice")
    experiment = store.client.create_experiment("differential")
    assert choose_writer(store, experiment)[0] == "http"
    found = {}
    for name in ("http", "client"):
        parent = store.client.create_run(experiment).info.run_id
        found[name] = WRITERS[name][0](store, experiment, parent, trained)
    for i, pair in enumerate(zip(found["http"], found["client"], strict=True)):
        folders = [tmp_path / f"{i}-{name}" for name in found]
        for folder in folders:
            folder.mkdir()
        mine, reference = (
            content(store.client, run_id, folder)
            for run_id, folder in zip(pair, folders, strict=True)
        )
        assert mine == reference
    for condition in ("metrics.val_log_loss < 1000", "params.optimizer = 'sgd'"):
        runs = store.client.search_runs([experiment], condition)
        ids = {run.info.run_id for run in runs}
        assert len(ids) == 4
        assert len(ids & set(found["http"])) == 2
    store.client.delete_run(found["http"][0])
    store.client.restore_run(found["http"][0])
    store.client.log_metric(found["http"][0], "later", 1.0)


def document(store: Store, experiment: str, trained: Finished) -> dict[str, Any]:
    """A valid document of two runs."""
    parent = store.client.create_run(experiment).info.run_id
    records = run_records(parent, trained[:2])
    return wire.document(experiment, parent, [wire.encode(record) for record in records])


def post(stack: Stack, sent: Any, user: str = "alice", password: str = "") -> requests.Response:
    """A document, or any bytes, to the bulk endpoint."""
    body = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
    return requests.post(
        stack.url + wire.RUNS,
        data=body,
        headers={"Content-Type": "application/json"},
        auth=(user, password or PASSWORDS[user]),
        timeout=60,
    )


def test_runs_sent_twice_are_recorded_once(stack: Stack, as_user, trained: Finished) -> None:
    store = as_user("alice")
    experiment = store.client.create_experiment("twice")
    sent = document(store, experiment, trained)
    assert post(stack, sent).json() == {"recorded": 2, "again": False}
    assert post(stack, sent).json() == {"recorded": 2, "again": True}
    assert len(store.client.search_runs([experiment])) == 3
    sent["runs"] = [sent["runs"][0], sent["runs"][1] | {"id": "f" * 32}]
    assert post(stack, sent).status_code == 409
    assert len(store.client.search_runs([experiment])) == 3


def spoilt(sent: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Documents that must be refused, each with a word that the answer must have."""
    first, second = sent["runs"]

    def with_first(**changes: Any) -> dict[str, Any]:
        return sent | {"runs": [first | changes, second]}

    yield "read", b"{"
    yield "read", b"[]"
    yield "format", sent | {"format": 99}
    yield "runs", sent | {"runs": []}
    yield "same id", sent | {"runs": [first, first]}
    yield "id", with_first(id="../../../../etc/passwd")
    yield "artifact", with_first(files={"../../outside.txt": ""})
    yield "artifact", with_first(files={"/tmp/outside.txt": ""})
    yield "base64", with_first(files={"weights.pt": "$$$"})
    yield "points", with_first(points=[["a", "no number", 1]])
    yield "points", with_first(points=[["a", 1.0, 2**70]])
    yield "recorded", with_first(points=[["a#b", 1.0, 1]])
    yield "tags", with_first(tags={"k": "v" * 100_000})
    yield "parent", with_first(tags={"mlflow.user": "alice"})
    yield "no run", sent | {"parent": "0" * 32, "runs": [
        run | {"tags": run["tags"] | {schema.PARENT: "0" * 32}} for run in sent["runs"]
    ]}  # fmt: skip


def test_a_malformed_document_is_refused_with_a_reason_and_nothing_is_written(
    stack: Stack, as_user, trained: Finished
) -> None:
    store = as_user("alice")
    experiment = store.client.create_experiment("malformed")
    sent = document(store, experiment, trained)
    for word, bad in spoilt(sent):
        answer = post(stack, bad)
        assert 400 <= answer.status_code < 500, (word, answer.status_code, answer.text)
        assert "Traceback" not in answer.text
        if bad not in (b"{", b"[]"):
            assert word in answer.json()["message"], (word, answer.text)
    assert len(store.client.search_runs([experiment])) == 1
    assert [f.name for f in (stack.folder / "artifacts" / experiment).glob("*")] == []
    assert not list(Path("/tmp").glob("outside.txt"))


def test_too_large_a_request_is_refused_before_it_is_read(stack: Stack, as_user) -> None:
    as_user("alice")
    answer = post(stack, b" " * (66 * 2**20))
    assert answer.status_code == 413
    assert "64 MiB" in answer.json()["message"]


def test_bulk_needs_a_login_and_permission_for_the_experiment(
    stack: Stack, as_user, trained: Finished
) -> None:
    alice = as_user("alice")
    experiment = alice.client.create_experiment("of-alice")
    sent = document(alice, experiment, trained)
    assert post(stack, sent, "alice", "wrong-password").status_code == 401
    assert post(stack, sent, "bob").status_code == 403
    elsewhere = alice.client.create_experiment("elsewhere", artifact_location="file:///tmp/x")
    moved = document(alice, elsewhere, trained)
    assert "elsewhere" in post(stack, moved).json()["message"]
    bob = as_user("bob")
    with pytest.raises(lrlab.UserError, match="permission"):
        http.write_over_http(bob, experiment, sent["parent"], trained)
    assert len(alice.client.search_runs([experiment])) == 1
    assert not Path("/tmp/x").exists()


def test_a_removed_user_and_a_wrong_password_are_told_so(stack: Stack, as_user, lrlab_as) -> None:
    as_user("admin")
    for argv in (("add", "gone", "--password-stdin"), ("rm", "gone")):
        done = lrlab_as("admin", "server", "user", *argv, stdin="gone-secret-12")
        assert done.code == 0, done.err
    for user, password in (("gone", "gone-secret-12"), ("alice", "not-her-password")):
        with pytest.raises(lrlab.UserError, match="MLFLOW_TRACKING_PASSWORD"):
            as_user(user, password)
    refused = lrlab_as("bob", "server", "user", "add", "eve")
    assert refused.code == 2
    assert "no permission" in refused.err
    listed = lrlab_as("admin", "server", "user", "ls")
    assert listed.out.split("\n")[:3] == ["admin (administrator)", "alice", "bob"]


def test_check_logs_in_writes_reads_back_and_deletes(stack: Stack, lrlab_as) -> None:
    done = lrlab_as("alice", "server", "check", stack.url, "--json")
    findings = json.loads(done.out)
    assert done.code == 0, done.out
    checks = [f["check"] for f in findings if f["ok"]]
    assert checks == ["login", "server", "write", "read", "round trip", "delete"]


def wait_for(store: Store, run_id: str, until: Callable[[track.SweepInfo], bool]) -> Any:
    """Until a sweep stands so; a server that is away for a while is waited for."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with suppress(lrlab.LrlabError):
            now = track.load_sweep(store, run_id)
            if until(now):
                return now
            assert now.state != "failed", now.reason
        time.sleep(0.5)
    raise AssertionError("it takes too long")


@pytest.fixture
def submitted(
    lrlab_as: Callable[..., Outcome], workdir: Path
) -> Callable[[str, dict[str, Any]], tuple[int, str]]:
    """`lrlab submit` by a user: exit code, and run id or error."""

    def submit(user: str, spec: dict[str, Any]) -> tuple[int, str]:
        (workdir / "spec.yaml").write_text(yaml.safe_dump(spec))
        done = lrlab_as(user, "submit", "spec.yaml", "--json")
        return done.code, str(json.loads(done.out)[0]["run_id"]) if not done.code else done.err

    return submit


def test_a_submitted_sweep_with_its_table_gives_the_numbers_of_a_local_one(
    stack: Stack, as_user, lrlab_as, submitted, workdir: Path
) -> None:
    rows = pd.DataFrame({"x": range(120), "y": [i % 7 for i in range(120)]})
    rows["label"] = (rows["x"] % 5 + rows["y"] > 5).astype(int)
    rows.to_csv(workdir / "_my table.csv", index=False)
    data = {"source": "csv", "path": "_my table.csv", "target": "label"}
    spec = tiny(name="of-a-table", data=data)
    store = as_user("alice")
    code, run_id = submitted("alice", spec)
    assert code == 0, run_id
    again = submitted("alice", spec)
    assert again == (0, run_id)  # it is there already
    followed = lrlab_as("alice", "submit", "spec.yaml", "--follow")
    assert followed.code == 0, followed.err
    verdict = track.load_sweep(store, run_id).verdict
    assert verdict.startswith("Best setting: ")
    assert " ".join(verdict.split()) in " ".join(followed.out.split())
    run_sweep(make_spec(spec), tracking_uri=f"sqlite:///{workdir}/mlflow.db")
    local = lrlab.load_runs("of-a-table", f"sqlite:///{workdir}/mlflow.db")
    sent = lrlab.load_runs("of-a-table", stack.url)
    pd.testing.assert_frame_equal(sent.drop(columns="run_id"), local.drop(columns="run_id"))
    listed = lrlab_as("alice", "ls").out
    assert "of-a-table  finished  alice" in listed
    report = lrlab_as("alice", "report", "of-a-table")
    assert report.code == 0, report.err
    problem = report_input(store, track.load_sweep(store, run_id))[2].problem
    assert problem is not None  # the server has the table, this folder has not
    assert problem.digest() == load_problem(make_spec(spec)).digest()
    # the study is mirrored for optuna-dashboard
    password = (stack.folder.parent / ".env").read_text()
    secret = next(s for s in password.splitlines() if s.startswith("LRLAB_DB_PASSWORD="))
    port = (stack.folder / "postgres" / "postmaster.pid").read_text().splitlines()[3]
    url = sqlalchemy.URL.create(
        "postgresql+psycopg2", "lrlab", secret.partition("=")[2], "127.0.0.1", int(port), "studies"
    )
    text = url.render_as_string(hide_password=False)
    mirrored = optuna.load_study(study_name=f"of-a-table {run_id[:8]}", storage=text)
    mine = lrlab.load_study("of-a-table", stack.url)
    columns = ["number", "value", "state"]
    assert mirrored.trials_dataframe()[columns].equals(mine.trials_dataframe()[columns])


def test_what_a_server_does_not_allow_is_refused_and_nothing_is_written(
    stack: Stack, as_user, lrlab_as, submitted, workdir: Path
) -> None:
    store = as_user("alice")
    (workdir / "long.csv").write_text("x,label\n" + "1,0\n2,1\n" * 3000)
    (workdir / "large.csv").write_text("x,label\n" + f"{1:0400d},0\n" * 3000)
    table = {"source": "csv", "target": "label", "val_fraction": 0.25, "test_fraction": 0}
    for name, change, word in (
        ("trials", {"search": {"trials": 1001}}, "allows 1,000"),
        ("rows", {"data": {"source": "blobs", "sizes": [5000, 5000]}}, "allows 5,000"),
        ("long", {"data": table | {"path": "long.csv"}}, "allows 5,000"),
        ("large", {"data": table | {"path": "large.csv"}}, "at most"),
    ):
        code, said = submitted("alice", tiny(name="refused", **change))
        assert code == 2, name
        assert word in said, (name, said)
    experiment = store.client.get_experiment_by_name("refused").experiment_id
    answers = []
    for path in ("/etc/passwd", "../../etc/passwd", f"data/{'0' * 64}/x.csv"):
        spec = tiny(name="refused", data=table | {"path": path})
        answers.append(
            requests.post(
                f"{stack.url}{wire.SWEEPS}?experiment_id={experiment}",
                files={"spec": (None, yaml.safe_dump(spec))},
                auth=("alice", PASSWORDS["alice"]),
                timeout=60,
            )
        )
    assert [a.status_code for a in answers] == [400, 400, 400]
    assert "names a file on the server" in answers[0].json()["message"]
    assert "not uploaded" in answers[2].json()["message"]
    wrong = requests.post(
        f"{stack.url}{wire.SWEEPS}?experiment_id={experiment}",
        files={"spec": (None, yaml.safe_dump(tiny(name="refused")))},
        auth=("bob", PASSWORDS["bob"]),
        timeout=60,
    )
    assert wrong.status_code == 403
    assert store.client.search_runs([experiment]) == []


def test_a_sweep_that_cannot_work_fails_with_its_reason(
    stack: Stack, as_user, lrlab_as, submitted, workdir: Path
) -> None:
    store = as_user("alice")
    (workdir / "bad.csv").write_text("x,label\n1,0\n2,1\n3,2\n")
    data = {"source": "csv", "path": "bad.csv", "target": "label"}
    code, said = submitted("alice", tiny(name="hopeless", data=data))
    assert (code, "label" in said) == (2, True)  # where the division is open, the table is read
    data |= {"val_fraction": 0.25, "test_fraction": 0}
    code, run_id = submitted("alice", tiny(name="hopeless", data=data))
    assert code == 0, run_id
    deadline = time.monotonic() + PATIENCE
    while (now := track.load_sweep(store, run_id)).state != "failed":
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert "label" in now.reason
    assert store.client.get_run(run_id).info.status == "FAILED"
    shown = lrlab_as("alice", "show", run_id).out
    assert now.reason in shown


def test_who_queues_a_run_without_submitting_it_gets_no_further_than_with(
    as_user, workdir: Path
) -> None:
    """Tags and files of one's own run can be set through MLflow; the job checks once more."""
    store = as_user("alice")
    experiment = store.client.create_experiment("unsubmitted")
    data = {"source": "csv", "path": "/etc/passwd", "target": "label"}
    made = {}
    for word, change in (
        ("names a file on the server", {"data": data}),
        ("allows 1,000", {"search": {"trials": 1001}}),
    ):
        tags = {schema.KIND: "sweep", schema.STATE: "queued", schema.SUBMITTED_BY: "bob"}
        run_id = store.client.create_run(experiment, tags=tags, run_name="x").info.run_id
        made[run_id] = word
        if "data" in change:
            store.client.log_text(run_id, "x,label\n1,0\n2,1\n", "data/some/table.csv")
        spec = dump_spec(make_spec(tiny(name="unsubmitted", **change)))
        store.client.log_text(run_id, spec, schema.SPEC_FILE)
    for run_id, word in made.items():
        deadline = time.monotonic() + PATIENCE
        while (now := track.load_sweep(store, run_id)).state != "failed":
            assert time.monotonic() < deadline
            time.sleep(0.5)
        assert word in now.reason
        assert recorded(store, run_id) == []


def test_a_user_s_own_sweep_is_recorded_with_its_model_in_its_experiment(
    as_user, lrlab_as, workdir: Path
) -> None:
    """Whoever is no administrator may write nothing to MLflow's experiment Default."""
    (workdir / "laptop.yaml").write_text(yaml.safe_dump(tiny(name="laptop")))
    done = lrlab_as("bob", "sweep", "laptop.yaml", "-q", "--workers", "0")
    assert done.code == 0, done.err
    store = as_user("bob")
    info = track.find_sweep(store, "laptop")
    [model] = store.client.search_logged_models([info.experiment_id])
    assert model.source_run_id == info.run_id
    assert model.status == "READY"
    changed = lrlab_as("alice", "sweep", "laptop.yaml", "-q", "--trials", "20")
    assert changed.code == 2
    assert "does not let alice record in the experiment 'laptop'" in changed.err
    submitted = lrlab_as("alice", "submit", "laptop.yaml", "--new")
    assert submitted.code == 2
    assert "--set experiment=NAME" in submitted.err
    assert "lrlab server user grant alice laptop EDIT" in submitted.err


def test_a_name_means_one_s_own_sweep_before_those_of_others(as_user, lrlab_as) -> None:
    made = {}
    for user in ("alice", "bob", "alice"):
        client = as_user(user).client
        experiment = client.get_experiment_by_name(f"names-{user}")
        tags = {schema.KIND: "sweep", schema.STATE: "arriving", schema.SUBMITTED_BY: user}
        made[user] = client.create_run(
            experiment.experiment_id if experiment else client.create_experiment(f"names-{user}"),
            tags=tags,
            run_name="same",
        ).info.run_id
    for user in ("alice", "bob"):
        assert track.find_sweep(as_user(user), "same").run_id == made[user]
    two = lrlab_as("alice", "cancel", "same")
    assert two.code == 2
    assert "there are 2 sweeps 'same'" in two.err
    assert made["alice"][:8] in two.err
    assert "of bob" not in two.err
    as_user("alice").client.delete_run(made["alice"])
    assert lrlab_as("alice", "cancel", "same").code == 0
    assert "of bob" in lrlab_as("admin", "cancel", "same").err


def test_a_user_changes_the_own_password(as_user, lrlab_as) -> None:
    passwd = ("server", "user", "passwd", "bob", "--password-stdin")
    empty = lrlab_as("bob", *passwd, stdin="")
    assert empty.code == 2
    assert "no password on standard input" in empty.err
    done = lrlab_as("bob", *passwd, stdin="another-secret-3\n")
    assert done.code == 0, done.err
    as_user("bob", "another-secret-3").client.search_experiments()
    set_password(as_user("admin"), "bob", PASSWORDS["bob"])


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium (Debian: apt-get install chromium)")
def test_in_a_browser_one_logs_in_finds_the_sweep_its_report_and_compares_runs(
    stack: Stack, as_user
) -> None:
    from playwright.sync_api import sync_playwright

    store = as_user("alice")
    info = track.find_sweep(store, "of-a-table")
    runs = store.client.search_runs([info.experiment_id], f"tags.`{schema.KIND}` = 'run'")
    ids = [run.info.run_id for run in runs[:2]]
    assert requests.get(stack.url, timeout=60).status_code == 401
    login = {"username": "alice", "password": PASSWORDS["alice"]}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_context(
            http_credentials=login, viewport={"width": 1600, "height": 1200}
        ).new_page()
        page.goto(f"{stack.url}/#/experiments")
        page.get_by_text("of-a-table").first.click(timeout=60_000)
        page.goto(
            f"{stack.url}/#/experiments/{info.experiment_id}/runs/{info.run_id}"
            "/artifacts/report/report.html"
        )
        frame = page.frame_locator("iframe")
        frame.get_by_role("heading", level=1).wait_for(timeout=60_000)
        assert "of-a-table" in frame.get_by_role("heading", level=1).inner_text()
        query = f"runs={json.dumps(ids)}&experiments={json.dumps([info.experiment_id])}"
        page.goto(f"{stack.url}/#/compare-runs?{query}")
        page.get_by_text("Comparing 2 Runs").first.wait_for(timeout=60_000)
        page.get_by_text("val_log_loss").first.wait_for(timeout=60_000)
        browser.close()


LONG = tiny(
    name="disturbed",
    train={"steps": 3000},
    search={"trials": 40, "batch": 8, "sampler": "tpe"},
)

CANCELLED = LONG | {"name": "cancelled", "search": LONG["search"] | {"trials": 400}}


def test_cancelled_a_sweep_stops_and_submitted_again_it_goes_on(
    stack: Stack, as_user, lrlab_as, submitted
) -> None:
    store = as_user("bob")
    code, run_id = submitted("bob", CANCELLED)
    assert code == 0, run_id
    wait_for(store, run_id, lambda now: now.state == "running" and now.best)
    stranger = lrlab_as("alice", "cancel", run_id)
    assert stranger.code == 2
    assert "'cancelled' is bob's; only who may edit" in stranger.err
    done = lrlab_as("bob", "cancel", run_id)
    assert done.code == 0, done.err
    wait_for(store, run_id, lambda now: now.state == "cancelled")
    assert store.client.get_run(run_id).info.status == "KILLED"
    assert submitted("bob", CANCELLED) == (0, run_id)
    assert lrlab_as("bob", "cancel", run_id).code == 0
    wait_for(store, run_id, lambda now: now.state == "cancelled")


def recorded(store: Store, run_id: str) -> list[Any]:
    """The runs below a sweep, deleted ones too."""
    experiment = store.client.get_run(run_id).info.experiment_id
    return list(
        store.client.search_runs(
            [experiment],
            f"tags.`{schema.PARENT}` = '{run_id}'",
            run_view_type=ViewType.ALL,
            max_results=1000,
        )
    )


def test_killed_one_after_another_no_service_loses_or_doubles_a_run(
    stack: Stack, as_user, lrlab_as, submitted, workdir: Path
) -> None:
    store = as_user("alice")
    code, run_id = submitted("alice", LONG)
    assert code == 0, run_id
    for at, name in enumerate(("worker", "dispatcher", "mlflow", "postgres")):
        wait_for(store, run_id, lambda now, at=at: now.done >= 8 * (at + 1))
        pid = stack.pid(name)
        if name in ("worker", "mlflow"):  # with their children, who would go on alone
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGKILL)
    wait_for(store, run_id, lambda now: now.state == "finished")
    assert stack.log("dispatcher").count("disturbed of alice: resumed") >= 1
    runs = recorded(store, run_id)
    active = [run for run in runs if run.info.lifecycle_stage == "active"]
    assert Counter(run.info.status for run in active) == {"FINISHED": 40}
    assert len({run.data.tags[schema.TRIAL] for run in active}) == 40
    assert store.client.get_run(run_id).info.status == "FINISHED"
    run_sweep(make_spec(LONG), tracking_uri=f"sqlite:///{workdir}/mlflow.db")
    undisturbed = lrlab.load_runs("disturbed", f"sqlite:///{workdir}/mlflow.db")
    ended = lrlab.load_runs("disturbed", stack.url)
    pd.testing.assert_frame_equal(ended.drop(columns="run_id"), undisturbed.drop(columns="run_id"))
