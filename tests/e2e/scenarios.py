"""Situations in which a run may die: how the sources stand, what Git says, and what was merged since."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import bed as beds
from tests.bed import CHURN, VISION, Bed
from tests.e2e.adopted import adopting, by_hand

Team = tuple[Mapping[str, Any], ...]
OTHER = {"kind": "ModelGroup", "metadata": {"name": "unrelated"}, "spec": {"tags": {"team": "else"}}}
VISION_GROUPS: Team = (
    {"kind": "ModelGroup", "metadata": {"name": "defects"}, "spec": {}},
    {"kind": "ModelGroup", "metadata": {"name": "ocr"}, "spec": {}},
)


@dataclass(frozen=True)
class Scenario:
    """`sources` fills the spokes, `before` is what an earlier run already brought about, `team` what Git asks for now."""

    name: str
    sources: Callable[[Bed], None]
    team: Team
    before: Team | None = None
    change: Callable[[Bed], None] | None = None  # between the earlier run and now
    expected: tuple[tuple[str, str], ...] = ()  # (package, approval) at the end
    short: bool = False  # few calls: used where every call is tried many times


def _none(bed: Bed) -> None:
    """No sources of its own."""


def pipeline(bed: Bed) -> None:
    """Two containers sharing an image, and a prefix of many files."""
    beds.bucket(bed, VISION, "vision-lab-models")
    for name in ("pre.tar.gz", "main.tar.gz"):
        beds.put(bed, VISION, f"s3://vision-lab-models/d/{name}", beds.model(name))
    for index in range(4):
        beds.put(bed, VISION, f"s3://vision-lab-models/ocr/v1/part-{index}", b"x" * (index + 1))
    beds.push(bed, VISION, "vision/serve", "1", "serve")
    beds.push(bed, VISION, "vision/pre", "1", "pre")
    for name in ("defects-pipeline", "ocr-experiments"):
        beds.group(bed, VISION, name)
    image = "vision/serve:1"
    beds.register(
        bed,
        VISION,
        "defects-pipeline",
        InferenceSpecification=beds.inference(
            beds.container(VISION, "vision/pre:1", "s3://vision-lab-models/d/pre.tar.gz"),
            beds.container(VISION, image, "s3://vision-lab-models/d/main.tar.gz"),
        ),
    )
    source = {"S3Uri": "s3://vision-lab-models/ocr/v1/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    host = f"{VISION}.dkr.ecr.{beds.REGION}.amazonaws.com"
    beds.register(
        bed,
        VISION,
        "ocr-experiments",
        InferenceSpecification=beds.inference(
            {"Image": f"{host}/{image}", "ModelDataSource": {"S3DataSource": source}, "Environment": {"DEBUG": "1"}}
        ),
    )


def large(bed: Bed) -> None:
    """The simple source, with a store in which one call copies no more than a few kilobytes."""
    beds.simple(bed)
    bed.world.settings.copy_limit = 64
    bed.world.settings.part_minimum = 1


def both(bed: Bed) -> None:
    beds.simple(bed)
    pipeline(bed)


def _overwrite_and_relock(bed: Bed) -> None:
    beds.put(bed, CHURN, "s3://churn-lab-models/v1/model.tar.gz", beds.model("retrained"))


def _person(bed: Bed) -> None:
    client = bed.client(beds.HUB, "sagemaker")
    arn = f"arn:aws:sagemaker:{beds.REGION}:{beds.HUB}:model-package/churn/1"
    client.call(
        "UpdateModelPackage",
        ModelPackageArn=arn,
        ModelApprovalStatus="PendingManualApproval",
        CustomerMetadataProperties={"ticket": "changed"},
    )


CHURN_1 = beds.promotion(
    reason="Better on the October holdout.",
    stage={"name": "Production", "status": "Active"},
    metadata={"ticket": "ML-1"},
)
DEFECTS_1 = beds.promotion("defects-1", spoke="vision-lab", source="defects-pipeline", to="defects")
OCR_1 = beds.promotion(
    "ocr-1",
    spoke="vision-lab",
    source="ocr-experiments",
    to="ocr",
    inference={"environment": {"set": {"LEVEL": "20"}, "drop": ["DEBUG"]}},
)
CHURN_1_ANEW = {**CHURN_1, "spec": {**CHURN_1["spec"], "attempt": 2}}
CHURN_1_REJECTED = {**CHURN_1, "spec": {**CHURN_1["spec"], "approval": "Rejected"}}

SCENARIOS = (
    Scenario("adopted where it stands", by_hand, (adopting(),), expected=(("churn/1", "Approved"),), short=True),
    Scenario("one model", beds.simple, (CHURN_1,), expected=(("churn/1", "Approved"),), short=True),
    Scenario(
        "held back",
        beds.simple,
        (beds.promotion(approval="PendingManualApproval", reason="Wait."),),
        expected=(("churn/1", "PendingManualApproval"),),
    ),
    Scenario(
        "a pipeline and a prefix",
        pipeline,
        (*VISION_GROUPS, DEFECTS_1, OCR_1),
        expected=(("defects/1", "Approved"), ("ocr/1", "Approved")),
    ),
    Scenario("copies in parts", large, (CHURN_1,), expected=(("churn/1", "Approved"),)),
    Scenario(
        "two spokes",
        both,
        (*VISION_GROUPS, CHURN_1, DEFECTS_1, OCR_1),
        expected=(("churn/1", "Approved"), ("defects/1", "Approved"), ("ocr/1", "Approved")),
    ),
    Scenario(
        "a new attempt supersedes",
        beds.simple,
        (CHURN_1_ANEW,),
        before=(CHURN_1,),
        expected=(("churn/1", "PendingManualApproval"), ("churn/2", "Approved")),
        short=True,
    ),
    Scenario(
        "revoked", beds.simple, (CHURN_1_REJECTED,), before=(CHURN_1,), expected=(("churn/1", "Rejected"),), short=True
    ),
    Scenario(
        "changed by a person",
        beds.simple,
        (CHURN_1,),
        before=(CHURN_1,),
        change=_person,
        expected=(("churn/1", "Approved"),),
        short=True,
    ),
)


def ready(scenario: Scenario, folder: Path) -> tuple[Bed, Any, Any]:
    """(bed, manifests, the same manifests with something unrelated merged)."""
    bed = beds.fresh()
    scenario.sources(bed)
    if scenario.before is not None:
        bed.reconcile(beds.manifests(folder / "before", *scenario.before))
        if scenario.change:
            scenario.change(bed)
    bed.warm()
    return bed, beds.manifests(folder / "now", *scenario.team), beds.manifests(folder / "later", *scenario.team, OTHER)
