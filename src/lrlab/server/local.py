"""The team server without containers: PostgreSQL and every service as a plain process.

The services are those of docker-compose.yml, started by the same commands. One that ends is
started again; all end with this process, however it ends.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from filelock import FileLock, Timeout

from lrlab.errors import LrlabError, UserError
from lrlab.server.migrate import UPGRADE
from lrlab.server.services import SERVICES, Command, secrets_of
from lrlab.server.settings import SECRETS, Settings, variable

POSTGRES = "postgres"
LOCALHOST = "127.0.0.1"
START = 120.0  # seconds that a service has to come up
STOP = 15.0  # seconds that it has to end
PAUSE = 1.0  # seconds before one that ended is started again
LONGEST_PAUSE = 30.0
PR_SET_PDEATHSIG = 1


@dataclass
class Service:
    """A service and the process that it is at present.

    Attributes:
        name: As in `SERVICES`, or `postgres`.
        command: How it is started.
        stop: The signal that ends it in good order.
        user: Whose process it is; None for this one's.
        process: The process; None before the first start.
        starts: How often it was started.
        not_before: When it may be started again, on the monotonic clock.
    """

    name: str
    command: Command
    stop: signal.Signals = signal.SIGTERM
    user: str | None = None
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0
    not_before: float = 0.0
    _began: float = field(default=0.0, repr=False)

    def start(self, folder: Path) -> None:
        """Start it, with its output in `logs/` and its process id in `pids/`."""
        with (folder / "logs" / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command.argv,
                env=os.environ | self.command.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **_as_user(self.user),
                preexec_fn=_ends_with_parent(self.stop),
            )
        self.starts += 1
        self._began = time.monotonic()
        (folder / "pids" / f"{self.name}.pid").write_text(f"{self.process.pid}\n")

    def keep(self, folder: Path, say: Callable[[str], None]) -> None:
        """Start it again if it has ended; later and later if it keeps ending at once."""
        if self.process is None or self.process.poll() is None:
            return
        now = time.monotonic()
        if not self.not_before:
            _signal(self.process, signal.SIGKILL)  # what the process has left of its group
            quick = now - self._began < LONGEST_PAUSE
            pause = min(PAUSE * 2 ** (self.starts - 1 if quick else 0), LONGEST_PAUSE)
            self.not_before = now + pause
            say(f"{self.name} ended ({self.process.returncode}); again in {pause:.0f} s")
        elif now > self.not_before:
            self.not_before = 0.0
            self.start(folder)

    def end(self) -> None:
        """Stop it, and wait until it is gone."""
        if self.process is None:
            return
        _signal(self.process, self.stop)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP)
        _signal(self.process, signal.SIGKILL)
        self.process.wait()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _as_user(user: str | None) -> dict[str, Any]:
    """Arguments by which `subprocess` runs a program as another user; none for this one."""
    if user is None:
        return {}
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def _ends_with_parent(number: signal.Signals) -> Callable[[], None]:
    """For a child about to start: the kernel sends it a signal when its parent dies (Linux)."""
    libc = ctypes.CDLL(None, use_errno=True)

    def ask() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)

    return ask


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
        start(_postgres(settings, folder))
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


def _refuse_taken_ports(settings: Settings) -> None:
    dask = int(settings.scheduler.rpartition(":")[2])
    for port, name in (
        (settings.port, variable("port")),
        (settings.db_port, variable("db_port")),
        (dask, variable("scheduler")),
        (dask + 1, f"{variable('scheduler')}, whose next port answers health checks"),
    ):
        refuse_taken_port(LOCALHOST, port, name)


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


def address(settings: Settings) -> str:
    """Where the server is reached on this machine."""
    return f"http://{LOCALHOST}:{settings.port}"


def watch(services: list[Service], folder: Path, say: Callable[[str], None] = print) -> None:
    """Start again what ends, until this process is interrupted."""
    while True:
        for service in services:
            service.keep(folder.resolve(), say)
        time.sleep(0.5)


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


def _postgres(settings: Settings, folder: Path) -> Service:
    """PostgreSQL on a folder of its own, which is made the first time."""
    programs, user = _programs(), _database_user()
    data = folder / POSTGRES
    if not (data / "PG_VERSION").exists():
        _initdb(programs, data, settings, user)
    # fmt: off
    argv = (
        str(programs / "postgres"), "-D", str(data), "-p", str(settings.db_port),
        "-c", f"listen_addresses={LOCALHOST}", "-c", f"unix_socket_directories={data}",
    )
    # fmt: on
    return Service(POSTGRES, Command(argv), stop=signal.SIGINT, user=user)  # a fast shutdown


def _programs() -> Path:
    """The folder of PostgreSQL's programs, which Debian keeps out of the path."""
    found = shutil.which("postgres")
    if found:
        return Path(found).parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not installed:
        raise UserError(
            "PostgreSQL is not installed here: sudo apt-get install postgresql (or use "
            "`docker compose up`)"
        )
    return installed[-1].parent


def _database_user() -> str | None:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(POSTGRES).pw_name
    except KeyError:
        raise UserError("PostgreSQL does not run as root: use another user") from None


def _initdb(programs: Path, data: Path, settings: Settings, user: str | None) -> None:
    """Make the database's folder: whole, or not at all."""
    making = data.with_name(f".{data.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(mode=0o700)
    if user is not None:
        shutil.chown(making, user, pwd.getpwnam(user).pw_gid)
    password = data.with_name(f".{data.name}.password")
    password.touch(mode=0o600)
    password.write_text(settings.db_password.get_secret_value())
    if user is not None:
        shutil.chown(password, user)
    # fmt: off
    done = subprocess.run(
        [
            str(programs / "initdb"), "-D", str(making), "-U", settings.db_user, "-E", "UTF8",
            "--locale", "C.UTF-8", "--auth", "scram-sha-256", "--pwfile", str(password),
        ],
        capture_output=True, text=True, check=False,
        **_as_user(user),
    )
    # fmt: on
    password.unlink()
    if done.returncode:
        raise LrlabError(f"PostgreSQL cannot be set up: {done.stderr.strip()[-300:]}")
    making.rename(data)


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
