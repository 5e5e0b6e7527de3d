"""A spoke that pushes writes its own records and registers its own versions: none of it is believed on its word."""

from __future__ import annotations

import copy
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from controller.apply import apply
from controller.core.draft import image_tag
from controller.core.manifests import Manifests
from controller.core.record import Record, Stored, record_key
from controller.core.release import release_from_json, spec_digest
from controller.kinds.flow import Inline
from tests import bed as beds
from tests.bed import CHURN, HUB, REGION, STORE, Bed
from tests.e2e.test_copying import platform

SOURCE = "churn-lab-models"
EVIL = f"s3://{SOURCE}/evil.tar.gz"


@dataclass
class Push:
    """What a spoke's own run would write, to be written otherwise: `data` are the objects' bytes by key."""

    bed: Bed
    promotion: str
    record: Record
    metadata: dict[str, str]
    data: dict[str, bytes] = field(default_factory=dict)

    def objects(self) -> None:
        """Puts the objects, and has the record name them as they stand."""
        stored = []
        for item in self.record.objects:
            done = self.bed.client(HUB, "s3").call("PutObject", Bucket=STORE, Key=item.key, Body=self.data[item.key])
            size = len(self.data[item.key])
            stored.append(Stored(item.key, size, done["ETag"], done["VersionId"], item.checksums))
        self.record = replace(self.record, objects=tuple(stored))

    def register(self) -> None:
        """Writes the record and registers the version that it names."""
        place = record_key("models", CHURN, self.promotion)
        text = self.record.text().encode()
        self.bed.client(HUB, "s3").call("PutObject", Bucket=STORE, Key=place, Body=text, IfNoneMatch="*")
        self.bed.client(HUB, "sagemaker").call(
            "CreateModelPackage",
            **self.record.body,
            ModelPackageGroupName="churn",
            ModelApprovalStatus="PendingManualApproval",
            CustomerMetadataProperties={**self.metadata, "hubwright/spec": spec_digest(self.record.body)},
            ClientToken=self.promotion,
        )


def locked(
    bed: Bed, folder: Path, *, lock: bool = True, sums: Callable[[bytes], dict[str, str]] | None = None
) -> tuple[Push, Manifests]:
    """The honest push of churn-1, ready to be spoilt, and the fleet in which its spoke pushes.

    `sums` makes the checksums that the lock has of each object; by default those that S3 states.
    """
    beds.simple(bed)
    beds.put(bed, CHURN, EVIL, beds.model("evil"))
    wish = beds.promotion()
    named = beds.lock(bed, beds.manifests(folder / "plain", wish), "churn-1")
    for item in named["spec"]["objects"] if sums else ():
        item["checksums"] = sums(read(bed, item["uri"]))  # type: ignore[misc]
    lock_documents = [{"kind": "Lock", **named}] if lock else []
    pulled = beds.manifests(folder / "pulled", wish, *lock_documents)
    pushed = beds.manifests(folder / "pushed", wish, *lock_documents, platform=platform(churn_lab={"pattern": "push"}))
    thought = bed.think(pulled)
    actions = {action.key.kind: action for action in thought.plan.actions}
    before = tuple(item for item in thought.plan.actions if item.key.kind in ("group", "repository", "image"))
    apply(bed.effects(thought, "r"), replace(thought.plan, actions=before), Inline(), lambda *_: None)
    facts = actions["artifact"].facts
    source = pulled.spokes["churn-lab"].spec
    release = release_from_json(thought.subjects["churn-1"].source, facts["release"])
    assert source.account == CHURN
    sizes = {item.uri: item.size for item in release.objects}
    stored = tuple(Stored(key, sizes[uri], "", None, {}) for uri, key, _ in facts["objects"])
    promotion = actions["package"].after["promotion"]
    record = Record(promotion, release, facts["inputs"], facts["attempt"], copy.deepcopy(facts["body"]), stored)
    push = Push(bed, promotion, record, dict(actions["package"].facts["metadata"]))
    push.data = {key: read(bed, uri) for uri, key, _ in facts["objects"]}
    return push, pushed


def read(bed: Bed, uri: str) -> bytes:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    with bed.client(CHURN, "s3").call("GetObject", Bucket=bucket, Key=key)["Body"] as body:
        return bytes(body.read())


def container(push: Push) -> dict[str, Any]:
    found: dict[str, Any] = push.record.body["InferenceSpecification"]["Containers"][0]
    return found


def another_model(push: Push) -> None:
    """The version fetches what the spoke may change at any time."""
    container(push)["ModelDataUrl"] = EVIL


def another_model_in_the_hub(push: Push) -> None:
    key = f"models/{CHURN}/churn/evil.tar.gz"
    push.bed.client(HUB, "s3").call("PutObject", Bucket=STORE, Key=key, Body=b"evil")
    container(push)["ModelDataUrl"] = f"s3://{STORE}/{key}"


def nothing_recorded(push: Push) -> None:
    another_model(push)
    push.record = replace(push.record, objects=())


