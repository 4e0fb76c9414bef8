"""Every failure of a store says its own name, and none is guessed from a text."""

from __future__ import annotations

import errno
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg2
import pytest
import requests
import sqlalchemy.exc
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException, RestException
from mlflow.protos import databricks_pb2 as codes

from lrlab import make_spec
from lrlab.errors import LrlabError, NotPermitted, UserError
from lrlab.sweep import Progress, run_sweep
from lrlab.track import connect
from lrlab.track.failures import explain, explained
from support import tiny

SERVER, FILE = "http://127.0.0.1:1", "sqlite:///mlflow.db"
POSTGRES = "postgresql+psycopg2://u:secret@127.0.0.1/mlflow"


def sqlite_error(name: str) -> Exception:
    """As MLflow passes it on: wrapped by SQLAlchemy, then by its own exception."""
    inner = sqlite3.OperationalError("words that say nothing")
    inner.sqlite_errorcode = getattr(sqlite3, name)  # type: ignore[misc]
    inner.sqlite_errorname = name  # type: ignore[misc]
    outer = MlflowException(str(inner), codes.TEMPORARILY_UNAVAILABLE)
    outer.__cause__ = sqlalchemy.exc.OperationalError("SELECT 1", {}, inner)
    return outer


class PostgresError(psycopg2.OperationalError):
    """psycopg2 sets `pgcode` from C; a subclass may shadow it."""

    pgcode = ""


def postgres_error(code: str) -> Exception:
    inner = PostgresError("words that say nothing")
    inner.pgcode = code
    return sqlalchemy.exc.OperationalError("SELECT 1", {}, inner)


def server_error(code: int, message: str = "no words") -> Exception:
    return MlflowException(message, error_code=code)


