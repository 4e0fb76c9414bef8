"""How services are started: what they are told, and what not."""

from __future__ import annotations

import pytest

from lrlab.errors import UserError
from lrlab.server.services import SERVICES, host_patterns, secrets_of
from lrlab.server.settings import SECRETS, read_settings, variable

GIVEN = {variable(field): f"the-long-{field}-of-a-test" for field in SECRETS}


@pytest.mark.parametrize("service", SERVICES)
def test_no_secret_stands_in_a_process_list(service: str) -> None:
    argv = SERVICES[service](read_settings(GIVEN)).argv
    assert not [part for part in argv for secret in GIVEN.values() if secret in part]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_starts_with_the_secrets_that_it_needs_and_not_without(service: str) -> None:
    needed = secrets_of(service)
    some = {variable(field): GIVEN[variable(field)] for field in needed}
    SERVICES[service](read_settings(some, needed))
    for field in needed:
        fewer = {name: value for name, value in some.items() if name != variable(field)}
        with pytest.raises(UserError, match=variable(field)):
            read_settings(fewer, needed)


@pytest.mark.parametrize("service", ["scheduler", "worker"])
def test_who_runs_code_of_others_needs_no_secret(service: str) -> None:
    assert secrets_of(service) == ()


def test_a_host_without_port_is_accepted_at_any_port() -> None:
    assert host_patterns("lab.example, mlflow:5000,") == (
        "lab.example",
        "lab.example:*",
        "mlflow:5000",
    )
    assert host_patterns("") == ()


def test_a_browser_that_opened_the_ui_by_an_allowed_name_may_post_to_it() -> None:
    from mlflow.server.security_utils import is_allowed_host_header, should_block_cors_request

    settings = read_settings(GIVEN | {"LRLAB_ALLOWED_HOSTS": "lab.example"})
    environment = SERVICES["mlflow"](settings).environment
    hosts = environment["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")
    origins = environment["MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"].split(",")
    for name in ("lab.example", "lab.example:5000", "localhost:5000"):
        assert is_allowed_host_header(hosts, name)
        for scheme in ("http", "https"):
            assert not should_block_cors_request(f"{scheme}://{name}", "POST", origins)
    assert not is_allowed_host_header(hosts, "elsewhere.example")
    for elsewhere in ("http://elsewhere.example", "http://lab.example.org", "null"):
        assert should_block_cors_request(elsewhere, "POST", origins)


@pytest.mark.parametrize("service", ["scheduler", "worker"])
def test_without_containers_nobody_else_reaches_what_runs_code(service: str) -> None:
    alone = SERVICES[service](read_settings(GIVEN)).argv
    assert alone[alone.index("--host") + 1] == "127.0.0.1"
    elsewhere = read_settings(GIVEN | {"LRLAB_SCHEDULER": "tcp://scheduler:8786"})
    assert "127.0.0.1" not in SERVICES[service](elsewhere).argv
