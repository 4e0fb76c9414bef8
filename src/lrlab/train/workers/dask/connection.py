"""The connection to a Dask cluster: address, certificates, versions."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from importlib import metadata
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlsplit

from lrlab.errors import LrlabError, UserError
from lrlab.train.workers.dask import remote

if TYPE_CHECKING:
    from distributed import Client

T = TypeVar("T")

PORT = 8786  # Dask's own
ANSWER = 30.0  # seconds that an answer may take
LOGGERS = ("distributed", "distributed.client", "distributed.gc", "tornado", "tornado.application")


def address_of(executor: str) -> str:
    """The address as Dask writes it.

    Raises:
        UserError: If there is no host, or no number after it.
    """
    scheme = "tls" if executor.startswith("tls://") else "tcp"
    try:
        parts = urlsplit(executor)
        host, port, rest = parts.hostname, parts.port or PORT, parts.path.strip("/")
    except ValueError:
        host, port, rest = None, 0, ""
    if not host or rest:
        raise UserError(f"executor {executor!r}: write SCHEME://HOST:PORT, as in dask://host:8786")
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def connect(executor: str, timeout: float) -> Client:
    """A client of the scheduler at an address.

    Raises:
        UserError: If the address is malformed, or there are no certificates for tls://.
        LrlabError: If nobody answers, or nobody who speaks Dask's language.
    """
    address = address_of(executor)
    distributed = _distributed(executor)
    if address.startswith("tls://"):
        _check_certificates(executor, distributed.Security())
    options = {"name": "lrlab", "set_as_default": False, "timeout": timeout}
    try:
        client = partial(distributed.Client, address, **options)
        return cast("Client", within(timeout + 1, client))
    except Exception:  # of the network, of TLS, of a handshake with something else
        raise LrlabError(
            f"no Dask scheduler answers at {executor} within {timeout:.0f} s. Is it "
            "running (`dask scheduler`), is the address right, and does a firewall let the "
            "port through?"
        ) from None


def check_versions(executor: str, client: Client, here: dict[str, str]) -> None:
    """Refuse workers that are there; those that come later are asked with each group.

    Raises:
        UserError: If one has other versions.
    """
    found: dict[str, dict[str, str]] = {}
    for package in remote.COMPARED:
        ask = partial(client.run, metadata.version, package, on_error="return")
        for worker, answer in within(ANSWER, ask).items():
            if isinstance(answer, str):
                found.setdefault(worker, {})[package] = remote.public(answer)
            elif isinstance(answer, metadata.PackageNotFoundError):
                found.setdefault(worker, {})
    for worker, there in found.items():
        if there != here:
            raise other_versions(executor, here, there, f"the worker {worker}")


def other_versions(
    executor: str, here: dict[str, str], there: dict[str, str], who: str
) -> UserError:
    """What to say of a worker with other versions."""
    named = [
        f"{package} {there[package]}" if package in there else f"no {package}"
        for package in remote.COMPARED
        if there.get(package) != here[package]
    ]
    named_here = " and ".join(f"{name} {version}" for name, version in here.items())
    return UserError(
        f"{who} of {executor} has {' and '.join(named)}; here it is {named_here}. Its numbers "
        "could differ: install the same versions there as here"
    )


def within(seconds: float, call: Callable[[], T]) -> T:
    """The result of a call that may never return: Dask's handshake waits without limit.

    Raises:
        TimeoutError: If there is none in time; the call is left behind in its thread.
    """
    ended: Future[T] = Future()

    def run() -> None:
        try:
            ended.set_result(call())
        except BaseException as error:
            ended.set_exception(error)

    Thread(target=run, daemon=True, name="lrlab-dask").start()
    return ended.result(timeout=seconds)


def _check_certificates(executor: str, security: Any) -> None:
    try:
        found = security.get_connection_args("client")["ssl_context"]
        reason = "none are configured"
    except (OSError, ValueError) as error:  # ssl.SSLError among them
        found, reason = None, str(error)
    if found is None:
        raise UserError(
            f"{executor} needs certificates, and {reason}. Name them in Dask's "
            "configuration: distributed.comm.tls.ca-file, distributed.comm.tls.client.cert "
            "and .key"
        )


def _distributed(executor: str) -> Any:
    """Dask, without the levels that its import gives to loggers which were told to be silent.

    Raises:
        UserError: If it is not installed.
    """
    levels = {name: logging.getLogger(name).level for name in LOGGERS}
    try:
        import distributed
    except ModuleNotFoundError as error:
        raise UserError(
            f"the executor {executor} needs Dask, and {error.name!r} is not installed: "
            "pip install 'lrlab[dask]'"
        ) from None
    for name, level in levels.items():
        if level:
            logging.getLogger(name).setLevel(level)
    return distributed