KINDS: dict[str, tuple[Exception, str, type[LrlabError], str]] = {
    "refused login": (server_error(codes.UNAUTHENTICATED), SERVER, UserError, "refuses the login"),
    "no permission on a server": (
        server_error(codes.PERMISSION_DENIED), SERVER, NotPermitted, "does not permit this",
    ),
    "deleted in MLflow": (
        server_error(codes.RESOURCE_DOES_NOT_EXIST), SERVER, LrlabError, "deleted in the meantime",
    ),
    "no MLflow server": (
        server_error(codes.ENDPOINT_NOT_FOUND), SERVER, LrlabError, "not as an MLflow server",
    ),
    "busy server": (
        server_error(codes.TEMPORARILY_UNAVAILABLE), SERVER, LrlabError, "its log says why",
    ),
    "locked": (sqlite_error("SQLITE_BUSY"), FILE, LrlabError, "is locked"),
    "locked, extended code": (
        sqlite_error("SQLITE_BUSY_SNAPSHOT"), FILE, LrlabError, "is locked",
    ),
    "full": (sqlite_error("SQLITE_FULL"), FILE, LrlabError, "the disk is full"),
    "full quota": (OSError(errno.EDQUOT, "x"), FILE, LrlabError, "the disk is full"),
    "full temporary folder": (
        FileNotFoundError(errno.ENOENT, "none usable"), FILE, LrlabError, "TMPDIR=",
    ),
    "read only": (sqlite_error("SQLITE_READONLY"), FILE, LrlabError, "no permission"),
    "damaged": (sqlite_error("SQLITE_CORRUPT"), FILE, LrlabError, "damaged"),
    "no database": (sqlite_error("SQLITE_NOTADB"), FILE, LrlabError, "damaged"),
    "moved": (sqlite_error("SQLITE_READONLY_DBMOVED"), FILE, LrlabError, "deleted or moved"),
    "broken disk": (sqlite_error("SQLITE_IOERR_READ"), FILE, LrlabError, "the disk cannot read"),
    "closed folder": (PermissionError(errno.EACCES, "x", "/f"), FILE, LrlabError, "to write /f"),
    "long name": (OSError(errno.ENAMETOOLONG, "Too long", "/f"), FILE, LrlabError, "Too long"),
    "full database": (postgres_error("53100"), POSTGRES, LrlabError, "the database .* is full"),
    "no right in the database": (
        postgres_error("42501"), POSTGRES, NotPermitted, "the database .* does not permit",
    ),
    "dropped tables": (postgres_error("42P01"), POSTGRES, LrlabError, "lacks MLflow's tables"),
    "stopping database": (postgres_error("57P01"), POSTGRES, LrlabError, "is too busy now"),
    "silent database": (
        sqlalchemy.exc.OperationalError("", {}, psycopg2.OperationalError("refused")),
        POSTGRES, LrlabError, r"u:\*\*\*@127.* cannot be used: refused",
    ),
    "timeout": (requests.exceptions.ReadTimeout("x"), SERVER, LrlabError, "not answer in time"),
    "connection lost": (
        requests.exceptions.ConnectionError("x"), SERVER, LrlabError, "no longer answers",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_failure_is_known_by_its_type_and_code(kind: str) -> None:
    error, uri, expected, words = KINDS[kind]
    said = explain(error, uri)
    assert type(said) is expected
    with pytest.raises(LrlabError, match=words) as caught:
        raise said
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("text", ["401", "403", "unauthorized", "database is locked", "disk full"])
def test_words_in_a_text_decide_nothing(text: str) -> None:
    """A metric or an experiment may be called so."""
    error = server_error(codes.INVALID_PARAMETER_VALUE, f"Metric '{text}' of experiment '{text}'")
    assert str(explain(error, FILE)) == f"the tracking store {FILE} failed: {error}"
    assert type(explain(error, SERVER)) is LrlabError


def test_a_database_that_loses_its_tables_was_deleted(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    engine = sqlalchemy.create_engine(uri)
    with (
        pytest.raises(LrlabError, match="was deleted or moved while it was in use"),
        explained(uri),
        engine.connect() as connection,
    ):
        connection.execute(sqlalchemy.text("SELECT * FROM runs"))


@pytest.mark.parametrize("deleted", ["experiment", "sweep"])
def test_a_sweep_deleted_in_mlflow_while_it_runs_is_told(
    deleted: str, workdir: Path, unpainted: None
) -> None:
    client = MlflowClient(f"sqlite:///{workdir}/mlflow.db")

    def delete(progress: Progress) -> None:
        if progress.done != 4:
            return
        experiment = client.get_experiment_by_name("tiny")
        assert experiment is not None
        if deleted == "experiment":
            client.delete_experiment(experiment.experiment_id)
        else:
            only = "tags.`lrlab.kind` = 'sweep'"
            (sweep,) = client.search_runs([experiment.experiment_id], only)
            client.delete_run(sweep.info.run_id)

    with pytest.raises(LrlabError, match=f"the {deleted} 'tiny' was deleted in MLflow during"):
        run_sweep(make_spec(tiny()), tracking_uri=client.tracking_uri, on_progress=delete)


def test_the_answer_of_another_server_with_its_own_codes_is_no_bug() -> None:
    assert type(explain(RestException({"error_code": "418", "message": "tea"}), SERVER)) is (
        LrlabError
    )


# --- servers that are none, or not well ------------------------------------------------------


@contextmanager
def server(answer: Callable[[str], tuple[int, bytes]]) -> Iterator[str]:
    """A web server that answers a path with a status and a body."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, body = answer(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()


ANSWERS: dict[str, tuple[tuple[int, bytes], type[LrlabError], str]] = {
    "a page": ((200, b"<html>401 ways to cook</html>"), LrlabError, "not as an MLflow server"),
    "nothing": ((200, b""), LrlabError, "not as an MLflow server"),
    "other JSON": ((200, b'{"hello": 1}'), LrlabError, "not as an MLflow server"),
    "a list": ((200, b"[401]"), LrlabError, "not as an MLflow server"),
    "no such page": ((404, b"403"), LrlabError, "not as an MLflow server"),
    "no login": ((401, b"{}"), UserError, "set MLFLOW_TRACKING_USERNAME"),
    "no right": ((403, b"no"), NotPermitted, "does not permit this"),
    "a failure": ((500, b"401 403"), LrlabError, r"fails \(status 500\); its log says why"),
    "busy": ((503, b""), LrlabError, r"fails \(status 503\)"),
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_a_server_that_is_no_mlflow_or_refuses_is_told_at_once(kind: str) -> None:
    answer, expected, words = ANSWERS[kind]
    with (
        server(lambda path: (200, b"OK") if path == "/health" else answer) as uri,
        pytest.raises(LrlabError, match=words) as caught,
    ):
        connect(uri)
    assert type(caught.value) is expected
