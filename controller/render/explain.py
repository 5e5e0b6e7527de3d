"""What differs between two specs, field by field. Only for what is already known to differ: deepdiff is slow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from controller.core.marks import PREFIX

_SHOWN = 120
_OWN = f"metadata.{PREFIX}"


def explain(before: Any, after: Any, *, marks: bool = False) -> tuple[str, ...]:
    """Lines such as `stage.Stage: none -> "Production"`, by field; of our own marks only if `marks`."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return ()
    found = sorted(_differences(before, after))
    return tuple(f"{path}: {said}" for path, said in found if marks or not path.startswith(_OWN))


def _differences(before: Any, after: Any) -> Iterator[tuple[str, str]]:
    from deepdiff.diff import DeepDiff

    for rows in DeepDiff(before, after, view="tree", verbose_level=2).values():
        for row in rows:
            path = ".".join(str(part) for part in row.path(output_format="list"))
            yield path, f"{_shown(row.t1)} -> {_shown(row.t2)}"


def _shown(value: Any) -> str:
    """A value as JSON; what is absent, or says that nothing is there, as `none`."""
    if value is None or type(value).__name__ == "NotPresent":
        return "none"
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
