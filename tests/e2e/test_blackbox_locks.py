"""What a tester found about locks with nothing but the commands: they must name the bytes, and name them truly."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from controller.pin import pins
from tests.bed import (
    CHURN,
    Inline,
    bucket,
    container,
    fresh,
    group,
    inference,
    lock,
    manifests,
    promotion,
    push,
    put,
    register,
    simple,
    standing,
    verbs,
    why,
)


def test_a_lock_that_lists_other_bytes_than_its_digest_is_refused(tmp_path: Path) -> None:
    bed = fresh()
    simple(bed)
    honest = lock(bed, manifests(tmp_path / "a", promotion()), "churn-1")
    forged: dict[str, Any] = copy.deepcopy(honest)
    forged["spec"]["objects"][0]["versionId"] = "what-reviewers-tried-out"
    fleet = manifests(tmp_path / "b", promotion(), forged)
    report = bed.reconcile(fleet)
    assert (standing(report), report.exit_code(), verbs(report)) == ("mismatch", 5, ["create group"])
    assert why(report) == ("its lock contradicts itself: what it lists is not what its digest stands for",)
    row = report.rows[0]
    assert "version what-reviewers-tried-out -> " in row.differences[0]
    (pin,) = pins(bed.reader, fleet, (), Inline(), "2026-11-22T12:00:00Z")
    assert pin.differences == row.differences
    assert pin.text


def test_a_lock_with_only_another_digest_says_so(tmp_path: Path) -> None:
    bed = fresh()
    simple(bed)
    forged = lock(bed, manifests(tmp_path / "a", promotion()), "churn-1")
    true = forged["spec"]["release"]
    forged["spec"]["release"] = "v1:sha256:" + "0" * 64
    fleet = manifests(tmp_path / "b", promotion(), forged)
    report = bed.plan(fleet)
    assert standing(report) == "mismatch"
    assert report.rows[0].differences == (f"release: v1:sha256:{'0' * 64} -> {true}",)


def test_the_lock_of_a_whole_bucket_is_a_valid_lock(tmp_path: Path) -> None:
    """An environment variable may name a bucket without a key: `s3://churn-lab-models`."""
    bed = fresh()
    bucket(bed, CHURN, "churn-lab-models")
    for number in range(101):
        put(bed, CHURN, f"s3://churn-lab-models/{number}", b"x")
    push(bed, CHURN, "churn/serve", "1", "serve one")
    group(bed, CHURN, "churn-experiments")
    spec = inference(
        container(CHURN, "churn/serve:1", "s3://churn-lab-models/1", Environment={"ALL": "s3://churn-lab-models"})
    )
    register(bed, CHURN, "churn-experiments", InferenceSpecification=spec)
    locked = manifests(tmp_path, promotion(), lock(bed, manifests(tmp_path, promotion()), "churn-1"))
    assert locked.problems == ()
    report = bed.reconcile(locked)
    assert (standing(report), verbs(bed.plan(locked))) == ("converged", [])
