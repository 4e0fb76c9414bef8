"""For tests: a team server of real processes."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from lrlab.errors import UserError
from lrlab.server.postgres import find_programs
from support import free_port

LIMITS = {"LRLAB_MAX_TRIALS": "1000", "LRLAB_MAX_ROWS": "5000", "LRLAB_MAX_UPLOAD_MB": "1"}


@dataclass(frozen=True)
class Stack:
    """A running team server.

    Args:
        url: Its address.
        folder: Its data.
        password: The administrator's.
    """

    url: str
    folder: Path
    password: str

    def environment(self, user: str = "admin", password: str | None = None) -> dict[str, str]:
        """Variables by which MLflow and lrlab sign in."""
        return {
            "MLFLOW_TRACKING_URI": self.url,
            "MLFLOW_TRACKING_USERNAME": user,
            "MLFLOW_TRACKING_PASSWORD": password or self.password,
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }

    def pid(self, service: str) -> int:
        """The process that a service is now."""
        return int((self.folder / "pids" / f"{service}.pid").read_text())

    def log(self, service: str) -> str:
        """What a service has said."""
        return (self.folder / "logs" / f"{service}.log").read_text("utf-8", "replace")


@contextmanager
def local_stack() -> Iterator[Stack]:
    """`lrlab server up --local`, from its .env to its end; skips where PostgreSQL is missing."""
    try:
        find_programs()
    except UserError as error:
        pytest.skip(str(error))
    # Not below pytest's own folder, which PostgreSQL's user cannot pass through.
    folder = Path(tempfile.mkdtemp(prefix="lrlab-stack-"))
    folder.chmod(0o711)
    lrlab = [sys.executable, "-m", "lrlab", "server"]
    subprocess.run([*lrlab, "init", str(folder / ".env")], check=True, capture_output=True)
    port = free_port()
    settings = os.environ | LIMITS
    settings |= {"LRLAB_PORT": str(port), "LRLAB_DB_PORT": str(free_port())}
    settings |= {"LRLAB_SCHEDULER": f"tcp://127.0.0.1:{free_port()}", "LRLAB_WEB_WORKERS": "1"}
    settings |= {"LRLAB_WORKERS": "2", "LRLAB_MIRROR_STUDIES": "1"}
    with (folder / "up.log").open("w") as log:
        process = subprocess.Popen(
            [*lrlab, "up", "--local", "--data", str(folder / "data"), "--env-file", ".env"],
            cwd=folder,
            env=settings,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert process.stdout is not None
    first = process.stdout.readline()
    try:
        assert "is up" in first, (folder / "up.log").read_text()
        secret = re.search(r"^LRLAB_ADMIN_PASSWORD=(.*)$", (folder / ".env").read_text(), re.M)
        assert secret is not None
        yield Stack(f"http://127.0.0.1:{port}", folder / "data", secret[1])
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
    assert process.returncode == 0
    left = subprocess.run(["pgrep", "-f", str(folder)], capture_output=True, text=True).stdout
    shutil.rmtree(folder)
    assert not left.split(), "processes are left behind"
