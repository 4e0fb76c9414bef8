"""What a submitted spec says of its rows: written out by who has the table, and checked."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lrlab.errors import UserError
from lrlab.server import client
from lrlab.server.settings import Limits
from lrlab.server.submission import Table, check_data, check_limits, with_uploaded_data
from lrlab.spec import make_spec, parse_dumped_spec

ROWS = "".join(f"{i % 7},{'no' if i % 3 else 'yes'}\n" for i in range(60))


@pytest.fixture
def data(tmp_path: Path) -> dict[str, Any]:
    """The section `data` of a table of 60 rows."""
    (tmp_path / "t.csv").write_text(f"x,y\n{ROWS}")
    return {"source": "csv", "path": str(tmp_path / "t.csv"), "target": "y"}


def test_the_division_is_written_out_before_a_spec_is_sent(
    data: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: dict[str, Any] = {}

    def request(*args: Any, files: dict[str, Any], **more: Any) -> Any:
        sent.update(files)
        return SimpleNamespace(ok=True, json=lambda: {"run_id": "r", "state": "queued"})

    monkeypatch.setattr(client, "request", request)
    monkeypatch.setattr(client, "server_info", lambda store: {})
    monkeypatch.setattr(client, "experiment_id", lambda store, spec: "1")
    spec = make_spec({"name": "t", "data": data, "search": {"trials": 10}})
    store: Any = SimpleNamespace(is_server=True, shown="server", user="alice")
    client.submit(store, spec)
    arrived = parse_dumped_spec(sent["spec"][1])
    assert (arrived.data.folds, arrived.n_runs) == (5, 50)  # type: ignore[union-attr]
    check_data(arrived, Table(*sent["data"]))
    assert arrived.digest() == spec.digest()


def test_a_spec_that_leaves_the_division_open_is_refused(data: dict[str, Any]) -> None:
    """As the number of its runs is not known, nor what its record would say of it."""
    spec, table = with_uploaded_data(make_spec({"name": "t", "data": data}))
    iris = {"source": "sklearn", "dataset": "iris", "positive": "setosa"}
    for given, uploaded in ((spec, table), (make_spec({"name": "t", "data": iris}), None)):
        with pytest.raises(UserError, match=r"leaves open .* or set data\.folds"):
            check_data(given, uploaded)
    check_data(make_spec({"name": "t", "data": iris | {"folds": 3}}), None)


def test_a_second_table_is_refused_on_either_side(data: dict[str, Any]) -> None:
    spec = make_spec({"name": "t", "data": data | {"test": data["path"]}})
    _, table = with_uploaded_data(make_spec({"name": "t", "data": data}))
    with pytest.raises(UserError, match=r"data\.test: a server takes one table a sweep"):
        with_uploaded_data(spec)
    with pytest.raises(UserError, match=r"data\.test: a server takes one table a sweep"):
        check_data(spec, table)


def test_the_usual_test_rows_of_made_up_data_cost_nothing_of_the_limit_and_more_do() -> None:
    limits = Limits(rows=2000)
    check_limits(make_spec({"name": "t"}), None, limits)
    many = make_spec({"name": "t", "data": {"test_sizes": [6000, 6000]}})
    with pytest.raises(UserError, match=r"asks for 3,200 rows; this server allows 2,000"):
        check_limits(many, None, limits)
