"""Settings of the team server: from the environment alone, secrets from files too.

Every setting is a variable `LRLAB_...`; a secret may also be given as `LRLAB_..._FILE`, the path
of a file that holds it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError
from sqlalchemy.engine import URL

from lrlab.errors import UserError

PREFIX = "LRLAB_"
TRACKING, AUTH, STUDIES = "mlflow", "mlflow_auth", "studies"  # the databases
LEAST_SECRET = 12  # characters; MLflow asks for as many of its administrator's password


def _long_enough(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value()) < LEAST_SECRET:
        raise ValueError(f"is missing or shorter than {LEAST_SECRET} characters")
    return secret


Secret = Annotated[SecretStr, AfterValidator(_long_enough)]
Port = Annotated[int, Field(ge=1, le=65535)]
Limit = Annotated[int, Field(ge=1)]


class Limits(BaseModel):
    """What one submitted sweep may ask for; set by the operator.

    Args:
        trials: Trials of a sweep.
        rows: Rows of its table.
        minutes: Minutes that it may run, waiting not counted.
        upload_mb: Size of an uploaded table, in MiB.
    """

    model_config = ConfigDict(frozen=True)

    trials: Limit = 20_000
    rows: Limit = 1_000_000
    minutes: Limit = 120
    upload_mb: Limit = 256

    @property
    def upload_bytes(self) -> int:
        """The size of an uploaded table, in bytes."""
        return self.upload_mb * 2**20


class Settings(BaseModel):
    """All settings; a field `db_host` is the variable LRLAB_DB_HOST."""

    model_config = ConfigDict(frozen=True)

    db_host: str = "127.0.0.1"
    db_port: Port = 5432
    db_user: str = "lrlab"
    db_password: Secret = SecretStr("")
    admin_user: str = "admin"
    admin_password: Secret = SecretStr("")
    secret_key: Secret = SecretStr("")
    artifacts: str = "artifacts"
    host: str = "127.0.0.1"
    port: Port = 5000
    web_workers: Annotated[int, Field(ge=1, le=64)] = 2
    allowed_hosts: str = ""
    default_permission: Literal["READ", "USE", "EDIT", "MANAGE", "NO_PERMISSIONS"] = "READ"
    auth_cache_seconds: Annotated[int, Field(ge=0)] = 60
    dashboard_port: Port = 8080
    tracking_uri: str = "http://127.0.0.1:5000"
    scheduler: str = "tcp://127.0.0.1:8786"
    workers: Limit = 1
    slots: Limit = 2
    mirror_studies: bool = False
    max_trials: Limit = Limits().trials
    max_rows: Limit = Limits().rows
    max_minutes: Limit = Limits().minutes
    max_upload_mb: Limit = Limits().upload_mb

    @property
    def limits(self) -> Limits:
        """The limits of one sweep."""
        return Limits(
            trials=self.max_trials,
            rows=self.max_rows,
            minutes=self.max_minutes,
            upload_mb=self.max_upload_mb,
        )

    def database(self, name: str) -> str:
        """The URL of one of the databases, password included."""
        url = URL.create(
            "postgresql+psycopg2",
            self.db_user,
            self.db_password.get_secret_value(),
            self.db_host,
            self.db_port,
            name,
        )
        return url.render_as_string(hide_password=False)


SECRETS = ("db_password", "admin_password", "secret_key")


def variable(field: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + field.upper()


def read_settings(environment: Mapping[str, str], secrets: Sequence[str] = SECRETS) -> Settings:
    """The settings that an environment gives.

    An empty variable counts as not set.

    Args:
        environment: The variables.
        secrets: Fields that must be there; a secret that a service does without may be missing.

    Raises:
        UserError: If a secret is missing or too short, or a value is none that the setting takes;
            the message names each variable.
    """
    given: dict[str, str] = {}
    for field in Settings.model_fields:
        value = environment.get(variable(field), "")
        file = environment.get(f"{variable(field)}_FILE", "") if field in SECRETS else ""
        if value and file:
            raise UserError(f"{variable(field)} and {variable(field)}_FILE are both set; keep one")
        value = _read(field, file) if file else value
        if value or field in secrets:
            given[field] = value
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        problems = [
            f"{variable(str(each['loc'][0]))} {_said(each['msg'])}" for each in error.errors()
        ]
        raise UserError(
            "the server's settings cannot be used: " + "; ".join(problems) + ". "
            "`lrlab server init` writes a .env file with generated secrets"
        ) from None


def _said(message: str) -> str:
    return message.removeprefix("Value error, ").removeprefix("Input ")


def _read(field: str, file: str) -> str:
    try:
        return Path(file).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{variable(field)}_FILE: cannot read {file}: {reason}") from None
