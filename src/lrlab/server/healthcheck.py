"""Health checks: `python -m lrlab.server.healthcheck SERVICE` ends with 0 if that service is well.

Run every few seconds beside the service, so nothing heavy is imported, not even http.client.
"""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

HEARTBEAT = Path(tempfile.gettempdir()) / "lrlab-dispatcher.alive"  # touched by the dispatcher
STALE = 60.0  # seconds
TIMEOUT = 5.0  # seconds
SOCKETS = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
ESTABLISHED = "01"  # the kernel's code of that state

Environment = Mapping[str, str]


def mlflow(environment: Environment) -> None:
    """The tracking server answers."""
    _get(int(environment.get("LRLAB_PORT") or 5000), "/health")


def dashboard(environment: Environment) -> None:
    """The dashboard answers, and reaches its database."""
    _get(int(environment.get("LRLAB_DASHBOARD_PORT") or 8080), "/api/studies")


def scheduler(environment: Environment) -> None:
    """The scheduler answers, on the port beside its own."""
    _get(_scheduler_port(environment) + 1, "/health")


def worker(environment: Environment) -> None:
    """A worker of this container is connected to the scheduler."""
    port = _scheduler_port(environment)
    if not any(_connected(file, port) for file in SOCKETS):
        raise ConnectionError(f"no connection to the scheduler's port {port}")


def dispatcher(environment: Environment) -> None:
    """The dispatcher touched its file of late."""
    age = time.time() - HEARTBEAT.stat().st_mtime
    if age > STALE:
        raise TimeoutError(f"{HEARTBEAT}: touched {age:.0f} s ago, more than {STALE:.0f} s")


CHECKS: dict[str, Callable[[Environment], None]] = {
    "mlflow": mlflow,
    "scheduler": scheduler,
    "worker": worker,
    "dispatcher": dispatcher,
    "dashboard": dashboard,
}


def main(arguments: Sequence[str], environment: Environment) -> int:
    """Check the named services; 1 with the reason if one is not well, 2 for an unknown name."""
    unknown = [name for name in arguments if name not in CHECKS]
    if unknown or not arguments:
        print(f"name one of: {', '.join(CHECKS)}", file=sys.stderr)
        return 2
    for name in arguments:
        try:
            CHECKS[name](environment)
        except OSError as error:
            print(f"{name}: {error}", file=sys.stderr)
            return 1
    return 0


def _get(port: int, path: str) -> None:
    with socket.create_connection(("127.0.0.1", port), TIMEOUT) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        with connection.makefile("rb") as answer:
            status = answer.readline(100).decode("latin-1").split()[1:2]
    if status != ["200"]:
        raise ConnectionError(f"GET {path} on port {port} answers {' '.join(status) or 'nothing'}")


def _scheduler_port(environment: Environment) -> int:
    return int((environment.get("LRLAB_SCHEDULER") or "tcp://127.0.0.1:8786").rpartition(":")[2])


def _connected(file: Path, port: int) -> bool:
    try:
        lines = file.read_text("ascii").splitlines()[1:]
    except OSError:
        return False
    peers = ((fields[2], fields[3]) for fields in map(str.split, lines))
    return any(
        state == ESTABLISHED and int(peer.rpartition(":")[2], 16) == port for peer, state in peers
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
