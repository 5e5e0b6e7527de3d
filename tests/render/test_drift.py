"""What a drift report says of things that could not be read: why, and not what was expected of them."""

import pytest

from controller.core.drift import Drift, Evidence, Item, Looked
from controller.render.drift import markdown, text

WHY = "unreadable: iam:GetRole failed: AccessDenied"
ITEMS = (
    Item("blind", "info", "111111111111", "access", "not all was read", evidence=(Evidence("role a", None, WHY),)),
    Item("drift", "warning", "churn-1", "reason", "somebody changed it", evidence=(Evidence("reason", None, "x"),)),
)


@pytest.mark.parametrize(
    ("form", "blind", "changed"),
    [
        (text, f"      role a: {WHY}", "      reason: nothing expected, x found"),
        (markdown, f"  - `role a`: `{WHY}`", "  - `reason`: `nothing` expected, `x` found"),
    ],
)
def test_what_could_not_be_read_says_why(form, blind, changed):
    lines = form(Drift("0123456789ab", ITEMS, Looked())).splitlines()
    assert [line for line in lines if line.lstrip(" -`").startswith(("role a", "reason`: ", "reason: "))] == [
        changed,
        blind,
    ]
