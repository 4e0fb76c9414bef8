"""Health checks: well when the service is, not well with a reason when it is not."""

from __future__ import annotations

import http.server
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lrlab.server import healthcheck
from support import free_port


class Answers(http.server.BaseHTTPRequestHandler):
    """200 for /health, 500 for anything else."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 500)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def answering() -> Iterator[str]:
    """The port of an HTTP server."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield str(server.server_address[1])
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_server_that_answers_is_well(answering: str) -> None:
    assert healthcheck.main(["mlflow"], {"LRLAB_PORT": answering}) == 0
    scheduler = f"tcp://scheduler:{int(answering) - 1}"  # which answers on the port beside it
    assert healthcheck.main(["scheduler"], {"LRLAB_SCHEDULER": scheduler}) == 0


def test_a_server_that_answers_with_an_error_is_not(
    answering: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert healthcheck.main(["dashboard"], {"LRLAB_DASHBOARD_PORT": answering}) == 1
    assert "answers 500" in capsys.readouterr().err


@pytest.mark.parametrize("service", ["mlflow", "dashboard", "scheduler", "worker"])
def test_a_service_that_is_not_there_is_not_well(
    service: str, capsys: pytest.CaptureFixture[str]
) -> None:
    port = str(free_port())
    environment = {
        "LRLAB_PORT": port,
        "LRLAB_DASHBOARD_PORT": port,
        "LRLAB_SCHEDULER": f"tcp://scheduler:{port}",
    }
    assert healthcheck.main([service], environment) == 1
    assert capsys.readouterr().err.startswith(f"{service}: ")


def test_a_worker_is_well_while_something_is_connected_to_the_schedulers_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        environment = {"LRLAB_SCHEDULER": f"tcp://scheduler:{port}"}
        assert healthcheck.main(["worker"], environment) == 1  # listening alone is not it
        with socket.create_connection(("127.0.0.1", port)):
            assert healthcheck.main(["worker"], environment) == 0


def test_a_dispatcher_is_well_while_it_touches_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heartbeat = tmp_path / "alive"
    monkeypatch.setattr(healthcheck, "HEARTBEAT", heartbeat)
    assert healthcheck.main(["dispatcher"], {}) == 1
    heartbeat.touch()
    assert healthcheck.main(["dispatcher"], {}) == 0
    long_ago = heartbeat.stat().st_mtime - healthcheck.STALE - 1
    os.utime(heartbeat, (long_ago, long_ago))
    assert healthcheck.main(["dispatcher"], {}) == 1


def test_an_unknown_service_is_a_mistake_of_the_caller(capsys: pytest.CaptureFixture[str]) -> None:
    assert healthcheck.main(["mlfow"], {}) == 2
    assert "mlflow, scheduler, worker" in capsys.readouterr().err
