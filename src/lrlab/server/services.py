"""The services of the team server: how each is started, the same in a container and by hand."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lrlab.scratch import lasting_folder
from lrlab.server.settings import AUTH, SECRETS, TRACKING, Settings

PYTHON = (sys.executable, "-m")
APP = "lrlab"  # the entry point `mlflow.app` that `lrlab.server.app` is
LOCAL_HOSTS = "localhost,localhost:*,127.0.0.1,127.0.0.1:*"
# MLflow's variables for what lrlab's server does without: jobs for generative AI take 2.5 GB.
QUIET = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}


@dataclass(frozen=True)
class Command:
    """A program to run.

    Args:
        argv: Program and arguments; nothing secret, as every user of a machine can read them.
        environment: Variables that it needs besides those of this process.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


def mlflow(settings: Settings) -> Command:
    """MLflow's tracking server with lrlab's app: login, bulk ingestion, sweeps as a service."""
    hosts = host_patterns(settings.allowed_hosts)
    environment = QUIET | {
        "MLFLOW_BACKEND_STORE_URI": settings.database(TRACKING),
        "MLFLOW_ARTIFACTS_DESTINATION": artifacts_uri(settings.artifacts),
        "MLFLOW_HOST": settings.host,
        "MLFLOW_PORT": str(settings.port),
        "MLFLOW_WORKERS": str(settings.web_workers),
        "MLFLOW_SERVER_ALLOWED_HOSTS": ",".join((*hosts, LOCAL_HOSTS)),
        # The UI's own requests carry these origins; MLflow blocks every other one.
        "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": ",".join(
            f"{scheme}://{host}" for host in hosts for scheme in ("https", "http")
        ),
        **auth_environment(settings),
    }
    return Command((*PYTHON, "mlflow", "server", "--app-name", APP), environment)


def scheduler(settings: Settings) -> Command:
    """Dask's scheduler. Whoever reaches its port can run code on the workers.

    The next port answers health checks, of this machine alone; Dask would offer it to everybody.
    """
    port = settings.scheduler.rpartition(":")[2]
    listen = "127.0.0.1" if _is_local(settings.scheduler) else "0.0.0.0"
    # fmt: off
    return Command((
        *PYTHON, "distributed.cli.dask_scheduler", "--host", listen, "--port", port,
        "--no-dashboard", "--dashboard-address", f"127.0.0.1:{int(port) + 1}",
    ))
    # fmt: on


def worker(settings: Settings) -> Command:
    """Dask workers, one thread a process: a program's small operations do not share a core.

    Memory is limited by the container alone. Dask would give a worker its share by cores of the
    machine's, and stop one that needs more.
    """
    local = ("--host", "127.0.0.1") if _is_local(settings.scheduler) else ()
    # fmt: off
    return Command((
        *PYTHON, "distributed.cli.dask_worker", settings.scheduler, "--nthreads", "1",
        "--nworkers", str(settings.workers), "--memory-limit", "0",
        "--no-dashboard", "--dashboard-address", "127.0.0.1:0",
        "--local-directory", tempfile.gettempdir(), *local,
    ))
    # fmt: on


def dispatcher(settings: Settings) -> Command:
    """The process that runs submitted sweeps, one in the whole installation."""
    environment = {
        "MLFLOW_TRACKING_URI": settings.tracking_uri,
        "MLFLOW_TRACKING_USERNAME": settings.admin_user,
        "MLFLOW_TRACKING_PASSWORD": settings.admin_password.get_secret_value(),
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    return Command((*PYTHON, "lrlab.server.dispatcher"), environment)


def migrate(settings: Settings) -> Command:
    """Make databases, tables and the administrator that are not there yet, and end."""
    environment = auth_environment(settings) | {"MLFLOW_DISABLE_TELEMETRY": "true"}
    return Command((*PYTHON, "lrlab.server.migrate"), environment)


def dashboard(settings: Settings) -> Command:
    """optuna-dashboard on the mirrored studies. It has no login: for the machine itself alone."""
    # fmt: off
    return Command((
        *PYTHON, "gunicorn", "--bind", f"{settings.host}:{settings.dashboard_port}",
        "--threads", "4", "--worker-tmp-dir", tempfile.gettempdir(),
        "lrlab.server.dashboard:create_app()",
    ))
    # fmt: on


SERVICES: dict[str, Callable[[Settings], Command]] = {
    "migrate": migrate,
    "mlflow": mlflow,
    "scheduler": scheduler,
    "worker": worker,
    "dispatcher": dispatcher,
    "dashboard": dashboard,
}
# Who runs code that others send, or needs no more, is not told every secret.
_SECRETS_OF: dict[str, tuple[str, ...]] = {
    "scheduler": (),
    "worker": (),
    "dashboard": ("db_password",),
}


def secrets_of(service: str) -> tuple[str, ...]:
    """The secrets that a service cannot do without."""
    return _SECRETS_OF.get(service, SECRETS)


def auth_environment(settings: Settings) -> dict[str, str]:
    """Variables for MLflow's basic-auth app; its database is named in a file of its own."""
    folder = lasting_folder()
    file = folder / "basic_auth.ini"
    database = settings.database(AUTH).replace("%", "%%")  # configparser's own sign
    file.write_text(
        "[mlflow]\n"
        f"default_permission = {settings.default_permission}\n"
        f"database_uri = {database}\n"
        f"auth_cache_ttl_seconds = {settings.auth_cache_seconds}\n",
        encoding="utf-8",
    )
    return {
        "MLFLOW_AUTH_CONFIG_PATH": str(file),
        "MLFLOW_AUTH_ADMIN_USERNAME": settings.admin_user,
        "MLFLOW_AUTH_ADMIN_PASSWORD": settings.admin_password.get_secret_value(),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": settings.secret_key.get_secret_value(),
    }


def host_patterns(names: str) -> tuple[str, ...]:
    """Host headers to accept for a comma-separated list of names: a name without port, at any."""
    given = [name for part in names.split(",") if (name := part.strip())]
    return tuple(
        pattern for name in given for pattern in ((name,) if ":" in name else (name, f"{name}:*"))
    )


def artifacts_uri(location: str) -> str:
    """The artifacts' destination: a URI as it is, a path as an absolute one."""
    return location if "://" in location else str(Path(location).resolve())


def become(command: Command) -> None:
    """Run a command in place of this process, which never returns."""
    os.execvpe(command.argv[0], list(command.argv), os.environ | command.environment)


def _is_local(address: str) -> bool:
    return address.partition("://")[2].rpartition(":")[0] in ("127.0.0.1", "localhost")
