"""`import` of a thousand versions asks for pages, not for each of them."""

from __future__ import annotations

import copy
from collections import Counter
from pathlib import Path

import pytest

from controller.takein import Asked, take_in
from tests import bed as beds
from tests.bed import CHURN, HUB, REGION, Inline


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


SIZES = [50, pytest.param(1000, marks=pytest.mark.slow)]
BARE = {name: item for name, item in beds.PLATFORM.items() if name != "churn"}


def _imported(bed: beds.Bed, folder: Path, number: int, *, prove: bool = False) -> Counter[tuple[str, str]]:
    """The calls, by operation and account, with which so many versions and their group are taken in."""
    fleet = beds.manifests(folder, platform=BARE)
    bed.world.calls.clear()
    wanted = take_in(bed.reader, fleet, Asked(("central",), prove=prove), Inline(), "manifests")
    assert (len(wanted.made), wanted.open) == (number + 1, ())  # and the group
    assert not bed.world.mutations()
    said = "by S3's checksums or their bytes" if prove else "reconcile, which proves its bytes first"
    assert sum(said in line for line in wanted.says) == number
    return Counter((call.operation, call.account) for call in bed.world.calls)


@pytest.mark.parametrize("number", SIZES)
def test_what_was_filled_by_hand_costs_its_full_description_and_pages(
    bed: beds.Bed, tmp_path: Path, number: int
) -> None:
    _by_hand(bed, number)
    made = _imported(bed, tmp_path, number)
    assert made.pop(("DescribeModelPackage", CHURN)) == number  # the source's full description
    assert sum(made.values()) <= 100, made
    assert {operation for operation, _ in made} & {"HeadObject", "GetObject"} == set()


@pytest.mark.parametrize("number", SIZES)
def test_what_was_filled_by_hand_is_proven_at_once_with_two_more_calls_each(
    bed: beds.Bed, tmp_path: Path, number: int
) -> None:
    _by_hand(bed, number)
    made = _imported(bed, tmp_path, number, prove=True)
    assert made.pop(("DescribeModelPackage", CHURN)) == number
    assert made.pop(("HeadObject", CHURN)) == number  # of its one object there, and here
    assert made.pop(("HeadObject", HUB)) == number
    assert sum(made.values()) <= 100, made


def _by_hand(bed: beds.Bed, number: int) -> None:
    """A spoke's versions, each with an object of its own, and what a script made of them in the hub; of one image."""
    beds.bucket(bed, CHURN, "churn-lab-models")
    beds.push(bed, CHURN, "churn/serve", "1", "serve")
    digest = beds.push(bed, HUB, "old/churn", "1", "serve")
    model = beds.model("one")
    for account, group, image, uri in (
        (CHURN, "churn-experiments", "churn/serve:1", "s3://churn-lab-models/{}/model.tar.gz"),
        (HUB, "churn", f"old/churn@{digest}", f"s3://{beds.STORE}/models/old/{{}}/model.tar.gz"),
    ):
        beds.group(bed, account, group)
        beds.put(bed, account, uri.format(1), model)
        container = beds.container(account, image, uri.format(1))
        beds.register(bed, account, group, InferenceSpecification=beds.inference(container))
        _multiplied(bed, account, group, uri, number)


def _multiplied(bed: beds.Bed, account: str, group: str, uri: str, number: int) -> None:
    """Versions 2 to `number`, like the first one, each with an object of its own."""
    models, bucket = bed.world.models_of(account, REGION), uri.split("/")[2]
    objects, first = bed.world.buckets[bucket].objects, models.packages[f"{group}/1"]
    for version in range(2, number + 1):
        twin = copy.deepcopy(first)
        body = twin.history[-1].body
        assert body is not None
        twin.key, twin.version = f"{group}/{version}", version
        twin.arn = twin.arn.removesuffix("/1") + f"/{version}"
        body["InferenceSpecification"]["Containers"][0]["ModelDataUrl"] = uri.format(version)
        body |= {"ModelPackageArn": twin.arn, "ModelPackageVersion": version}
        models.packages[twin.key] = twin
        key = {place: uri.format(place).partition(f"s3://{bucket}/")[2] for place in (1, version)}
        objects[key[version]] = copy.deepcopy(objects[key[1]])
        for stored in objects[key[version]]:
            stored.key = key[version]
