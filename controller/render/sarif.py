"""SARIF 2.1.0, for code scanning: one result for each thing to tell, at its place in the manifests."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from controller import __version__
from controller.core.canonical import digest
from controller.core.redact import redacted
from controller.render.escape import sarif as escaped
from controller.render.escape import terminal
from controller.render.notices import RULES, Notice

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif(notices: Iterable[Notice]) -> str:
    """The whole log as JSON text."""
    rules = [
        {"id": name, "shortDescription": {"text": words}, "defaultConfiguration": {"level": "error"}}
        for name, words in RULES.items()
    ]
    driver = {"name": "Hubwright", "semanticVersion": __version__, "rules": rules}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"SRCROOT": {"description": {"text": "The repository's root."}}},
        "results": [_result(item) for item in notices],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, sort_keys=True) + "\n"


def _result(item: Notice) -> dict[str, Any]:
    about = f"{item.about}: " if item.about else ""
    found: dict[str, Any] = {
        "ruleId": item.rule,
        "ruleIndex": [*RULES].index(item.rule),
        "level": item.level,
        "message": {"text": escaped(f"{about}{item.message}")},
        "partialFingerprints": {
            "hubwright/v1": digest([item.rule, *map(terminal, (item.about, item.path, item.message))])
        },
    }
    if item.path:
        region = {"startLine": item.line, "startColumn": item.column}
        place = {"uri": quote(redacted(item.path), safe="/", errors="backslashreplace"), "uriBaseId": "SRCROOT"}
        found["locations"] = [{"physicalLocation": {"artifactLocation": place, "region": region}}]
    return found
