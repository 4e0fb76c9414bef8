"""The team server in containers, on a real engine: `make test-docker`.

Everything happens in a project and a folder of its own; containers, volumes and networks are
removed at the end. The tests share one server and leave it running.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from support import TINY, free_port, tiny

pytestmark = pytest.mark.docker

ROOT = Path(__file__).parents[2]
TAG = "test"  # of the image, so that one in use keeps its own
NEEDED = ("Dockerfile", ".dockerignore", "docker-compose.yml", "pyproject.toml", "README.md")
BASES = ("python:3.11.14-slim-bookworm", "postgres:16.11-bookworm")
CADDY = "caddy:2.10.2"
BUILD, UP = 3600, 900  # seconds of patience, on slow machines too
ROOT_CERTIFICATE = "/caddy/data/caddy/pki/authorities/local/root.crt"
API = "api/2.0/mlflow"
FILES = "api/2.0/mlflow-artifacts/artifacts"
SERVICES = ("postgres", "mlflow", "scheduler", "worker", "dispatcher")


@dataclass(frozen=True)
class Server:
    """A server in containers."""

    folder: Path
    project: str
    ports: dict[str, int]
    password: str

    @property
    def url(self) -> str:
        """Where the tracking server is published."""
        return f"http://127.0.0.1:{self.ports['LRLAB_PORT']}"

    def compose(
        self, *arguments: str, timeout: float = UP, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run docker compose on it; a failure shows what was said."""
        done = subprocess.run(
            ["docker", "compose", "-p", self.project, *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if check and done.returncode:
            logs = [] if arguments[0] == "logs" else self.compose("logs", "--tail=30").stdout
            pytest.fail(f"{arguments}: {done.stdout[-3000:]}{done.stderr[-3000:]}\n{logs}")
        return done

    def up(self, *more: str, profiles: tuple[str, ...] = ()) -> None:
        """Bring it up and wait until it is well."""
        flags = [part for profile in profiles for part in ("--profile", profile)]
        self.compose(*flags, "up", "--detach", "--wait", *more)

    def inside(self, service: str, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in a container of the server."""
        return self.compose("exec", "-T", service, *command, check=False)

    def call(self, method: str, path: str, **arguments: Any) -> requests.Response:
        """A request as administrator; an error of the server fails the test."""
        given = {"auth": ("admin", self.password), "timeout": 60} | arguments
        response = requests.request(method, f"{self.url}/{path}", **given)
        response.raise_for_status()
        return response

    def run(self, run_id: str) -> dict[str, Any]:
        """A run, as MLflow gives it."""
        found = self.call("GET", f"{API}/runs/get", params={"run_id": run_id})
        return found.json()["run"]

    def experiments(self) -> set[str]:
        """The names of the experiments."""
        found = self.call("GET", f"{API}/experiments/search", params={"max_results": 1000})
        return {each["name"] for each in found.json()["experiments"]}

    def write(self, name: str) -> tuple[str, str]:
        """An experiment, a run, a metric, an artifact; returns run id and the file's path."""
        made = self.call("POST", f"{API}/experiments/create", json={"name": name}).json()
        experiment = made["experiment_id"]
        run = self.call("POST", f"{API}/runs/create", json={"experiment_id": experiment}).json()
        run_id = run["run"]["info"]["run_id"]
        metric = {"run_id": run_id, "key": "loss", "value": 0.25, "timestamp": 1, "step": 3}
        self.call("POST", f"{API}/runs/log-metric", json=metric)
        path = f"{experiment}/{run_id}/artifacts/words.txt"
        self.call("PUT", f"{FILES}/{path}", data=name.encode())
        return run_id, path

    def backups(self) -> list[str]:
        """The names of the backups, oldest first."""
        return self.compose("run", "--rm", "--no-deps", "backup", "list").stdout.split()

    def read(self, run_id: str, path: str) -> tuple[float, str]:
        """What `write` wrote: the metric's value, the artifact's text."""
        return self.run(run_id)["data"]["metrics"][0]["value"], self.call(
            "GET", f"{FILES}/{path}"
        ).text


def inspect(what: str, *containers: str) -> list[str]:
    """Something of each container, by a template of `docker inspect`."""
    command = ["docker", "inspect", "-f", what, *containers]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def unavailable(image: str) -> str:
    """Why an image is not to be had; empty if it is."""
    if not subprocess.run(["docker", "image", "inspect", image], capture_output=True).returncode:
        return ""
    pull = subprocess.run(["docker", "pull", "--quiet", image], capture_output=True, timeout=UP)
    return f"{image} is neither there nor can it be pulled" if pull.returncode else ""


def missing() -> str:
    """Why there can be no server in containers here; empty if there can."""
    if shutil.which("docker") is None:
        return "no docker command"
    for command in (["docker", "info"], ["docker", "compose", "version"]):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            return f"{' '.join(command)}: {done.stderr.strip().splitlines()[-1]}"
    return next(filter(None, map(unavailable, BASES)), "")


def copy_project(folder: Path) -> None:
    """What a build needs, with PyTorch's wheel for the CPU if pip finds one here."""
    for name in (*NEEDED, "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    for name in ("src", "deploy"):
        shutil.copytree(ROOT / name, folder / name)
    wheels = folder / "wheels"
    if (ROOT / "wheels").is_dir():
        shutil.copytree(ROOT / "wheels", wheels)
        return
    constraints = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    torch = next(line for line in constraints if line.startswith("torch=="))
    download = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(wheels)]
    subprocess.run([*download, f"{torch}+cpu"], capture_output=True, timeout=BUILD)


def environment(folder: Path, ports: dict[str, int]) -> str:
    """Write .env as a user does, with ports of its own; returns the administrator's password."""
    init = [sys.executable, "-m", "lrlab", "server", "init"]
    subprocess.run(init, cwd=folder, check=True, capture_output=True)
    lines = [line for line in (folder / ".env").read_text().splitlines() if "=" in line]
    settings = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    settings |= {name: str(port) for name, port in ports.items()}
    settings |= {"LRLAB_VERSION": TAG, "LRLAB_PUBLISH_TLS": "127.0.0.1"}
    text = "".join(f"{name}={value}\n" for name, value in settings.items())
    (folder / ".env").write_text(text)
    return settings["LRLAB_ADMIN_PASSWORD"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server, built from this tree and brought up."""
    if reason := missing():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("server")
    names = ("LRLAB_PORT", "LRLAB_HTTP_PORT", "LRLAB_HTTPS_PORT", "LRLAB_DASHBOARD_PORT")
    ports = {name: free_port() for name in names}
    copy_project(folder)
    password = environment(folder, ports)
    made = Server(folder, f"lrlab-test-{os.getpid()}", ports, password)
    try:
        made.compose("build", timeout=BUILD)
        made.up()
        yield made
    finally:
        made.compose("--profile", "*", "down", "--volumes", "--timeout", "5", check=False)
        subprocess.run(["docker", "image", "rm", f"lrlab:{TAG}"], capture_output=True)


def submit_and_wait(server: Server, name: str) -> str:
    """Submit a small sweep as a user does, wait for its end; returns its parent run's id."""
    (server.folder / "sweep.yaml").write_text(yaml.safe_dump(tiny(name=name)))
    login = {"MLFLOW_TRACKING_USERNAME": "admin", "MLFLOW_TRACKING_PASSWORD": server.password}
    submit = [sys.executable, "-m", "lrlab", "submit", "sweep.yaml", "--json"]
    said = subprocess.run(
        [*submit, "--server", server.url],
        cwd=server.folder,
        env=os.environ | login,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    run_id: str = json.loads(said)[0]["run_id"]
    deadline = time.monotonic() + UP
    while server.run(run_id)["info"]["status"] in ("SCHEDULED", "RUNNING"):
        if time.monotonic() > deadline:
            pytest.fail(server.compose("logs", "dispatcher", "worker").stdout)
        time.sleep(1)
    return run_id


def test_the_administrator_logs_in_with_the_generated_password_and_nobody_without(
    server: Server,
) -> None:
    search = f"{server.url}/{API}/experiments/search?max_results=10"
    assert requests.get(search, timeout=60).status_code == 401
    assert requests.get(search, auth=("admin", "password1234"), timeout=60).status_code == 401
    assert "Default" in server.experiments()


def test_what_is_written_over_http_is_read_back(server: Server) -> None:
    assert server.read(*server.write("over-http")) == (0.25, "over-http")


def test_a_submitted_sweep_is_trained_by_the_workers(server: Server) -> None:
    run_id = submit_and_wait(server, "submitted")
    run = server.run(run_id)
    assert run["info"]["status"] == "FINISHED"
    children = {
        "experiment_ids": [run["info"]["experiment_id"]],
        "filter": f"tags.mlflow.parentRunId = '{run_id}'",
    }
    runs = server.call("POST", f"{API}/runs/search", json=children).json()["runs"]
    assert len(runs) == TINY["search"]["trials"]
    assert {each["info"]["status"] for each in runs} == {"FINISHED"}


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_runs_as_a_user_without_rights_on_a_file_system_that_it_cannot_change(
    server: Server, service: str
) -> None:
    assert int(server.inside(service, "id", "-u").stdout) > 0
    assert server.inside(service, "touch", "/usr/here").returncode != 0
    status = server.inside(service, "cat", "/proc/1/status").stdout
    assert "CapEff:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status


def test_nobody_sees_a_secret_in_the_process_list(server: Server) -> None:
    secrets = [
        line.split("=", 1)[1]
        for line in (server.folder / ".env").read_text().splitlines()
        if line.startswith(("LRLAB_DB_PASSWORD", "LRLAB_ADMIN_PASSWORD", "LRLAB_SECRET_KEY"))
    ]
    shown = server.compose("top").stdout
    assert "mlflow server" in shown
    assert len(secrets) == 3
    assert not [secret for secret in secrets if secret in shown]


def test_only_the_tracking_server_is_published(server: Server) -> None:
    ids = server.compose("ps", "--quiet").stdout.split()
    bindings = "{{range $p, $b := .HostConfig.PortBindings}}{{$b}} {{end}}"
    published = [line for line in inspect(bindings, *ids) if line.strip()]
    assert len(published) == 1
    assert f"127.0.0.1 {server.ports['LRLAB_PORT']}" in published[0]


def test_workers_reach_the_scheduler_and_neither_the_database_nor_the_world(
    server: Server,
) -> None:
    def reached(host: str, port: int) -> bool:
        code = f"import socket; socket.create_connection(({host!r}, {port}), 5)"
        return server.inside("worker", "python", "-c", code).returncode == 0

    database = server.compose("ps", "--quiet", "postgres").stdout.strip()
    address = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    with socket.create_server(("0.0.0.0", 0)) as outside:
        hosts = subprocess.run(["hostname", "-I"], capture_output=True, text=True).stdout.split()
        assert reached("scheduler", 8786)
        assert not reached(inspect(address, database)[0], 5432)
        assert not reached(hosts[0], outside.getsockname()[1])


def test_more_workers_come_by_scale(server: Server) -> None:
    server.up("--scale", "worker=3")
    assert len(server.compose("ps", "--quiet", "worker").stdout.split()) == 3
    workers = server.compose("logs", "scheduler").stdout.count("Register worker addr")
    assert workers >= 3
    server.up("--scale", "worker=1")


def test_a_service_that_is_killed_comes_back(server: Server) -> None:
    container = server.compose("ps", "--quiet", "dispatcher").stdout.strip()
    (process,) = inspect("{{.State.Pid}}", container)
    if subprocess.run(["kill", "-9", process], capture_output=True).returncode:
        pytest.skip("only the superuser may kill a container's process")
    server.up()
    assert inspect("{{.RestartCount}}", container) == ["1"]


def test_everything_is_there_again_after_down_and_up(server: Server) -> None:
    written = server.write("kept")
    server.compose("down")
    server.up()
    assert server.read(*written) == (0.25, "kept")


def test_a_backup_brings_back_what_was_there(server: Server) -> None:
    written = server.write("in-the-backup")
    server.compose("run", "--rm", "--no-deps", "backup", "now")
    name = server.backups()[-1]
    server.write("after-the-backup")
    server.call("PUT", f"{FILES}/{written[1]}", data=b"overwritten")

    refused = server.compose("run", "--rm", "restore", name, check=False)
    assert refused.returncode == 1
    assert "docker compose stop mlflow" in refused.stderr

    server.compose("stop", "mlflow", "dispatcher")
    server.compose("run", "--rm", "restore", name)
    server.up()
    assert server.read(*written) == (0.25, "in-the-backup")
    assert "after-the-backup" not in server.experiments()


def test_a_damaged_backup_is_refused_and_the_newest_ones_are_kept(server: Server) -> None:
    for _ in range(3):
        keep = ("-e", "LRLAB_BACKUP_KEEP=2")
        server.compose("run", "--rm", "--no-deps", *keep, "backup", "now")
    names = server.backups()
    assert len(names) == 2
    damage = f"printf x | dd of=/backups/{names[0]}/mlflow.dump bs=1 seek=500 conv=notrunc"
    run = ("run", "--rm", "--no-deps", "--entrypoint", "bash", "backup", "-c")
    server.compose(*run, damage)
    server.compose("stop", "mlflow", "dispatcher")
    before = server.compose("run", "--rm", "restore", names[0], check=False)
    server.up()
    assert before.returncode == 1
    assert "damaged; nothing was changed" in before.stderr
    assert "Default" in server.experiments()


def test_backups_are_made_on_their_own(server: Server) -> None:
    before = server.backups()
    often = ("--detach", "--no-deps", "-e", "LRLAB_BACKUP_EVERY=1s")
    container = server.compose("run", *often, "backup").stdout.strip()
    deadline = time.monotonic() + UP
    while server.backups()[-1:] == before[-1:] and time.monotonic() < deadline:
        time.sleep(1)
    subprocess.run(
        ["docker", "rm", "--force", "--volumes", container], check=True, capture_output=True
    )
    assert server.backups()[-1:] > before[-1:]


def test_the_dashboard_shows_the_studies_on_this_machine_alone(server: Server) -> None:
    server.up("--no-deps", "dashboard", profiles=("dashboard",))
    port = server.ports["LRLAB_DASHBOARD_PORT"]
    found = requests.get(f"http://127.0.0.1:{port}/api/studies", timeout=60)
    server.compose("--profile", "dashboard", "rm", "--stop", "--force", "dashboard")
    assert found.json() == {"study_summaries": []}


def test_caddy_answers_over_tls_with_a_certificate_of_its_own_authority(
    server: Server, tmp_path: Path
) -> None:
    if reason := unavailable(CADDY):
        pytest.skip(reason)
    server.up("--no-deps", "caddy", profiles=("tls",))
    server.compose("cp", f"caddy:{ROOT_CERTIFICATE}", str(tmp_path / "root.crt"))
    url = f"https://localhost:{server.ports['LRLAB_HTTPS_PORT']}"
    search = f"{url}/{API}/experiments/search?max_results=10"
    trust = str(tmp_path / "root.crt")
    found = requests.get(search, auth=("admin", server.password), verify=trust, timeout=60)
    made = requests.post(
        f"{url}/{API}/experiments/create",
        json={"name": f"by-tls-{uuid.uuid4().hex}"},
        auth=("admin", server.password),
        headers={"Origin": url},  # as the UI does
        verify=trust,
        timeout=60,
    )
    plain = requests.get(
        f"http://localhost:{server.ports['LRLAB_HTTP_PORT']}/", allow_redirects=False, timeout=60
    )
    server.compose("--profile", "tls", "rm", "--stop", "--force", "caddy")
    assert found.status_code == made.status_code == 200
    assert plain.headers["location"].startswith("https://localhost")
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get(url, timeout=5)
