"""`import` over a hub that was filled by hand: what is proven equal is adopted, the rest is named and left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller.amend import Amendment
from controller.core.manifests import Manifests
from controller.preflight import foresee, held_back
from controller.source.load import load
from controller.takein import Asked, take_in
from tests import bed as beds
from tests.bed import CHURN, HUB, STORE, Bed, Inline
from tests.e2e.adopted import adopting, body, by_hand, copied
from tests.e2e.test_adoption import different_image, different_model, movable_tag, shorter_model, swapped_digest

ARN = f"arn:aws:sagemaker:{beds.REGION}:{HUB}:model-package/churn/1"
BARE = {name: item for name, item in beds.PLATFORM.items() if name != "churn"}


def imported(bed: Bed, fleet: Manifests, **asked: Any) -> Amendment:
    """What `import --hub central` writes and says; it changes nothing."""
    before = len(bed.world.mutations())
    found = take_in(bed.reader, fleet, Asked(("central",), **asked), Inline(), "manifests")
    assert len(bed.world.mutations()) == before
    return found


def bare(folder: Path) -> Manifests:
    return beds.manifests(folder, platform=BARE)


def written(folder: Path, made: Amendment) -> Manifests:
    for path, text in made.made.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return load(folder, worktree=True, attribution=False)


def second(bed: Bed) -> None:
    """A second version of the source, built alike and of other bytes."""
    beds.put(bed, CHURN, "s3://churn-lab-models/v2/model.tar.gz", beds.model("two"))
    beds.push(bed, CHURN, "churn/serve", "2", "serve one")
    beds.register(
        bed,
        CHURN,
        "churn-experiments",
        InferenceSpecification=beds.inference(
            beds.container(CHURN, "churn/serve:2", "s3://churn-lab-models/v2/model.tar.gz")
        ),
        ModelMetrics={
            "ModelQuality": {
                "Statistics": {"ContentType": "application/json", "S3Uri": "s3://churn-lab-models/v1/metrics.json"}
            }
        },
    )


@pytest.mark.parametrize("asked", [{}, {"spoke": "churn-lab"}], ids=["--hub", "--spoke"])
def test_a_hub_filled_by_hand_is_taken_in_and_adopted_by_one_run(asked: dict[str, str], tmp_path: Path) -> None:
    bed = beds.fresh()
    by_hand(bed)
    second(bed)
    made = imported(bed, bare(tmp_path), **asked)
    assert made.open == ()
    assert sorted(path.rpartition("/")[2] for path in made.made) == ["churn-1.yaml", "churn.yaml"]
    text = next(text for path, text in made.made.items() if path.endswith("churn-1.yaml"))
    assert "\n  adopts: 1\n" in text
    assert "\n  approval: Approved\n" in text
    fleet = written(tmp_path, made)
    assert fleet.problems == ()
    planned = bed.plan(fleet)
    assert "create package" not in beds.verbs(planned)
    assert planned.exit_code() == 0
    assert bed.reconcile(fleet).exit_code() == 0
    last = bed.plan(fleet)
    assert (last.plan.actions, last.exit_code(detailed=True)) == ((), 0)
    again = imported(bed, fleet, **asked)
    assert (again.made, again.open) == ({}, ())


@pytest.mark.parametrize("hub", [different_model, shorter_model, different_image, swapped_digest, movable_tag])
def test_what_is_not_proven_equal_is_named_and_left(hub: Any, tmp_path: Path) -> None:
    bed = beds.fresh()
    hub(bed)
    made = imported(bed, bare(tmp_path))
    assert made.made == {}
    (said,) = made.open
    assert said.startswith("arn:aws:sagemaker:eu-west-1:111111111111:model-package/churn/1: not adopted: ")
    if hub is not movable_tag:
        words = [word.strip(",;)").removeprefix("sha256:") for word in said.replace("(", " ").split()]
        digests = {word for word in words if len(word) == 64 or (len(word) == 12 and word.endswith("="))}
        assert len(digests) == 2, said


def test_a_copy_that_is_adopted_or_promoted_already_is_not_adopted_twice(tmp_path: Path) -> None:
    bed = beds.fresh()
    by_hand(bed)
    image = next(iter(bed.world.registry_of(HUB, beds.REGION).repositories["old/churn"].tags.values()))
    beds.register(bed, HUB, "churn", **body(f"old/churn@{image}"))
    made = imported(bed, bare(tmp_path))
    assert [path for path in made.made if "churn-1" in path]
    (said,) = made.open
    assert said.endswith(
        "is a copy of arn:aws:sagemaker:eu-west-1:222222222222:model-package/churn-experiments/1, "
        "as is arn:aws:sagemaker:eu-west-1:111111111111:model-package/churn/1"
    )


def test_an_unreadable_spoke_is_named(tmp_path: Path) -> None:
    bed = beds.fresh()
    by_hand(bed)
    bed.world.fault(
        service="sagemaker",
        operation="ListModelPackages",
        account=CHURN,
        code="AccessDeniedException",
        status=400,
        times=0,
    )
    made = imported(bed, bare(tmp_path))
    assert made.made == {}
    assert any(line.startswith("the spoke churn-lab was not looked at: ") for line in made.open)


def test_a_large_group_costs_reads_of_what_is_alike_only(tmp_path: Path) -> None:
    """Sources that cannot be the one are told apart by sizes: their bytes are not read."""
    bed = beds.fresh()
    beds.simple(bed)
    second(bed)
    copied(bed)
    before = len(bed.world.calls)
    imported(bed, bare(tmp_path))
    got = [call for call in bed.world.calls[before:] if call.operation == "GetObject"]
    assert not [call for call in got if "v2/" in call.resource]
    assert STORE


MODEL = "models/old/churn/model.tar.gz"


def heads(bed: Bed) -> int:
    return sum(call.operation == "HeadObject" for call in bed.world.calls)


def test_equal_bytes_of_another_etag_are_proven_by_checksums(tmp_path: Path) -> None:
    """As where the store encrypts with a key of its own, or the upload was cut into other parts."""
    bed = beds.fresh()
    by_hand(bed)
    bed.world.buckets[STORE].objects[MODEL][-1].etag = "0" * 32
    bed.world.calls.clear()
    made = imported(bed, bare(tmp_path))
    assert (len(made.made), made.open) == (2, ())
    assert any("by S3's checksums or their bytes" in line for line in made.says)
    assert heads(bed) == 4  # its two objects, there and here


def test_where_nothing_may_be_listed_each_object_is_asked_for(tmp_path: Path) -> None:
    bed = beds.fresh()
    by_hand(bed)
    bed.world.fault(
        service="s3", operation="ListObjectsV2", account=CHURN, code="AccessDenied", status=403, message="no", times=0
    )
    bed.world.calls.clear()
    made = imported(bed, bare(tmp_path))
    assert (len(made.made), made.open) == (2, ())
    assert any("sizes and ETags, are those of" in line for line in made.says)
    assert heads(bed) == 2


def test_a_forged_etag_is_found_out_before_anything_is_adopted(tmp_path: Path) -> None:
    """Equal size, equal ETag, other bytes: `import` may propose it, and nothing more."""
    bed = beds.fresh()
    beds.simple(bed)
    data = bed.client(CHURN, "s3").call("GetObject", Bucket="churn-lab-models", Key="v1/model.tar.gz")["Body"].read()
    copied(bed, model=b"x" * len(data))
    etag = bed.world.buckets["churn-lab-models"].objects["v1/model.tar.gz"][-1].etag
    bed.world.buckets[STORE].objects[MODEL][-1].etag = etag
    (said,) = imported(bed, bare(tmp_path), prove=True).open
    assert "not adopted" in said
    made = imported(bed, bare(tmp_path))
    assert (len(made.made), made.open) == (2, ())
    fleet = written(tmp_path, made)
    thought = bed.think(fleet)
    seen = foresee(bed.reader, thought.plan.actions, fleet, Inline(), enters=False)
    assert [(item.about, item.standing) for item in seen.findings] == [(ARN, "refused")]
    assert f"s3://{STORE}/{MODEL} is not its source" in seen.findings[0].why
    assert {item.key.kind for item in held_back(thought, seen).plan.actions} <= {"group"}
    before = len(bed.world.mutations())
    assert bed.reconcile(fleet).exit_code() == 5
    assert [call.operation for call in bed.world.mutations()[before:] if call.service != "sagemaker"] == []
    assert "hubwright/promotion" not in beds.described(bed)["CustomerMetadataProperties"]


@pytest.mark.parametrize("hub", [different_model, shorter_model, different_image, swapped_digest, movable_tag])
def test_a_plan_says_of_a_version_that_is_not_its_source(hub: Any, tmp_path: Path) -> None:
    bed = beds.fresh()
    hub(bed)
    fleet = beds.manifests(tmp_path, adopting())
    thought = bed.think(fleet)
    before = len(bed.world.calls)
    seen = foresee(bed.reader, thought.plan.actions, fleet, Inline(), enters=False)
    assert not any(call.operation == "GetObject" for call in bed.world.calls[before:])
    (said,) = seen.findings
    assert (said.about, said.standing) == (ARN, "refused")
    assert said.why.startswith("it is not adopted: ")
    assert {item.key.kind for item in held_back(thought, seen).plan.actions} <= {"group"}


def test_a_plan_has_nothing_to_say_of_one_that_is_and_asks_once_an_object(tmp_path: Path) -> None:
    bed = beds.fresh()
    by_hand(bed)
    fleet = beds.manifests(tmp_path, adopting())
    actions = bed.think(fleet).plan.actions
    bed.world.calls.clear()
    assert foresee(bed.reader, actions, fleet, Inline(), enters=False).findings == ()
    asked = [call.resource for call in bed.world.calls if call.operation == "HeadObject"]
    assert sorted(name for name in asked if name.startswith(STORE)) == [
        f"{STORE}/models/old/churn/metrics.json",
        f"{STORE}/{MODEL}",
    ]


def test_what_looks_like_a_secret_is_left_out_of_git_and_named(tmp_path: Path) -> None:
    bed = beds.fresh()
    arn = by_hand(bed)
    secret = "token=hunter2hunter2"
    group = arn.replace("model-package", "model-package-group").rpartition("/")[0]
    bed.client(HUB, "sagemaker").call(
        "AddTags", ResourceArn=group, Tags=[{"Key": "auth", "Value": f"api_key={secret}"}]
    )
    bed.client(HUB, "sagemaker").call("UpdateModelPackage", ModelPackageArn=arn, ApprovalDescription=f"auth_{secret}")
    made = imported(bed, bare(tmp_path))
    assert not [text for text in made.made.values() if "hunter2" in text]
    unfit = "what looks like a secret is in it, and Git is no place for one; change it in the hub"
    assert made.open == (f"churn: its tags left out: {unfit}", f"{arn}: not taken in: {unfit}")
