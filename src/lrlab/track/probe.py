"""Two quick requests to a tracking server, before MLflow's client tries for minutes."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import requests
from mlflow.exceptions import InvalidUrlException, MlflowException, RestException
from mlflow.utils.credentials import get_default_host_creds
from mlflow.utils.rest_utils import http_request, verify_rest_response

from lrlab.errors import LrlabError, UserError
from lrlab.track.address import without_password
from lrlab.track.failures import explain
from lrlab.track.failures.failure import Failure, causes
from lrlab.track.failures.servers import no_answer, no_mlflow_server, refused_login

PROBE_TIMEOUT = 5.0  # seconds to be told that a server is there
ANSWER_TIMEOUT = 30  # seconds for its store to be asked
EXPERIMENTS = "/api/2.0/mlflow/experiments/search"
KEYS = {"experiments", "next_page_token"}  # of its answer


def probe_server(uri: str) -> None:
    """Make sure that an MLflow server answers and lets this user in.

    Raises:
        LrlabError: If it does not answer, or fails, or is no MLflow server.
        UserError: If the address is malformed, or the server refuses the credentials.
    """
    _refuse_silent(uri)
    shown = without_password(uri)
    try:
        answer = http_request(
            get_default_host_creds(uri),
            EXPERIMENTS,
            "POST",
            max_retries=0,
            timeout=ANSWER_TIMEOUT,
            raise_on_status=False,
            json={"max_results": 1},
        )
    except MlflowException as error:
        raise explain(error, uri) from error
    if answer.status_code in (401, 407):
        raise refused_login(uri)
    if answer.status_code >= 500:
        raise LrlabError(
            f"the tracking server {shown} fails (status {answer.status_code}); its log says why. "
            "Try again when it is well"
        )
    _refuse_other_servers(answer, uri)


def _refuse_silent(uri: str) -> None:
    """One request that needs no login and no database."""
    shown = without_password(uri)
    tls = get_default_host_creds(uri)  # as MLFLOW_TRACKING_SERVER_CERT_PATH and the like say
    try:
        answer = requests.get(
            f"{uri}/health", timeout=PROBE_TIMEOUT, verify=tls.verify, cert=tls.client_cert_path
        )
    except (requests.exceptions.InvalidURL, InvalidUrlException) as error:
        raise UserError(f"{shown} is not a valid address: {error}") from None
    except requests.exceptions.SSLError as error:
        raise explain(error, uri) from None
    except requests.exceptions.RequestException as error:
        raise no_answer(Failure(tuple(causes(error)), uri)) from None
    except OSError as error:  # a certificate's file that is not there
        raise UserError(f"{error} (MLFLOW_TRACKING_SERVER_CERT_PATH and its like)") from None
    if answer.status_code in (401, 403, 407):  # a gateway before the server
        return
    if answer.status_code >= 400:
        raise LrlabError(
            f"{shown} answers, but /health says {answer.status_code}; is it an "
            "MLflow server, and is this all of its address, such as http://host:5000?"
        )
    if answer.history and _host(answer.url) != _host(uri):
        raise LrlabError(
            f"{shown} sends its visitors to {answer.url.partition('?')[0][:200]}, so it is not "
            "an MLflow server, or a login page comes first; name the server's own address"
        )


def _refuse_other_servers(answer: requests.Response, uri: str) -> None:
    """MLflow answers with a JSON object of experiments, and with its error codes."""
    try:
        text = answer.text  # MLflow's check would take an empty page for an empty object
        verify_rest_response(answer, EXPERIMENTS)
        found = json.loads(text) if text.strip() else {"": text}
        ours = isinstance(found.get("experiments", []), list) and found.keys() <= KEYS
    except MlflowException as error:
        said = explain(error, uri)
        if answer.status_code == 403 or isinstance(error, RestException):
            raise said from None
        ours = False
    if not ours:
        raise LrlabError(no_mlflow_server(without_password(uri)))


def _host(url: str) -> str | None:
    return urlsplit(url).hostname
