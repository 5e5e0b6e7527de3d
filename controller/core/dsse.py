"""DSSE envelopes (in-toto's): what is signed, how an envelope is written and taken apart. Signing itself is elsewhere.

Source: the DSSE protocol, version 1.0.2.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from controller.core.canonical import canonical

PAYLOAD_TYPE = "application/vnd.in-toto+json"
MAX_BYTES = 8 << 20
_SIGNATURES = 8


@dataclass(frozen=True, slots=True)
class Envelope:
    """The payload's bytes and (key id, signature) pairs. Nothing of it is believed before a signature was checked."""

    payload: bytes
    signatures: tuple[tuple[str, bytes], ...]

    @property
    def signed(self) -> bytes:
        """The bytes that signatures are over."""
        return encoded(self.payload)


def encoded(payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding of an in-toto payload."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def enveloped(payload: bytes, key: str, signature: bytes) -> str:
    """An envelope with one signature, as canonical JSON."""
    return canonical(
        {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"keyid": key, "sig": base64.b64encode(signature).decode()}],
        }
    )


def open_envelope(data: bytes) -> Envelope:
    """The parts of an envelope; ValueError says what is wrong with it."""
    if len(data) > MAX_BYTES:
        raise ValueError(f"it has more than {MAX_BYTES} bytes")
    found = parsed(data)
    if not isinstance(found, dict) or set(found) != {"payload", "payloadType", "signatures"}:
        raise ValueError("it is not a DSSE envelope with payload, payloadType and signatures")
    if found["payloadType"] != PAYLOAD_TYPE:
        raise ValueError(f"its payloadType is {found['payloadType']!r}, not {PAYLOAD_TYPE}")
    rows = found["signatures"]
    if not isinstance(rows, list) or not 1 <= len(rows) <= _SIGNATURES:
        raise ValueError(f"it has no signature, or more than {_SIGNATURES}")
    return Envelope(_bytes(found["payload"], "payload"), tuple(_signature(row) for row in rows))


def _signature(row: Any) -> tuple[str, bytes]:
    if not isinstance(row, dict) or not isinstance(row.get("keyid", ""), str):
        raise ValueError("a signature of it is not a signature")
    return row.get("keyid", ""), _bytes(row.get("sig"), "signature")


def _bytes(text: Any, what: str) -> bytes:
    if not isinstance(text, str) or not text:
        raise ValueError(f"its {what} is missing")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"its {what} is not base64") from error


def parsed(data: bytes) -> Any:
    """JSON from bytes that nobody vouches for; ValueError for anything else, and for an object's name given twice."""
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except UnicodeDecodeError as error:
        raise ValueError("it is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON: {error.msg} at character {error.pos}") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("it names a member twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"it holds {name}")
