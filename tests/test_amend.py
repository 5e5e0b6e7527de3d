"""Changes of manifests that take over what is live."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from controller.amend import SPEC, accepted, changed
from controller.core.errors import UsageError


def test_what_a_manifest_must_not_hold_is_said_and_not_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "churn-1.yaml"
    path.write_text("spec:\n  reason: first\n")
    entry: Any = SimpleNamespace(path=path.name)
    with pytest.raises(UsageError) as caught:
        changed(tmp_path, entry, {(SPEC, "reason"): "red \x1b[31m"})
    assert str(caught.value) == "churn-1.yaml cannot take over what is live: a control character"
    assert caught.value.hint == "change it in the hub, or reconcile to put back what Git says"
    assert path.read_text() == "spec:\n  reason: first\n"


def test_what_looks_like_a_secret_is_not_taken_over_into_git(tmp_path: Path) -> None:
    path = tmp_path / "churn-1.yaml"
    path.write_text("spec:\n  approval: Approved\n  reason: first\n")
    live = SimpleNamespace(approval="Approved", description="password=hunter2hunter2", stage=None, metadata={})
    spec = SimpleNamespace(approval="Approved", reason="first", stage=None, metadata={})
    subject: Any = SimpleNamespace(name="churn-1", live=live)
    entry: Any = SimpleNamespace(path=path.name, spec=spec)
    with pytest.raises(UsageError) as caught:
        accepted(subject, entry, tmp_path)
    assert str(caught.value) == "churn-1 cannot take over what is live: what looks like a secret is in its reason"
    assert caught.value.hint == "change it in the hub, or reconcile to put back what Git says"
    assert path.read_text() == "spec:\n  approval: Approved\n  reason: first\n"
