"""Every service that is not our own: handed to moto, which is loaded on first use."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any
from urllib.parse import urlencode

from controller.sandbox.wire import Answer, Request, ServiceError

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
_loaded: list[bool] = []


@cache
def _moto() -> Application:
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    _loaded.append(True)
    application: Application = DomainDispatcherApplication(create_backend_app)
    return application


def reset_moto() -> None:
    """Forgets everything that moto keeps; free when moto was never used."""
    if _loaded:
        from moto.moto_api._internal.models import moto_api_backend

        moto_api_backend.reset()


def environ_of(request: Request) -> dict[str, Any]:
    """A WSGI environment for a request that came without a server."""
    host, _, port = request.host.partition(":")
    fixed = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}
    headers = {
        fixed.get(name, "HTTP_" + name.upper().replace("-", "_")): value for name, value in request.headers.items()
    }
    return {
        **headers,
        "REQUEST_METHOD": request.method,
        "PATH_INFO": request.path.encode().decode("latin-1"),
        "SCRIPT_NAME": "",
        "QUERY_STRING": urlencode(request.query),
        "SERVER_NAME": host,
        "SERVER_PORT": port or "80",
        "HTTP_HOST": request.host,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


def forward(request: Request, account: str) -> Answer:
    """The same request to moto, as that account; what moto lacks is 501, which clients do not retry."""
    body = request.body()
    environ = {
        **(request.environ or environ_of(request)),
        "wsgi.input": io.BytesIO(body),
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_X_MOTO_ACCOUNT_ID": account,
    }
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    head: list[Any] = []
    try:
        pieces = _moto()(environ, lambda status, headers, *_: head.extend((status, headers)))
        whole = b"".join(pieces)
    except NotImplementedError as fault:
        raise ServiceError("NotImplemented", f"The sandbox does not have this operation: {fault}", 501) from fault
    status, headers = int(head[0].split()[0]), dict(head[1])
    if status >= 500 and "html" in headers.get("Content-Type", ""):
        raise ServiceError("NotImplemented", "The sandbox does not have this operation", 501)
    return Answer(status, headers, whole)
