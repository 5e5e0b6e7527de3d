"""Documents of access for others to apply: as plain JSON, for CloudFormation and for Terraform, file by file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from controller.core.access.document import Document
from controller.core.access.statement import policy
from controller.render.cloudformation import template
from controller.render.document import to_json
from controller.render.terraform import configuration

ACCESS = "hubwright.io/access/v1"
Write = Callable[[str, Iterable[Document]], dict[str, str]]


def wanted(documents: Iterable[Document]) -> list[Document]:
    """Without policies that would say nothing."""
    return [item for item in documents if item.statements or "statements" not in item.spec or "arn" in item.spec]


def by_account(fleet: str, documents: Iterable[Document]) -> dict[str, str]:
    """`{"ACCOUNT.json": text}`: every document with its place, what it is for and the whole policy."""
    found: dict[str, list[dict[str, Any]]] = {}
    for item in wanted(documents):
        found.setdefault(item.key.target.account, []).append(_plain(item))
    return {
        f"{account}.json": to_json({"format": ACCESS, "fleet": fleet, "account": account, "documents": items})
        for account, items in sorted(found.items())
    }


def _plain(item: Document) -> dict[str, Any]:
    body = {name: value for name, value in item.spec.items() if name != "statements"}
    if "statements" in item.spec:
        body["policy"] = policy(item.statements)
    return {
        "kind": item.key.kind,
        "name": item.key.name,
        "region": item.key.target.region,
        "manage": item.manage,
        "why": item.why,
        "from": list(item.origins),
        **body,
    }


def cloudformation(fleet: str, documents: Iterable[Document]) -> dict[str, str]:
    """A template per account; where an account has documents in several regions, one for each."""
    return {
        f"{name}.template.json": to_json(template(fleet, account, items))
        for name, account, items in _placed(wanted(documents))
    }


def terraform(fleet: str, documents: Iterable[Document]) -> dict[str, str]:
    """A configuration in JSON syntax per account, and region where there are several."""
    return {f"{name}.tf.json": to_json(configuration(fleet, items)) for name, _, items in _placed(wanted(documents))}


def _placed(documents: Iterable[Document]) -> list[tuple[str, str, list[Document]]]:
    found: dict[tuple[str, str], list[Document]] = {}
    for item in documents:
        found.setdefault((item.key.target.account, item.key.target.region), []).append(item)
    regions: dict[str, int] = {}
    for account, _ in found:
        regions[account] = regions.get(account, 0) + 1
    return [
        (account if regions[account] == 1 else f"{account}-{region}", account, items)
        for (account, region), items in sorted(found.items())
    ]


FILES: Mapping[str, Write] = {"json": by_account, "cloudformation": cloudformation, "terraform": terraform}
