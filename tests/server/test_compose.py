"""docker-compose.yml and what belongs to it, looked at without an engine."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from lrlab.server.healthcheck import CHECKS
from lrlab.server.init import environment_text
from lrlab.server.services import SERVICES, secrets_of
from lrlab.server.settings import SECRETS, Settings, read_settings, variable

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
TEXT = COMPOSE.read_text("utf-8")
FILE: dict[str, Any] = yaml.safe_load(TEXT)
CONTAINERS: dict[str, dict[str, Any]] = FILE["services"]
OURS = [name for name, each in CONTAINERS.items() if each["image"].startswith("lrlab:")]
ENDS = {"migrate", "restore"}  # containers that do one thing and end
VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?:(?P<how>:[-?])(?P<rest>[^}]*))?\}")
DOCS = (ROOT / "docs/team-server.md").read_text("utf-8")


def dotenv() -> dict[str, str]:
    """What `lrlab server init` writes."""
    lines = [line for line in environment_text().splitlines() if "=" in line and line[0] != "#"]
    return dict(line.split("=", 1) for line in lines)


def filled(value: object, given: dict[str, str]) -> str:
    """A value of the file with its variables, the way compose fills them in."""

    def one(match: re.Match[str]) -> str:
        default = match["rest"] if match["how"] == ":-" else ""
        return given.get(match["name"]) or default

    return VARIABLE.sub(one, str(value))


def environment(service: str) -> dict[str, str]:
    """What a container is told, with the .env of `lrlab server init`."""
    given = dotenv()
    told = CONTAINERS[service].get("environment", {})
    return {key: filled(value, given) for key, value in told.items() if value is not None}


@pytest.mark.skipif(shutil.which("docker") is None, reason="no docker command")
def test_docker_compose_takes_the_file(tmp_path: Path) -> None:
    if subprocess.run(["docker", "compose", "version"], capture_output=True).returncode:
        pytest.skip("no docker compose")
    (tmp_path / "env").write_text(environment_text())
    command = ["docker", "compose", "-f", COMPOSE, "--profile", "*", "--env-file"]
    subprocess.run([*command, tmp_path / "env", "config", "--quiet"], check=True)
    (tmp_path / "env").write_text("")
    refused = subprocess.run(
        [*command, tmp_path / "env", "config", "--quiet"], capture_output=True, text=True
    )
    assert refused.returncode != 0
    assert "lrlab server init" in refused.stderr


def test_every_variable_has_a_default_or_a_line_in_the_env_file() -> None:
    given = dotenv()
    for match in VARIABLE.finditer(TEXT):
        assert match["how"] == ":-" or match["name"] in given, match["name"]


def test_the_env_file_has_no_line_that_nobody_reads() -> None:
    read = {match["name"] for match in VARIABLE.finditer(TEXT)}
    read |= {variable(field) for field in Settings.model_fields}
    assert dotenv().keys() <= read


def test_every_variable_stands_in_the_docs() -> None:
    names = {match["name"] for match in VARIABLE.finditer(TEXT)}
    names |= {variable(field) for field in Settings.model_fields}
    names |= {
        key
        for each in CONTAINERS.values()
        for key, value in each.get("environment", {}).items()
        if value is None
    }
    missing = sorted(name for name in names if f"`{name}`" not in DOCS)
    assert not missing


def test_nothing_secret_stands_in_the_file_and_without_secrets_nothing_starts() -> None:
    for name, container in CONTAINERS.items():
        for key, value in container.get("environment", {}).items():
            if re.search("PASSWORD|SECRET", key) and value is not None:
                match = VARIABLE.fullmatch(value)
                assert match is not None, (name, key)
                assert match["how"] == ":?", (name, key)


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_has_no_power_that_it_does_not_need(name: str) -> None:
    container = CONTAINERS[name]
    assert container["cap_drop"] == ["ALL"]
    assert container.get("cap_add", []) in ([], ["NET_BIND_SERVICE"])
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert container["read_only"] is True
    assert int(container["user"].split(":")[0]) > 0
    assert not container.keys() & {"privileged", "network_mode", "pid", "container_name"}
    assert not [mount for mount in container.get("volumes", []) if "docker.sock" in mount]


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_has_limits_and_comes_back(name: str) -> None:
    container = CONTAINERS[name]
    assert re.fullmatch(r"\d+[mg]", filled(container["mem_limit"], {}))
    assert container["pids_limit"] > 0
    assert set(container["logging"]["options"]) == {"max-size", "max-file"}
    assert container["healthcheck"].get("test") or name in ENDS
    assert container["restart"] == "unless-stopped" or name in ENDS


def test_only_what_people_open_is_published_and_by_default_for_this_machine_alone() -> None:
    given = dotenv()
    ports = {
        name: [filled(port, given) for port in container["ports"]]
        for name, container in CONTAINERS.items()
        if "ports" in container
    }
    assert ports == {
        "mlflow": ["127.0.0.1:5000:5000"],
        "dashboard": ["127.0.0.1:8080:8080"],
        "caddy": ["0.0.0.0:80:8080", "0.0.0.0:443:8443"],
    }
    assert all(name == "mlflow" or CONTAINERS[name].get("profiles") for name in ports)
    assert CONTAINERS["dashboard"]["ports"][0].startswith("127.0.0.1:")  # whatever is set


def test_database_and_what_runs_code_have_no_way_out() -> None:
    internal = {name for name, network in FILE["networks"].items() if network.get("internal")}
    for name in ("postgres", "scheduler", "worker", "dispatcher", "backup"):
        assert set(CONTAINERS[name]["networks"]) <= internal, name
    for name in ("scheduler", "worker"):
        assert not set(CONTAINERS[name]["networks"]) & set(CONTAINERS["postgres"]["networks"])
        assert not environment(name).keys() & {variable(field) for field in SECRETS}


def test_images_are_pinned_and_ours_has_the_packages_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    for name, container in CONTAINERS.items():
        assert (container.get("pull_policy") == "never") == (name in OURS)  # no registry has it
        assert re.search(r":\d+\.\d+\S*$", filled(container["image"], {})), container["image"]
    assert filled(CONTAINERS["mlflow"]["image"], {}) == f"lrlab:{version}"
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    assert f"ARG VERSION={version}\n" in dockerfile
    assert re.search(r"^ARG PYTHON_IMAGE=python:\d+\.\d+\.\d+-slim-\w+$", dockerfile, re.M)
    assert re.findall(r"^USER (\S+)$", dockerfile, re.M)[-1] == CONTAINERS["mlflow"]["user"]


@pytest.mark.parametrize("name", sorted(set(OURS) - {"migrate"}))
def test_a_container_runs_the_service_of_its_name(name: str) -> None:
    container = CONTAINERS[name]
    assert container["command"] == ["lrlab", "server", "run", name]
    assert container["healthcheck"]["test"][-2:] == ["lrlab.server.healthcheck", name]
    assert name in CHECKS


@pytest.mark.parametrize("name", OURS)
def test_a_service_understands_what_its_container_is_told(name: str) -> None:
    told = environment(name)
    assert {key for key in told if key.startswith("LRLAB_")} <= {
        variable(field) for field in Settings.model_fields
    }
    SERVICES[name](read_settings(told, secrets_of(name)))


def test_the_server_answers_to_the_names_by_which_it_is_reached() -> None:
    command = SERVICES["mlflow"](read_settings(environment("mlflow")))
    hosts = command.environment["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")
    assert {"mlflow:*", dotenv()["LRLAB_DOMAIN"]} <= set(hosts)
    assert environment("dispatcher")["LRLAB_TRACKING_URI"] == "http://mlflow:5000"


def test_everything_that_is_mounted_is_there() -> None:
    for name, container in CONTAINERS.items():
        for mount in container.get("volumes", []):
            source = filled(mount, {}).split(":")[0]
            there = (ROOT / source).exists() if source[0] == "." else source in FILE["volumes"]
            assert there, (name, source)


def test_whatever_waits_for_a_service_names_one() -> None:
    for container in CONTAINERS.values():
        assert container.get("depends_on", {}).keys() <= CONTAINERS.keys()
        assert set(container["networks"]) <= FILE["networks"].keys()


def test_no_secret_can_enter_the_image() -> None:
    rules = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    rules = [rule for rule in rules if rule and not rule.startswith("#")]
    assert rules[0] == "*"
    let_in = {rule[1:] for rule in rules if rule.startswith("!")}
    assert let_in == {"pyproject.toml", "constraints.txt", "README.md", "src", "wheels"}


@pytest.mark.parametrize("script", sorted((ROOT / "deploy").glob("*.sh")), ids=lambda p: p.name)
def test_shell_scripts_are_bash(script: Path) -> None:
    subprocess.run(["bash", "-n", script], check=True)
    assert "set -Eeuo pipefail" in script.read_text("utf-8")


def test_backup_and_restore_are_of_all_databases() -> None:
    from lrlab.server.settings import AUTH, STUDIES, TRACKING

    for script in ("backup.sh", "restore.sh"):
        text = (ROOT / "deploy" / script).read_text("utf-8")
        assert f"DATABASES=({TRACKING} {AUTH} {STUDIES})" in text
