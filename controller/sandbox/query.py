"""The query protocol: flat forms to nested documents, and documents to XML."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

Document = dict[str, Any]
_META = "<ResponseMetadata><RequestId>00000000-0000-4000-8000-000000000000</RequestId></ResponseMetadata>"


def nest(form: Mapping[str, str]) -> Document:
    """`Tags.member.1.Key=a` as `{"Tags": [{"Key": "a"}]}`."""
    root: Document = {}
    for name, value in form.items():
        node: Document = root
        *parents, last = name.split(".")
        for part in parents:
            node = node.setdefault(part, {})
        node[last] = value
    return {name: _settle(value) for name, value in root.items()}


def _settle(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if set(value) == {"member"} and isinstance(value["member"], dict):
        rows = value["member"]
        return [_settle(rows[key]) for key in sorted(rows, key=int)]
    return {name: _settle(item) for name, item in value.items()}


def stamp(seconds: float) -> str:
    """A time as it stands in XML."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def render(document: Mapping[str, Any]) -> str:
    """A document as XML elements; lists as `member`s, None left out."""
    return "".join(f"<{name}>{_value(value)}</{name}>" for name, value in document.items() if value is not None)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return render(value)
    if isinstance(value, list):
        return "".join(f"<member>{_value(item)}</member>" for item in value)
    return escape(str(value).lower() if isinstance(value, bool) else str(value))


def envelope(operation: str, document: Mapping[str, Any]) -> str:
    """The inside of `<OperationResponse>`."""
    return f"<{operation}Result>{render(document)}</{operation}Result>{_META}"
