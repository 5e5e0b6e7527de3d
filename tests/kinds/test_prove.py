"""What sources state of themselves is asked for many at once, and no further once the run is to end."""

from __future__ import annotations

import time
from typing import Any, cast

from controller.kinds.base import Client
from controller.kinds.flow import Inline, Pace
from controller.kinds.prove import stated_many
from controller.kinds.s3object import ObjectCopy
from controller.kinds.s3upload import Lanes


class Source:
    def __init__(self) -> None:
        self.begun = 0

    def call(self, _operation: str, /, **_parameters: Any) -> dict[str, Any]:
        return {"ETag": '"e"', "ChecksumSHA256": "s", "ChecksumType": "FULL_OBJECT"}

    def many(self, operation: str, requests: Any, told: Any = lambda _: True) -> list[dict[str, Any] | None]:
        found: list[dict[str, Any] | None] = [None] * len(requests)
        for number in range(len(requests)):
            self.begun += 1
            found[number] = self.call(operation)
            if not told(number):
                break
        return found


def test_a_run_that_is_to_end_asks_no_further() -> None:
    source = Source()
    items = [copy(number) for number in range(20)]
    lanes = Lanes(Inline(), lambda: Pace(time.monotonic), lambda _: None, stopped=lambda: source.begun >= 3)
    found = stated_many(cast("Client", source), items, lanes)
    assert (source.begun, len(found)) == (3, 4)


def copy(number: int) -> ObjectCopy:
    owners = ("222222222222", "111111111111")
    name = f"k{number}"
    return ObjectCopy("lab", name, "v", '"e"', owners[0], 1, "store", f"h/{name}", owners[1], "a" * 64, None, {})
