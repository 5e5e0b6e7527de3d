"""The identity that GitHub gives to a run of a workflow: a short-lived token, asked for anew each time."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from controller.core.errors import UsageError
from controller.github.api import LOOPBACK, GitHubError, connection

_LIMIT = 1 << 20
_HINT = "the job needs `permissions: {id-token: write}`"


def identity_token(environment: Mapping[str, str], audience: str) -> str:
    """A token for `audience`; `UsageError` outside a job that may have one."""
    url = environment.get("ACTIONS_ID_TOKEN_REQUEST_URL", "")
    secret = environment.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "")
    parts = urlsplit(url)
    if not url or not secret:
        raise UsageError("this is no job that GitHub would give an identity", _HINT)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise UsageError("ACTIONS_ID_TOKEN_REQUEST_URL is not an https address")
    target = f"{parts.path}?{parts.query}&audience={quote(audience, safe='')}"
    line = connection(parts.scheme, parts.hostname or "", parts.port)
    try:
        line.request("GET", target, headers={"Authorization": f"Bearer {secret}", "User-Agent": "hubwright"})
        response = line.getresponse()
        data = response.read(_LIMIT)
    except (OSError, http.client.HTTPException) as error:
        raise GitHubError(f"GitHub's identities could not be reached: {type(error).__name__}") from error
    finally:
        line.close()
    try:
        token = json.loads(data)["value"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise GitHubError(f"GitHub gave no identity: {response.status}", response.status, _HINT) from error
    return str(token)
