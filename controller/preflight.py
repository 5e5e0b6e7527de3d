"""What a plan's caller lacks, said before anything is copied: who, which action, on what, and what would grant it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from controller.core.access.derive import derive
from controller.core.access.document import Document
from controller.core.access.explain import advice, lacks
from controller.core.errors import HubwrightError
from controller.core.manifests import Manifests
from controller.core.model import Target
from controller.core.report import Report, Row
from controller.core.wish import Finding
from controller.kinds.base import Cloud, Purpose

_APPROVES = "approval"


def explained(report: Report, manifests: Manifests) -> Report:
    """The report with a hint for every refusal that it tells of. Derives nothing where there is none."""
    texts = [*(item.why for item in report.others), *(text for row in report.rows for text in row.why)]
    if not any(lacks(text) for text in texts):
        return report
    documents = derive(manifests)
    rows = tuple(_row(row, documents) for row in report.rows)
    return replace(report, rows=rows, others=tuple(_finding(item, documents) for item in report.others))


def _row(row: Row, documents: Iterable[Document]) -> Row:
    found = [advice(lack, documents) for text in row.why for lack in lacks(text)]
    return replace(row, hints=tuple(dict.fromkeys((*found, *row.hints)))) if found else row


def _finding(item: Finding, documents: Iterable[Document]) -> Finding:
    found = list(dict.fromkeys(advice(lack, documents) for lack in lacks(item.why)))
    return replace(item, hint="; ".join(found)) if found else item


def unentered(cloud: Cloud, report: Report) -> tuple[Finding, ...]:
    """The roles that the planned actions need and that cannot be entered: asked only when there is something to do.

    That a role may also write is not proven: AWS has no way to ask that writes nothing.
    """
    needed: dict[tuple[Target, Purpose], None] = {}
    for action in report.plan.actions:
        needed[action.key.target, "approve" if action.key.kind == _APPROVES else "register"] = None
    found = []
    for target, purpose in needed:
        try:
            cloud.client(target, "sts", purpose).call("GetCallerIdentity")
        except HubwrightError as error:
            why = f"the role to {purpose} cannot be entered: {error}"
            found.append(Finding(f"{target}/{purpose}", "unknown", why, error.hint))
    return tuple(found)
