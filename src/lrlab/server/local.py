"""The team server without containers: PostgreSQL and every service as a plain process.

The services are those of docker-compose.yml, started by the same commands. One that ends is
started again; all end with this process, however it ends.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import requests
from filelock import FileLock, Timeout

from lrlab.errors import LrlabError, UserError
from lrlab.server.migrate import UPGRADE
from lrlab.server.postgres import postgres
from lrlab.server.service_process import Service
from lrlab.server.services import SERVICES, Command, secrets_of
from lrlab.server.settings import SECRETS, Settings, variable

LOCALHOST = "127.0.0.1"
START = 120.0  # seconds that a service has to come up


@contextmanager
def running(
    settings: Settings,
    folder: Path,
    say: Callable[[str], None] = print,
    *,
    upgrade: bool = False,
) -> Iterator[list[Service]]:
    """The whole server as processes of this machine, with its data in a folder.

    Args:
        settings: The server's; `db_port` and so on are where it listens, on this machine alone.
        folder: For the database, artifacts, logs and process ids; made if it is not there.
        say: Told what is going on.
        upgrade: Upgrade tables that an older MLflow made, before anything uses them.

    Yields:
        The services, up and well; `watch` keeps them so.

    Raises:
        UserError: If PostgreSQL is not installed, another server uses the folder, or a port is
            taken.
        LrlabError: If a service does not come up.
    """
    folder = folder.resolve()
    lock = _locked(folder)
    here = {"host": LOCALHOST, "db_host": LOCALHOST, "artifacts": str(folder / "artifacts")}
    here["tracking_uri"] = address(settings)
    settings = settings.model_copy(update=here)
    services: list[Service] = []

    def start(service: Service) -> Service:
        say(f"starting {service.name}")
        service.start(folder)
        services.append(service)
        return service

    try:
        _refuse_taken_ports(settings)
        start(postgres(settings, folder, LOCALHOST))
        _migrate(settings, folder, upgrade)
        tracking = start(Service("mlflow", _command("mlflow", settings)))
        start(Service("scheduler", _command("scheduler", settings)))
        start(Service("worker", _command("worker", settings)))
        _wait_for(tracking, f"{settings.tracking_uri}/health", folder)
        start(Service("dispatcher", _command("dispatcher", settings)))
        yield services
    finally:
        for service in reversed(services):
            service.end()
        lock.release()


def _locked(folder: Path) -> FileLock:
    """The lock of a folder, held, and what is kept in it."""
    for name in ("logs", "pids", "artifacts"):
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name).chmod(0o700)
    folder.chmod(0o711)  # the database's user passes through; only it and this user look inside
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise UserError(
            f"a server is running on {folder} already; stop it, or name another folder with --data"
        ) from None
    return lock


def watch(services: list[Service], folder: Path, say: Callable[[str], None] = print) -> None:
    """Start again what ends, until this process is interrupted."""
    while True:
        for service in services:
            service.keep(folder.resolve(), say)
        time.sleep(0.5)


def address(settings: Settings) -> str:
    """Where the server is reached on this machine."""
    return f"http://{LOCALHOST}:{settings.port}"


def refuse_taken_port(host: str, port: int, setting: str) -> None:
    """Make sure that one can serve there.

    Raises:
        UserError: If not; it names the setting that chooses another port.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise UserError(
                f"cannot serve on {host}:{port}: {error.strerror}; choose another port with "
                f"{setting}"
            ) from None


def _refuse_taken_ports(settings: Settings) -> None:
    dask = int(settings.scheduler.rpartition(":")[2])
    for port, name in (
        (settings.port, variable("port")),
        (settings.db_port, variable("db_port")),
        (dask, variable("scheduler")),
        (dask + 1, f"{variable('scheduler')}, whose next port answers health checks"),
    ):
        refuse_taken_port(LOCALHOST, port, name)


def _command(service: str, settings: Settings) -> Command:
    """How a service is started, with the settings that it may know in its environment."""
    command = SERVICES[service](settings)
    hidden = set(SECRETS) - set(secrets_of(service))
    given = {variable(name): "" if name in hidden else _text(v) for name, v in settings}
    given |= {f"{variable(name)}_FILE": "" for name in SECRETS}  # has been read
    return Command(command.argv, {**given, **command.environment})


def _text(value: object) -> str:
    reveal = getattr(value, "get_secret_value", None)
    return str(reveal() if reveal else value)


def _migrate(settings: Settings, folder: Path, upgrade: bool) -> None:
    command = _command("migrate", settings)
    done = subprocess.run(
        [*command.argv, *([UPGRADE] if upgrade else [])],
        env=os.environ | command.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    (folder / "logs" / "migrate.log").write_text(done.stdout + done.stderr)
    if done.returncode:
        raise LrlabError(done.stderr.strip().removeprefix("Error: ")[-500:])


def answers(process: subprocess.Popen[bytes], url: str, patience: float) -> bool:
    """Wait until a server answers; False if its process ends, or after that many seconds."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(requests.RequestException):
            if requests.get(url, timeout=2).ok:
                return True
        time.sleep(0.2)
    return False


def _wait_for(service: Service, url: str, folder: Path) -> None:
    assert service.process is not None
    if answers(service.process, url, START):
        return
    log = folder / "logs" / f"{service.name}.log"
    last = log.read_text("utf-8", "replace").strip().splitlines()[-1:]
    raise LrlabError(f"{service.name} did not come up: {' '.join(last)[:300]} (see {log})")
