"""Takes out of a text what looks like a secret: credentials, signatures of URLs, private keys.

A net below the rule that secrets are never put into reports in the first place: descriptions, metadata, tags, AWS's own
messages and names of branches are other people's words.
"""

from __future__ import annotations

import re
from typing import Any

GONE = "[redacted]"
# One cheap look decides for nearly every text that there is nothing to do.
_HINT = re.compile(
    r"://|A[KS]IA|gh[pousr]_|github_pat_|glpat-|xox[abeprs]-|eyJ|BEGIN|bearer|basic |passw|secret|api.?key|token|sig",
    re.IGNORECASE,
)
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(\b[a-z][a-z0-9+.-]{0,20}://)[^\s/@]{1,512}@", re.IGNORECASE), rf"\g<1>{GONE}@"),
    (
        re.compile(
            r"([?&;](?:X-Amz-[A-Za-z-]{1,40}|AWSAccessKeyId|Signature|sig|se|sv|Key-Pair-Id|Policy|code|(?:access_|id_)?token|"
            r"api_?key|password|secret)=)[^&\s\"'<>]{1,4096}",
            re.IGNORECASE,
        ),
        rf"\g<1>{GONE}",
    ),
    (re.compile(r"\bA[KS]IA[A-Z0-9]{16}\b"), GONE),
    (re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_\w{20,255}|glpat-[\w-]{20,255})"), GONE),
    (re.compile(r"\bxox[abeprs]-[A-Za-z0-9-]{10,255}"), GONE),
    (re.compile(r"\beyJ[\w-]{8,4096}\.[\w-]{8,4096}\.[\w-]{0,4096}"), GONE),
    (
        re.compile(
            r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.{0,8192}?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|$)", re.S
        ),
        GONE,
    ),
    (re.compile(r"\b((?:bearer|basic) )[A-Za-z0-9+/=._~-]{16,4096}", re.IGNORECASE), rf"\g<1>{GONE}"),
    (
        re.compile(
            r"((?:password|passwd|passphrase|secret|secret_?access_?key|api[_-]?key|(?:access|auth|session|security)[_-]?token)"
            r"[\"']?\s{0,3}[=:]\s{0,3}[\"']?)[^\s\"',;}]{6,4096}",
            re.IGNORECASE,
        ),
        rf"\g<1>{GONE}",
    ),
)


def redacted(text: str) -> str:
    """The text, with `[redacted]` where it has what looks like a secret."""
    if _HINT.search(text) is None:
        return text
    for pattern, put in _RULES:
        text = pattern.sub(put, text)
    return text


def secret_in(value: Any) -> bool:
    """Whether JSON data has what looks like a secret: what has one is not written into Git."""
    return bool(redacted_all(value) != (list(value) if isinstance(value, tuple) else value))


def redacted_all(value: Any) -> Any:
    """JSON data with every text in it redacted, names of members too; equal data without secrets stays equal."""
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, dict):
        return {redacted(name): redacted_all(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [redacted_all(item) for item in value]
    return value
