"""Pages of ECR's lists."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, TypeVar

from controller.sandbox.wire import ServiceError

Item = TypeVar("Item")


def page(items: Sequence[Item], document: dict[str, Any]) -> tuple[list[Item], dict[str, str]]:
    """One page of at most `maxResults` (1..1000, by default 100), and `{"nextToken": …}` when more follow."""
    limit = document.get("maxResults") or 100
    if not 1 <= limit <= 1000:
        raise ServiceError(
            "InvalidParameterException",
            "Invalid parameter at 'maxResults' failed to satisfy constraint: 'must be between 1 and 1000'",
        )
    try:
        start = int(base64.b64decode(document.get("nextToken") or "MA==", validate=True))
    except ValueError as fault:
        raise ServiceError("InvalidParameterException", "Invalid parameter at 'nextToken'") from fault
    end = start + limit
    more = {"nextToken": base64.b64encode(str(end).encode()).decode()} if end < len(items) else {}
    return list(items[start:end]), more