def another_image(push: Push) -> None:
    evil = beds.push(push.bed, CHURN, "churn/serve", "evil", "serve evil")
    container(push)["Image"] = f"{CHURN}.dkr.ecr.{REGION}.amazonaws.com/churn/serve@{evil}"
    container(push)["ImageDigest"] = evil


def another_image_in_the_hub(push: Push) -> None:
    name = f"models/{CHURN}/churn/serve"
    evil = beds.push(push.bed, HUB, name, "evil", "serve evil")
    beds.push(push.bed, HUB, name, image_tag(push.promotion, evil), "serve evil")
    container(push)["Image"] = f"{HUB}.dkr.ecr.{REGION}.amazonaws.com/{name}@{evil}"
    container(push)["ImageDigest"] = evil


def the_image_where_it_was(push: Push) -> None:
    digest = push.record.release.images[0].digest
    container(push)["Image"] = f"{CHURN}.dkr.ecr.{REGION}.amazonaws.com/churn/serve@{digest}"


def a_setting(push: Push) -> None:
    container(push)["Environment"] = {"SAGEMAKER_PROGRAM": "evil.py"}


def fewer_objects(push: Push) -> None:
    push.record = replace(push.record, objects=push.record.objects[:1])


def other_bytes(push: Push) -> None:
    key = next(item.key for item in push.record.objects if item.key.endswith("model.tar.gz"))
    push.data[key] = bytes(len(push.data[key]))


def longer_bytes(push: Push) -> None:
    key = push.record.objects[0].key
    push.data[key] += b"more"


def as_adopted(push: Push) -> None:
    a_setting(push)
    push.record = replace(push.record, adopted=1)


def another_source(push: Push) -> None:
    source = replace(push.record.release.source, region="eu-central-1")
    push.record = replace(push.record, release=replace(push.record.release, source=source))


SPOILT: tuple[Callable[[Push], None], ...] = (
    another_model,
    another_model_in_the_hub,
    nothing_recorded,
    another_image,
    another_image_in_the_hub,
    the_image_where_it_was,
    a_setting,
    fewer_objects,
    other_bytes,
    longer_bytes,
    as_adopted,
    another_source,
)


@pytest.mark.parametrize("lock", [True, False])
def test_what_an_honest_spoke_pushed_is_approved(bed: Bed, tmp_path: Path, lock: bool) -> None:
    push, fleet = locked(bed, tmp_path, lock=lock)
    push.objects()
    push.register()
    report = bed.reconcile(fleet)
    assert (beds.standing(report), report.exit_code()) == ("converged", 0), beds.why(report)
    assert beds.described(bed)["ModelApprovalStatus"] == "Approved"


@pytest.mark.parametrize("spoil", SPOILT, ids=lambda spoil: spoil.__name__)
def test_what_is_not_what_its_lock_names_is_never_approved(
    bed: Bed, tmp_path: Path, spoil: Callable[[Push], None]
) -> None:
    push, fleet = locked(bed, tmp_path)
    spoil(push)
    push.objects()
    push.register()
    report = bed.reconcile(fleet)
    assert (beds.standing(report), report.exit_code()) == ("failed", 5)
    assert beds.described(bed)["ModelApprovalStatus"] == "PendingManualApproval"


def test_a_sha256_that_only_the_lock_has_is_taken_of_the_bytes(bed: Bed, tmp_path: Path) -> None:
    """S3 states none of the copy, and who owns the bytes can make any two of them have one CRC."""
    push, fleet = locked(bed, tmp_path, sums=lambda data: {"SHA256": b64encode(sha256(data).digest()).decode()})
    other_bytes(push)
    push.objects()
    push.register()
    report = bed.reconcile(fleet)
    assert (beds.standing(report), "SHA256" in beds.why(report)[0]) == ("failed", True)


@pytest.mark.parametrize("images", [{"prefix": "elsewhere"}, {"prefix": "models", "trusted": ["763104351884"]}])
def test_a_hub_whose_settings_changed_still_approves_what_is_there(
    bed: Bed, tmp_path: Path, images: dict[str, Any]
) -> None:
    beds.simple(bed)
    pending = beds.promotion(approval="PendingManualApproval")
    assert bed.reconcile(beds.manifests(tmp_path / "before", pending)).exit_code() == 0
    report = bed.reconcile(
        beds.manifests(tmp_path / "after", beds.promotion(), platform=platform(central={"images": images}))
    )
    assert (beds.standing(report), report.exit_code()) == ("converged", 0), beds.why(report)


def test_without_a_lock_it_still_takes_only_what_may_leave_the_spoke(bed: Bed, tmp_path: Path) -> None:
    push, fleet = locked(bed, tmp_path, lock=False)
    narrow = {"groups": ["churn-*"], "buckets": ["another"], "repositories": ["churn/*"]}
    fleet = beds.manifests(
        tmp_path / "narrow",
        beds.promotion(),
        platform=platform(churn_lab={"pattern": "push", "allow": narrow}),
    )
    push.objects()
    push.register()
    report = bed.reconcile(fleet)
    assert (beds.standing(report), report.exit_code()) == ("failed", 5)
    assert "may leave the spoke" in " ".join(beds.why(report))
