"""A hub that was filled by hand: a copy of a spoke's version, without marks."""

from __future__ import annotations

from typing import Any

from tests import bed as beds
from tests.bed import CHURN, HUB, STORE, Bed

REPORT = b'{"auc": 0.9}'


def by_hand(bed: Bed, *, model: bytes | None = None, image: str = "serve one", approval: str = "Approved") -> str:
    """One spoke version, and in the hub what a script made of it: objects in the store's bucket, an image by digest."""
    beds.simple(bed)
    return copied(bed, model=model, image=image, approval=approval)


def copied(
    bed: Bed, *, model: bytes | None = None, image: str = "serve one", approval: str = "Approved", tagged: str = ""
) -> str:
    """The hub's side of it; gives the version's ARN."""
    data = _source(bed) if model is None else model
    beds.put(bed, HUB, f"s3://{STORE}/models/old/churn/model.tar.gz", data)
    beds.put(bed, HUB, f"s3://{STORE}/models/old/churn/metrics.json", REPORT)
    digest = beds.push(bed, HUB, "old/churn", "1", image)
    beds.group(bed, HUB, "churn")
    named = f"old/churn:{tagged}" if tagged else f"old/churn@{digest}"
    return beds.register(bed, HUB, "churn", **body(named), ModelApprovalStatus=approval)


def _source(bed: Bed) -> bytes:
    """The very bytes: packing them again would write another time into them."""
    answer = bed.client(CHURN, "s3").call("GetObject", Bucket="churn-lab-models", Key="v1/model.tar.gz")
    return bytes(answer["Body"].read())


def body(image: str, model: str = "old/churn/model.tar.gz") -> dict[str, Any]:
    report = {"ContentType": "application/json", "S3Uri": f"s3://{STORE}/models/old/churn/metrics.json"}
    return {
        "InferenceSpecification": beds.inference(beds.container(HUB, image, f"s3://{STORE}/models/{model}")),
        "ModelMetrics": {"ModelQuality": {"Statistics": report}},
        "CustomerMetadataProperties": {"by": "a script"},
        "ModelPackageDescription": "copied by hand",
    }


def adopting(name: str = "churn-1", *, adopts: int = 1, **more: Any) -> dict[str, Any]:
    return beds.promotion(name, adopts=adopts, **more)


__all__ = ["CHURN", "adopting", "by_hand", "copied"]
