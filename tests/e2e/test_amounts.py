"""What a plan says is to be copied, and what a result says was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controller.core.errors import WaitingError
from controller.core.totals import Totals, totals
from controller.kinds import image
from controller.oci.manifest import OCI_INDEX, read_manifest
from controller.reconcile import reconcile
from controller.render.document import document, to_json
from tests import bed as beds

HUB_REGISTRY = f"{beds.HUB}.dkr.ecr.{beds.REGION}.amazonaws.com"


def image_size(bed: beds.Bed, digest: str, repository: str = "churn/serve") -> int:
    registry = bed.registries.registry(f"{beds.CHURN}.dkr.ecr.{beds.REGION}.amazonaws.com", "register")
    manifest = registry.manifest(repository, digest)
    assert manifest is not None
    return sum(blob.size for blob in manifest.blobs)


def shown(report: beds.Report) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(to_json(document(report)))
    return found


def image_facts(data: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(item["facts"] for item in data["actions"] if "/image/" in item["key"])
    return found


def source_sizes(bed: beds.Bed) -> tuple[int, int]:
    """Bytes of the artifacts, and of the image."""
    objects = bed.world.buckets["churn-lab-models"].objects.values()
    digest = bed.client(beds.CHURN, "ecr").call(
        "DescribeImages", repositoryName="churn/serve", imageIds=[{"imageTag": "1"}]
    )["imageDetails"][0]["imageDigest"]
    return sum(versions[-1].size for versions in objects), image_size(bed, digest)


@pytest.mark.parametrize("relay", [False, True])
def test_a_plan_says_what_moves_and_what_of_it_comes_through_here(
    bed: beds.Bed, tmp_path: Path, *, relay: bool
) -> None:
    beds.simple(bed)
    platform = dict(beds.PLATFORM)
    if relay:
        spoke = platform["churn-lab"]
        platform["churn-lab"] = {**spoke, "spec": {**spoke["spec"], "copy": "relay"}}
    fleet = beds.manifests(tmp_path, beds.promotion(), platform=platform)
    artifacts, weighs = source_sizes(bed)
    first = bed.plan(fleet)
    data = shown(first)
    assert data["summary"]["bytes"] == artifacts + weighs
    assert data["summary"]["relayed"] == (artifacts if relay else 0) + weighs
    assert data["summary"]["unweighed"] == 0
    assert data["promotions"][0]["bytes"] == artifacts + weighs
    assert (image_facts(data)["bytes"], image_facts(data)["relay"]) == (weighs, True)
    assert to_json(document(bed.plan(fleet))) == to_json(document(first))


def test_a_result_says_what_moved_and_how_long_it_took(bed: beds.Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    fleet = beds.manifests(tmp_path, beds.promotion())
    artifacts, weighs = source_sizes(bed)
    report = bed.reconcile(fleet)
    found = shown(report)["totals"]
    assert {name: value for name, value in found.items() if name != "seconds"} == {
        "copies": 2,
        "bytes": artifacts + weighs,
        "relayed": weighs,
        "skipped": 0,
    }
    outcomes = [item["facts"] for item in shown(report)["outcomes"] if "bytes" in item["facts"]]
    assert [sorted(facts) for facts in outcomes] == [
        ["bytes", "seconds", "skipped"],
        ["bytes", "objects", "seconds", "skipped"],
    ]
    assert shown(bed.reconcile(fleet))["totals"] == {
        "copies": 0,
        "bytes": 0,
        "relayed": 0,
        "skipped": 0,
        "seconds": 0.0,
    }


def test_seconds_run_from_the_first_begin_to_the_last_end(bed: beds.Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    report = bed.reconcile(beds.manifests(tmp_path, beds.promotion()))
    times = iter([{"began": 10.0, "seconds": 4.0}, {"began": 11.5, "seconds": 6.0}])
    outcomes = [
        replace(item, facts={**item.facts, **next(times)}) if "bytes" in item.facts else item
        for item in report.outcomes
    ]
    found = totals(report.plan.actions, outcomes)
    assert isinstance(found, Totals)
    assert found.seconds == 7.5


def test_an_index_weighs_what_its_platforms_weigh_each_blob_once(bed: beds.Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    host = f"{beds.CHURN}.dkr.ecr.{beds.REGION}.amazonaws.com"
    registry = bed.registries.registry(host, "register")
    digests = [beds.push(bed, beds.CHURN, "churn/serve", tag, f"serve {tag} " * 40) for tag in ("arm", "amd")]
    children = [registry.manifest("churn/serve", digest) for digest in digests]
    entries = [
        {"mediaType": item.media_type, "digest": item.digest, "size": len(item.body)} for item in children if item
    ]
    body = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()
    registry.put_manifest("churn/serve", read_manifest(body, OCI_INDEX), "all")
    uri = "s3://churn-lab-models/v1/model.tar.gz"
    spec = beds.inference(beds.container(beds.CHURN, "churn/serve:all", uri))
    beds.register(bed, beds.CHURN, "churn-experiments", InferenceSpecification=spec)
    fleet = beds.manifests(tmp_path, beds.promotion("churn-2", version=2))
    blobs = {blob.digest: blob.size for item in children if item for blob in item.blobs}
    bed.world.calls.clear()
    assert image_facts(shown(bed.plan(fleet)))["bytes"] == sum(blobs.values())
    assert [call.operation for call in bed.world.calls].count("BatchGetImage") == 2


def test_an_image_that_its_repository_holds_weighs_nothing(bed: beds.Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    first = beds.manifests(tmp_path / "one", beds.promotion())
    bed.reconcile(first)
    beds.put(bed, beds.CHURN, "s3://churn-lab-models/v2/model.tar.gz", beds.model("two"))
    uri = "s3://churn-lab-models/v2/model.tar.gz"
    spec = beds.inference(beds.container(beds.CHURN, "churn/serve:1", uri))
    beds.register(bed, beds.CHURN, "churn-experiments", InferenceSpecification=spec)
    fleet = beds.manifests(tmp_path / "two", beds.promotion(), beds.promotion("churn-2", version=2))
    data = shown(bed.plan(fleet))
    assert image_facts(data)["bytes"] == 0
    assert data["summary"]["bytes"] == len(beds.model("two"))
    done = shown(bed.reconcile(fleet))["totals"]
    assert (done["bytes"], done["relayed"]) == (len(beds.model("two")), 0)


def test_a_plan_from_a_record_knows_the_size_too(
    bed: beds.Bed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The artifacts were recorded, and the run ended before the image was there."""
    beds.simple(bed)
    fleet = beds.manifests(tmp_path, beds.promotion())
    lock = beds.lock(bed, fleet, "churn-1")
    fleet = beds.manifests(tmp_path, beds.promotion(), lock)
    weighs = source_sizes(bed)[1]

    def interrupted(*_: object) -> None:
        raise WaitingError("interrupted")

    with monkeypatch.context() as patch:
        patch.setattr(image, "create", interrupted)
        assert beds.standing(bed.reconcile(fleet)) == "waiting"
    assert beds.verbs(bed.plan(fleet))[0] == "create image"
    bed.world.calls.clear()
    assert image_facts(shown(bed.plan(fleet)))["bytes"] == weighs
    assert not [call for call in bed.world.calls if call.operation == "BatchGetImage"]
    assert beds.standing(bed.reconcile(fleet)) == "converged"


def test_what_an_interrupted_run_did_not_begin_is_pending_and_not_failed(bed: beds.Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    fleet = beds.manifests(tmp_path, beds.promotion())
    thought = bed.think(fleet)
    ended: list[object] = []
    effects = replace(bed.effects(thought, "r"), stopped=lambda: bool(ended))

    def tell(_: object, outcome: object) -> None:
        ended.extend([outcome] if outcome else [])

    report = reconcile(effects, thought, fleet, beds.Inline(), tell)
    assert {item.status for item in report.outcomes} == {"done", "skipped"}
    assert (beds.standing(report), beds.why(report)) == ("pending", ("interrupted before it began",))
    assert report.exit_code() == 0
    assert beds.standing(bed.reconcile(fleet)) == "converged"
