"""What lrlab knows of MLflow's tables and limits is what MLflow says of them."""

from __future__ import annotations

from importlib import import_module

import pytest
from mlflow.store.db.base_sql_model import Base
from mlflow.store.db.utils import _get_latest_schema_revision
from mlflow.utils import validation
from sqlalchemy import Table

from lrlab.track import mlflow_schema as schema
from lrlab.track import mlflow_tables
from lrlab.track.database import expected_revision

for module in ("tracking", "model_registry"):  # which define them
    import_module(f"mlflow.store.{module}.dbmodels.models")

TABLES = [table for table in vars(mlflow_tables).values() if isinstance(table, Table)]
INSERTED = {
    *("experiments", "experiment_tags", "runs", "tags", "params", "metrics", "latest_metrics"),
    *("datasets", "inputs", "input_tags"),
}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_table_has_the_columns_that_mlflow_gives_it(table: Table) -> None:
    theirs = Base.metadata.tables[table.name].c
    for column in table.c:
        same = theirs[column.name].type.python_type
        assert column.type.python_type is same
    if table.name in INSERTED:
        assert set(table.c.keys()) == set(theirs.keys())


def test_the_tested_schema_is_that_of_the_installed_mlflow() -> None:
    assert mlflow_tables.tested_revision() == _get_latest_schema_revision() == expected_revision()


def test_limits_are_those_of_mlflow() -> None:
    assert validation.MAX_ENTITY_KEY_LENGTH == schema.MOST_OF_A_KEY
    assert validation.MAX_TAG_VAL_LENGTH == schema.MOST_OF_A_TAG
    assert validation.MAX_PARAM_VAL_LENGTH == schema.MOST_OF_A_PARAM
