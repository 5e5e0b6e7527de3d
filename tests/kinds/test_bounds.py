"""What is sent is not what was asked for, or has no end: nothing wrong is stored, and nothing is read without bound."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import pytest

from controller.core.errors import CloudError, PreconditionError
from controller.kinds import artifact
from controller.kinds.prove import digest
from controller.kinds.s3object import at_source
from tests.kinds.test_relay import Strict, lanes, relayed
from tests.kinds.test_s3copy import HUB, KEY, MIB, world


@dataclass
class Rangeless(Strict):
    """Behind something that passes over `Range`, and sends the whole."""

    def GetObject(self, **parameters: Any) -> dict[str, Any]:  # noqa: N802
        body = self.objects[parameters["Bucket"], parameters["Key"]].body
        return {"Body": io.BytesIO(body), "ContentLength": len(body)}


def test_the_whole_is_not_taken_for_its_parts() -> None:
    s3, item = world(9 * MIB)
    s3 = Rangeless(objects=s3.objects, ids=s3.ids)
    with pytest.raises(CloudError, match="WrongRange"):
        relayed(s3, item)
    assert (s3.uploads, ("store", KEY) in s3.objects) == ({}, False)


def test_a_digest_is_of_what_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.kinds.prove.LEAF", 3 * MIB)
    s3, item = world(9 * MIB)
    with pytest.raises(CloudError, match="WrongRange"):
        digest(Rangeless(objects=s3.objects, ids=s3.ids), at_source(item), item.size, lanes())


class Endless(io.RawIOBase):
    given = 0

    def read(self, limit: int = -1) -> bytes:
        assert 0 < limit <= MIB
        self.given += limit
        return b" " * limit


def test_a_record_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifact, "_LARGEST_RECORD", 3 * MIB, raising=False)
    s3, body = Strict(), Endless()
    s3.GetObject = lambda **_: {"Body": body}  # type: ignore[method-assign]
    with pytest.raises(PreconditionError, match="cannot be trusted"):
        artifact.read_back(s3, HUB, "store", "record.json")
    assert body.given <= 5 * MIB
