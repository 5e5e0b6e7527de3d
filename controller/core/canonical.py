"""Canonical JSON and the digests and ids made of it."""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import Any

_IDS = uuid.UUID("6b1f0f4e-7f0c-5f0a-9c5e-2f1d1b7f9a10")


def canonical(value: Any) -> str:
    """`value` (JSON data) as text that is equal exactly when the data is: sorted keys, no spaces."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")  # half a surrogate pair becomes JSON's escape of it


def sha256(text: str | bytes) -> str:
    """64 hexadecimal digits."""
    return hashlib.sha256(text if isinstance(text, bytes) else _bytes(text)).hexdigest()


def digest(value: Any) -> str:
    """`sha256:` and the hash of the canonical JSON of `value`."""
    return f"sha256:{sha256(canonical(value))}"


def stable_id(value: Any) -> str:
    """A UUID-shaped id (36 characters) of JSON data: the same in every run."""
    hashed = hashlib.sha1(_IDS.bytes + _bytes(canonical(value)), usedforsecurity=False)
    return str(uuid.UUID(bytes=hashed.digest()[:16], version=5))


def _bytes(text: str) -> bytes:
    """JSON may hold half of a surrogate pair, which plain UTF-8 refuses: nothing AWS answers may end a run."""
    return text.encode("utf-8", "surrogatepass")
