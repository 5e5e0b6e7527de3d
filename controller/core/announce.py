"""What is told of a promotion once it is registered: one event, one table item. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from controller.core.canonical import canonical
from controller.core.lineage import Lineage

SOURCE = "hubwright"
DETAIL_TYPE = "Hubwright Model Promoted"
FORMAT = "hubwright.io/promoted/v1"
EVENT_BYTES = 250_000  # of EventBridge's 256 KB, which count source, type and time as well
ITEM_BYTES = 350_000  # of DynamoDB's 400 KB, which count names as well


def detail(version: str, lineage: Lineage, uri: str) -> dict[str, Any]:
    """What both say: the promotion's id, by which a second one of the same is known, and its lineage by reference."""
    promotion = lineage.data["promotion"]
    return {
        "format": FORMAT,
        "id": lineage.promotion,
        "promotion": promotion["name"],
        "fleet": promotion["fleet"],
        "group": promotion["group"],
        "version": version,
        "source": lineage.data["source"]["arn"],
        "release": lineage.data["release"],
        "lineage": {"uri": uri, "digest": lineage.digest},
    }


def event(bus: str, version: str, lineage: Lineage, uri: str) -> dict[str, Any]:
    """An entry for PutEvents; the document itself is in it where there is room."""
    told = detail(version, lineage, uri)
    whole = canonical({**told, "document": lineage.data})
    text = whole if len(whole.encode()) <= EVENT_BYTES else canonical(told)
    return {
        "EventBusName": bus,
        "Source": SOURCE,
        "DetailType": DETAIL_TYPE,
        "Detail": text,
        "Resources": [version, told["source"]],
    }


def item(version: str, lineage: Lineage, uri: str) -> dict[str, Any]:
    """An item for PutItem, its partition key `promotion` the promotion's id."""
    told = detail(version, lineage, uri)
    text = {
        "promotion": lineage.promotion,
        "name": told["promotion"],
        "fleet": told["fleet"],
        "group": told["group"],
        "version": version,
        "source": told["source"],
        "release": told["release"],
        "uri": uri,
        "digest": lineage.digest,
        "commit": lineage.commit,
    }
    document = canonical(lineage.data)
    if len(document.encode()) <= ITEM_BYTES:
        text["document"] = document
    return {name: {"S": value} for name, value in text.items() if value}


def same(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether an item that is there says the same as ours: its version and its digest."""
    return all(old.get(name) == new.get(name) for name in ("promotion", "version", "digest"))


def read_detail(text: str) -> dict[str, Any]:
    """An event's detail; ValueError when it is none of ours."""
    found = json.loads(text)
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise ValueError(f"not a {FORMAT} event")
    return found
