"""`drift` by its command: what it tells apart, that it reads only, and that a clean run says so."""

from __future__ import annotations

from collections.abc import Callable

from controller.sandbox.server import Serving
from tests.cli.conftest import Command
from tests.cli.spokes import HUB, Hand


def test_a_clean_fleet_says_so_and_a_change_by_hand_is_drift(
    live: Command, serving: Serving, hand: Callable[[str], Hand]
) -> None:
    assert live("reconcile").code == 0
    changed = len(serving.world.mutations())
    clean = live("drift", "--deep", "--format", "json")
    assert (clean.code, clean.json["items"], clean.json["clean"]) == (0, [], True)
    assert live("drift").out.startswith("No drift at ")
    arn = f"arn:aws:sagemaker:eu-west-1:{HUB}:model-package/ocr/1"
    hand(HUB)("sagemaker").update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Rejected")
    changed += 1
    found = live("drift", "--format", "json")
    assert found.code == 3
    assert [(item["class"], item["field"], item["mend"]) for item in found.json["items"]] == [
        (
            "drift",
            "approval",
            {"commands": ["hubwright accept ocr-1", "hubwright reconcile --scope promotion=ocr-1"], "commit": True},
        )
    ]
    assert live("drift").out == live("drift").out
    assert len(serving.world.mutations()) == changed
