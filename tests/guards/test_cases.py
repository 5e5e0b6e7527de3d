"""Every case file: what it comes to, word by word; and what must be so in all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.guards.cases import Case, all_cases, came_to, ran
from tests.pace import sampled

CASES = all_cases()


@pytest.mark.parametrize("case", sampled(CASES, lambda case: case.name))
def test_a_case(case: Case, tmp_path: Path) -> None:
    bed, plan, result = ran(case, tmp_path)
    assert came_to(bed, plan) == case.expected
    for row in plan.rows:  # what holds for all of them
        status = case.expected[row.name]["status"]
        if row.wish == "Rejected":
            assert "Approved" not in status.split(), "a guardrail stopped a revocation"
        if row.standing in ("blocked", "waiting") and case.data.get("before") is None:
            assert "Approved" not in status.split(), "something that is held back was approved"
        if row.standing == "pending" and row.wish == "Approved":
            assert "Approved" in status.split(), "something that nothing holds back did not go on"
    assert (4 in (plan.exit_code(), result.exit_code())) == any(row.standing == "blocked" for row in plan.rows)


def test_there_are_enough_of_them() -> None:
    assert len(CASES) >= 60
