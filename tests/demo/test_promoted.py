"""What stands in the hub after the demo: complete, readable with the hub's own credentials, free of every spoke."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.core import fields
from controller.core.draft import split_image, split_uri
from controller.core.errors import CloudError
from controller.sandbox.demo.endpoint import fetch
from controller.sandbox.demo.stage import Stage

HUB, STORE = "111111111111", "acme-model-store"
pytestmark = pytest.mark.slow  # the whole story, once more
Packages = dict[str, dict[str, Any]]
FETCHED = (
    "InferenceSpecification",
    "AdditionalInferenceSpecifications",
    "ModelMetrics",
    "DriftCheckBaselines",
    "SamplePayloadUrl",
)


def test_all_four_are_there_as_git_asks(packages: Packages) -> None:
    assert {name: found["ModelApprovalStatus"] for name, found in packages.items()} == {
        "churn-experiments/1": "Approved",
        "churn-experiments/2": "PendingManualApproval",
        "defects-pipeline/1": "Approved",
        "ocr-experiments/1": "Approved",
    }
    assert [len(found["InferenceSpecification"]["Containers"]) for found in packages.values()].count(2) == 1
    assert packages["defects-pipeline/1"]["ModelLifeCycle"] == {"Stage": "Production", "StageStatus": "Active"}
    assert packages["ocr-experiments/1"]["InferenceSpecification"]["Containers"][0]["Environment"] == {"LEVEL": "20"}


def objects(hub: Stage, place: fields.Place) -> Iterator[str]:
    """The URIs that one place stands for."""
    bucket, key = split_uri(place.uri)
    if place.form == "object" or not key.endswith("/"):
        yield place.uri
        return
    found = hub.hub.pages("s3", "ListObjectsV2", "Contents", Bucket=bucket, Prefix=key, ExpectedBucketOwner=HUB)
    yield from (f"s3://{bucket}/{item['Key']}" for item in found)


def test_every_uri_can_be_fetched_with_the_hubs_credentials(hub: Stage, packages: Packages) -> None:
    counts = {}
    for name, found in packages.items():
        uris = {uri for place in fields.places(found) for uri in objects(hub, place)}
        counts[name] = len(uris)
        assert all(fetch(hub.hub, uri) for uri in uris)
    assert counts == {
        "churn-experiments/1": 8,
        "churn-experiments/2": 8,
        "defects-pipeline/1": 7,
        "ocr-experiments/1": 7,
    }


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, str):
        yield value


def test_nothing_that_is_fetched_is_in_a_spoke(packages: Packages) -> None:
    for found in packages.values():
        assert {split_uri(place.uri)[0] for place in fields.places(found)} == {STORE}
        assert {split_image(uri)[0][:12] for _, uri in fields.images(found)} == {HUB}
        whole = json.dumps(found, default=str)
        assert set(re.findall(r"(?:s3|https?)://([^/\"]+)", whole)) - {"git.acme.example"} == {STORE}
        assert set(re.findall(r"([0-9]{12})\.dkr\.ecr", whole)) == {HUB}
        # Beyond the hub's own bucket and registry, no text of a field that names bytes speaks of a spoke at all.
        own = re.compile(rf"s3://{STORE}/\S+|{HUB}\.dkr\.ecr\.eu-west-1\.amazonaws\.com/\S+")
        rest = [own.sub("", text) for name in FETCHED for text in texts(found.get(name))]
        assert [text for text in rest if re.search(r"222222222222|333333333333|-lab", text)] == []


def test_a_spokes_bucket_would_not_pass_for_the_hubs(hub: Stage) -> None:
    with pytest.raises(CloudError) as refused:
        fetch(hub.hub, "s3://churn-lab-models/churn-experiments/1/model.tar.gz")
    assert refused.value.denied


def test_images_are_named_by_the_digest_that_the_hub_has(hub: Stage, packages: Packages) -> None:
    for found in packages.values():
        for _, container in fields.containers(found):
            _, repository, tag, digest = split_image(container["Image"])
            image = hub.hub.registry.manifest(repository, digest)
            assert (tag, container["ImageDigest"]) == ("", digest)
            assert image is not None
            assert image.digest == digest


@pytest.mark.peer
@pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed (apt-get install skopeo)")
def test_skopeo_sees_and_copies_what_the_packages_name(hub: Stage, packages: Packages, tmp_path: Path) -> None:
    token = hub.hub.call("ecr", "GetAuthorizationToken")["authorizationData"][0]["authorizationToken"]
    login = base64.b64decode(token).decode()
    bases = json.loads(hub.environment["HUBWRIGHT_REGISTRIES"])
    images = {uri for found in packages.values() for _, uri in fields.images(found)}
    assert len(images) == 4
    for number, uri in enumerate(sorted(images)):
        host, repository, _, digest = split_image(uri)
        place = f"docker://{bases[host].removeprefix('http://')}/{repository}@{digest}"
        raw = skopeo("inspect", "--raw", "--tls-verify=false", "--creds", login, place)
        assert skopeo("manifest-digest", "/dev/stdin", given=raw).strip() == digest
        target = tmp_path / str(number)
        skopeo("copy", "--all", "--src-tls-verify=false", "--src-creds", login, place, f"dir:{target}")
        assert (target / "manifest.json").read_text() == raw


def skopeo(*words: str, given: str | None = None) -> str:
    done = subprocess.run(["skopeo", *words], input=given, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout
