"""Pages and the time lag of the registry's lists."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from typing import TypeVar

from controller.sandbox.sagemaker.checks import invalid
from controller.sandbox.sagemaker.state import Document, Package
from controller.sandbox.world import Span, World

Item = TypeVar("Item")


def page(items: Sequence[Item], document: Document, usual: int = 10) -> tuple[list[Item], Document]:
    """One page, and `{"NextToken": …}` when more follow; a token of another request is refused."""
    asked = {name: value for name, value in document.items() if name not in ("NextToken", "MaxResults")}
    mark = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]
    start = 0
    if document.get("NextToken"):
        try:
            given, start = json.loads(base64.b64decode(document["NextToken"], validate=True))
        except ValueError as fault:
            raise invalid("Invalid NextToken.") from fault
        if given != mark:
            raise invalid("Invalid NextToken: it was given for another request.")
    end = start + (document.get("MaxResults") or usual)
    if end >= len(items):
        return list(items[start:end]), {}
    token = base64.b64encode(json.dumps([mark, end]).encode()).decode()
    return list(items[start:end]), {"NextToken": token}


def seen(world: World, number: int, time: float, lag: Span) -> bool:
    """Whether what happened in call `number` at `time` shows through a lag."""
    return lag.over(world.count - number - 1, world.clock.now() - time)


def visible(world: World, package: Package, lag: Span) -> Document | None:
    """A package's body as a lagging reader sees it; None while it is not yet, or no longer, there."""
    if lag.calls is None and lag.seconds is None:
        return package.body
    for state in reversed(package.history):
        if seen(world, state.number, state.time, lag):
            return state.body
    return None
