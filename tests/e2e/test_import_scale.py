"""`import` of a thousand versions asks for pages, not for each of them."""

from __future__ import annotations

import copy
from pathlib import Path

from controller.takein import Asked, take_in
from tests import bed as beds
from tests.bed import HUB, REGION, Inline


def test_a_thousand_versions_are_taken_in_with_few_calls(bed: beds.Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    assert bed.reconcile(beds.manifests(tmp_path, beds.promotion())).exit_code() == 0
    models = bed.world.models_of(HUB, REGION)
    first = models.packages["churn/1"]
    for number in range(2, 1001):
        twin = copy.deepcopy(first)
        body = twin.history[-1].body
        assert body is not None
        twin.key, twin.version = f"churn/{number}", number
        twin.arn = twin.arn.removesuffix("/1") + f"/{number}"
        marks = body["CustomerMetadataProperties"]
        marks["hubwright/source"] = marks["hubwright/source"].removesuffix("/1") + f"/{number}"
        marks["hubwright/promotion"] = f"00000000-0000-5000-8000-{number:012}"
        body |= {"ModelPackageArn": twin.arn, "ModelPackageVersion": number}
        models.packages[f"churn/{number}"] = twin
    (tmp_path / "manifests" / "teams" / "churn-1-promotion.yaml").unlink()
    fleet = beds.manifests(tmp_path)
    bed.world.calls.clear()
    wanted = take_in(bed.reader, fleet, Asked(("central",)), Inline(), "manifests")
    assert (len(wanted.made), wanted.open) == (1000, ())
    assert not bed.world.mutations()
    assert len(bed.world.calls) <= 100
