"""lrlab's app for `mlflow server --app-name lrlab`: MLflow's API and login, and a few routes.

MLflow decides who may call the routes, by the validators that its login app keeps for each of
its own: a route without one is closed to everybody but administrators.
"""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from lrlab.server.settings import read_settings

FRAME = 2**20  # bytes of a request besides an uploaded table
BULK_BYTES = 64 * 2**20
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def create_app() -> Any:
    """MLflow's app with login, bulk ingestion and sweeps as a service.

    Called by `mlflow server` in each of its web workers.
    """
    from mlflow.server import app, auth

    from lrlab.server import api

    limits = read_settings(os.environ, ()).limits
    for path, method, view, validator in api.routes(auth, limits, BULK_BYTES):
        app.add_url_rule(path, f"lrlab {method} {path}", view, methods=[method])
        auth.BEFORE_REQUEST_VALIDATORS[path, method] = validator
    made = auth.create_app(app)
    if hasattr(made, "add_middleware"):  # FastAPI, which MLflow serves through uvicorn
        made.add_middleware(SizeLimit, most=max(BULK_BYTES, limits.upload_bytes + FRAME))
    return made


class SizeLimit:
    """ASGI middleware that refuses too large a request before anybody reads it.

    Uploads of artifacts, which MLflow streams, are not limited.
    """

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]], most: int) -> None:
        self.app, self.most = app, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or "/mlflow-artifacts/" in scope["path"]:
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > self.most:
            await _too_large(send, self.most)
            return
        if b"transfer-encoding" in headers:  # of a length that is not known beforehand
            await _too_large(send, self.most, reason="a request must say its length")
            return
        await self.app(scope, receive, send)


async def _too_large(send: Send, most: int, reason: str = "") -> None:
    text = reason or f"the request is too large; this server takes {most / 2**20:.0f} MiB"
    body = json.dumps({"error_code": "INVALID_PARAMETER_VALUE", "message": text}).encode()
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})
