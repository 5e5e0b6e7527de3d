"""Figures, not verdicts: what a plan over a large converged fleet costs. Run by `make bench`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from controller.sandbox import local
from tests import bed as beds
from tests.bed import Bed
from tests.e2e.test_scale import fleet

pytestmark = pytest.mark.bench


def test_a_converged_plan(bed: Bed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifests = beds.manifests(tmp_path, *fleet(bed, 500))
    started = time.monotonic()
    assert bed.reconcile(manifests).exit_code() == 0
    first = time.monotonic() - started
    spent = 0.0
    send = local.send

    def measured(*args: Any) -> Any:
        nonlocal spent
        before = time.process_time()
        try:
            return send(*args)
        finally:
            spent += time.process_time() - before

    monkeypatch.setattr(local, "send", measured)
    rows = []
    for _ in range(5):
        bed.__post_init__()
        before, calls, spent = time.process_time(), len(bed.world.calls), 0.0
        manifests = beds.manifests(tmp_path)
        report = bed.plan(manifests)
        own = time.process_time() - before - spent
        rows.append((len(bed.world.calls) - calls, own))
        assert report.plan.actions == ()
    calls, own = rows[0][0], sorted(item[1] for item in rows)[2]
    print(f"\n1,000 promotions, 2 spokes, 30 repositories: first reconcile {first:.1f} s in one process with the sandbox")
    print(f"converged plan: {calls} AWS calls (at most 80); own CPU, loading manifests included: {own:.2f} s (at most 5)")
    assert calls <= 80
