"""`validate`: whether the manifests may be merged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from controller.cli.output import told, write
from controller.cli.reading import read_manifests
from controller.cli.settings import Settings
from controller.cli.unseen import remark_unseen
from controller.core.access.troubles import troubles
from controller.core.manifests import Manifests
from controller.core.problems import ManifestsError, Problem
from controller.core.redact import redacted_all
from controller.render.document import problem, to_json
from controller.render.escape import terminal
from controller.render.junit import of_validation
from controller.render.notices import of_problems
from controller.render.words import listed, number

_KINDS = ("fleet", "hubs", "spokes", "guardrails", "waivers", "groups", "promotions", "subscriptions", "locks")


def validate(settings: Settings, form: str) -> int:
    """Writes every fault to stdout; 1 when there is one. As JSON it is what `schemas/validation.v1.json` says.

    `SourceError` when there is nothing to read.
    """
    try:
        manifests = read_manifests(settings)
    except ManifestsError as error:
        if not error.problems:
            raise
        write(shown(error.problems, {}, form))
        remark_unseen(settings)
        return 1
    faults = (*manifests.problems, *troubles(manifests))
    write(shown(faults, _counts(manifests), form))
    remark_unseen(settings)
    return 1 if faults else 0


def _counts(manifests: Manifests) -> dict[str, int]:
    found = Counter({name: len(getattr(manifests, name)) for name in _KINDS if name != "fleet"})
    return {"fleet": 1, **{name: found[name] for name in _KINDS if name != "fleet"}}


def shown(problems: Iterable[Problem], counts: dict[str, int], form: str) -> str:
    faults = list(problems)
    if form == "json":
        body: dict[str, Any] = {"format": "hubwright.io/validation/v1", "valid": counts}
        return to_json(redacted_all(body | {"problems": [problem(fault) for fault in faults]}))
    if form == "junit":
        return of_validation(of_problems(faults))
    if form != "text":
        return told(of_problems(faults), form)
    lines = [terminal(str(fault)) for fault in faults]
    return "\n".join([*lines, _summary(len(faults), counts)]) + "\n"


def _summary(faults: int, counts: dict[str, int]) -> str:
    valid = listed(number(count, name.removesuffix("s"), name) for name, count in counts.items() if count)
    if not faults:
        return f"Valid: {valid}."
    return f"{number(faults, 'problem')}." + (f" Valid: {valid}." if valid else "")
