"""The distribution endpoint: sign-in, blobs, uploads, mounts, manifests, tags, referrers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sandbox.conftest import CHURN, HUB, Bench
from tests.sandbox.images import CONFIG, INDEX, LAYER, OCI, Image, Registry, basic, digest_of, entry, push

ONE, TWO = Image("one"), Image("two")


@pytest.fixture
def registry(bench: Bench, ecr: Any) -> Registry:
    """Signed in, with a repository `app`."""
    ecr.create_repository(repositoryName="app")
    return Registry(bench)


def code_of(answer: tuple[int, Any, bytes]) -> tuple[int, str]:
    return answer[0], json.loads(answer[2])["errors"][0]["code"]


def test_sign_in(bench: Bench, registry: Registry) -> None:
    """OCI: 401 with a challenge; ECR: Basic, user AWS (aws.md 4, 8.2 #28), a token of any account."""
    status, headers, _ = Registry(bench, credentials="")("GET", "/v2/")
    assert (status, headers["WWW-Authenticate"].split()[0]) == (401, "Basic")
    assert headers["Docker-Distribution-Api-Version"] == "registry/2.0"
    for wrong in (basic("AWS", "guessed"), basic("me", next(iter(bench.world.logins))), "###"):
        assert Registry(bench, credentials=wrong)("GET", "/v2/")[0] == 401
    assert registry("GET", "/v2/")[0] == 200
    other = Registry(bench, CHURN)
    other.base = registry.base
    assert other("GET", "/v2/")[0] == 200


def test_expired_passwords_are_denied(bench: Bench, ecr: Any) -> None:
    """aws.md 4: twelve hours; the sandbox lets tests choose."""
    bench.world.settings.login_seconds = -1
    assert code_of(Registry(bench)("GET", "/v2/")) == (403, "DENIED")


def test_a_repository_must_exist(bench: Bench, registry: Registry) -> None:
    """ECR makes no repository on push: NAME_UNKNOWN."""
    assert code_of(registry("POST", "/v2/absent/blobs/uploads/")) == (404, "NAME_UNKNOWN")
    assert code_of(registry.manifest("absent", "1", ONE.manifest)) == (404, "NAME_UNKNOWN")
    assert registry("HEAD", "/v2/absent/manifests/1")[0] == 404


def test_upload_at_once(registry: Registry) -> None:
    """OCI: POST with ?digest=; what is there is found by HEAD."""
    assert registry("HEAD", f"/v2/app/blobs/{digest_of(ONE.layer)}")[0] == 404
    assert registry.blob("app", ONE.layer) == 201
    status, headers, body = registry("HEAD", f"/v2/app/blobs/{digest_of(ONE.layer)}")
    assert (status, headers["Content-Length"], headers["Docker-Content-Digest"], body) == (200, str(len(ONE.layer)), digest_of(ONE.layer), b"")
    assert registry("GET", f"/v2/app/blobs/{digest_of(ONE.layer)}")[2] == ONE.layer
    wrong = registry("POST", f"/v2/app/blobs/uploads/?digest={digest_of(b'x')}", b"y")
    assert code_of(wrong) == (400, "DIGEST_INVALID")


def test_upload_in_pieces(registry: Registry) -> None:
    """OCI: POST, PATCH in order, PUT with the digest; GET says how far."""
    data = bytes(range(256)) * 40
    place = registry("POST", "/v2/app/blobs/uploads/")[1]["Location"]
    status, headers, _ = registry("PATCH", place, data[:5000], Content_Range="0-4999")
    assert (status, headers["Range"]) == (202, "0-4999")
    assert code_of(registry("PATCH", place, b"x", Content_Range="7-7")) == (416, "BLOB_UPLOAD_INVALID")
    assert registry("GET", place)[1]["Range"] == "0-4999"
    assert code_of(registry("PUT", f"{place}?digest={digest_of(b'x')}", data[5000:])) == (400, "DIGEST_INVALID")
    assert registry("PUT", f"{place}?digest={digest_of(data)}", data[5000:])[0] == 201
    assert code_of(registry("PATCH", place, b"x")) == (404, "BLOB_UPLOAD_UNKNOWN")
    assert registry("GET", f"/v2/app/blobs/{digest_of(data)}")[2] == data


def test_upload_is_cancelled(registry: Registry) -> None:
    """OCI: DELETE of an upload."""
    place = registry("POST", "/v2/app/blobs/uploads/")[1]["Location"]
    assert [registry("DELETE", place)[0], registry("DELETE", place)[0]] == [204, 404]


@pytest.mark.parametrize(("asked", "status", "part"), [("bytes=2-4", 206, b"cde"), ("bytes=7-", 206, b"hij"), ("bytes=10-", 416, None)])
def test_ranges(registry: Registry, asked: str, status: int, part: bytes | None) -> None:
    """OCI: Range on a blob."""
    registry.blob("app", b"abcdefghij")
    answer = registry("GET", f"/v2/app/blobs/{digest_of(b'abcdefghij')}", Range=asked)
    assert (answer[0], answer[2] if part else None) == (status, part)


def test_mount(bench: Bench, registry: Registry, ecr: Any) -> None:
    """OCI: ?mount=&from=; ECR mounts what an image of that repository refers to (copying.md A1), when it is set to."""
    push(bench, "origin", "1")
    digest = digest_of(ONE.layer)
    path = f"/v2/app/blobs/uploads/?mount={digest}&from=origin"
    bench.world.settings.mounting = False
    assert registry("POST", path)[0] == 202
    bench.world.settings.mounting = True
    assert registry("POST", f"/v2/app/blobs/uploads/?mount={digest_of(b'x')}&from=origin")[0] == 202
    assert registry("POST", path)[0] == 201
    assert registry("HEAD", f"/v2/app/blobs/{digest}")[0] == 200


def test_blobs_are_elsewhere_when_told(bench: Bench, registry: Registry) -> None:
    """ECR answers GET of a blob with 307 to S3, which refuses a second set of credentials (copying.md A1)."""
    bench.world.settings.redirect = True
    registry.blob("app", ONE.layer)
    status, headers, _ = registry("GET", f"/v2/app/blobs/{digest_of(ONE.layer)}")
    assert (status, headers["Location"]) == (307, f"http://sandbox.localhost/_sandbox/layers/{HUB}/eu-west-1/{digest_of(ONE.layer)}")


def test_manifests_are_kept_byte_for_byte(bench: Bench, registry: Registry, ecr: Any) -> None:
    """OCI: by tag and digest, with the media type they came with; ECR sees the same image."""
    push(bench, "app", "1")
    for reference in ("1", ONE.digest):
        status, headers, body = registry("GET", f"/v2/app/manifests/{reference}")
        assert (status, headers["Content-Type"], headers["Docker-Content-Digest"], body) == (200, OCI, ONE.digest, ONE.manifest)
        status, headers, body = registry("HEAD", f"/v2/app/manifests/{reference}")
        assert (status, headers["Content-Length"], body) == (200, str(len(ONE.manifest)), b"")
    assert code_of(registry("GET", "/v2/app/manifests/9")) == (404, "MANIFEST_UNKNOWN")
    assert ecr.describe_images(repositoryName="app")["imageDetails"][0]["imageDigest"] == ONE.digest


def test_manifests_are_checked(bench: Bench, registry: Registry) -> None:
    """OCI and ECR: layers first, digests true, JSON only."""
    assert code_of(registry.manifest("app", "1", ONE.manifest)) == (400, "MANIFEST_BLOB_UNKNOWN")
    for bad in (b"{", b"[]", b'{"layers": [{}]}', b'{"layers": 7}', b'{"manifests": ["x"]}', b"\xff"):
        assert code_of(registry.manifest("app", "1", bad)) == (400, "MANIFEST_INVALID")
    push(bench, "app", "1")
    assert code_of(registry.manifest("app", TWO.digest, ONE.manifest)) == (400, "DIGEST_INVALID")
    assert code_of(registry.manifest("app", "bad tag", ONE.manifest)) == (400, "MANIFEST_INVALID")
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry(TWO.manifest, OCI)]}).encode()
    assert code_of(registry.manifest("app", "i", index, INDEX)) == (400, "MANIFEST_BLOB_UNKNOWN")


def test_equal_manifest_again_is_no_error(bench: Bench, registry: Registry, ecr: Any) -> None:
    """aws.md 4: ImageAlreadyExists means success; also in a repository whose tags stay."""
    push(bench, "app", "1")
    ecr.put_image_tag_mutability(repositoryName="app", imageTagMutability="IMMUTABLE")
    assert registry.manifest("app", "1", ONE.manifest)[0] == 201
    assert registry.manifest("app", ONE.digest, ONE.manifest)[0] == 201


def test_tags_that_stay(bench: Bench, registry: Registry, ecr: Any) -> None:
    """aws.md 4: another manifest under an immutable tag is a conflict, in ECR's words TAG_INVALID (assumed: status 400)."""
    push(bench, "app", "1")
    ecr.put_image_tag_mutability(repositoryName="app", imageTagMutability="IMMUTABLE")
    registry.blob("app", TWO.config), registry.blob("app", TWO.layer)
    assert code_of(registry.manifest("app", "1", TWO.manifest)) == (400, "TAG_INVALID")


def test_tags_are_listed_in_pages(bench: Bench, registry: Registry) -> None:
    """OCI: ?n= and ?last=, with a Link to the next page."""
    for tag in ("c", "a", "b"):
        push(bench, "app", tag)
    _, headers, body = registry("GET", "/v2/app/tags/list?n=2")
    assert json.loads(body) == {"name": "app", "tags": ["a", "b"]}
    assert code_of(registry("GET", "/v2/app/tags/list?n=x")) == (400, "PAGINATION_NUMBER_INVALID")
    following = headers["Link"].split(">")[0][1:]
    assert json.loads(registry("GET", following)[2])["tags"] == ["c"]


def test_referrers(bench: Bench, registry: Registry, ecr: Any) -> None:
    """OCI 1.1: manifests with a subject, filtered by artifact type."""
    push(bench, "app", "1")
    registry.blob("app", b"{}"), registry.blob("app", b"signed")
    signature = {
        "schemaVersion": 2, "mediaType": OCI, "artifactType": "application/x.signature", "config": entry(b"{}", CONFIG),
        "layers": [entry(b"signed", LAYER)], "subject": entry(ONE.manifest, OCI), "annotations": {"by": "ana"},
    }  # fmt: skip
    data = json.dumps(signature).encode()
    assert registry.manifest("app", digest_of(data), data)[1]["OCI-Subject"] == ONE.digest
    found = json.loads(registry("GET", f"/v2/app/referrers/{ONE.digest}")[2])
    assert found["manifests"] == [entry(data, OCI) | {"artifactType": "application/x.signature", "annotations": {"by": "ana"}}]
    assert json.loads(registry("GET", f"/v2/app/referrers/{ONE.digest}?artifactType=other")[2])["manifests"] == []
    assert json.loads(registry("GET", f"/v2/app/referrers/{TWO.digest}")[2])["manifests"] == []
    assert [row["digest"] for row in ecr.list_image_referrers(repositoryName="app", subjectId={"imageDigest": ONE.digest})["referrers"]] == [digest_of(data)]


def test_what_is_not_of_the_specification(registry: Registry) -> None:
    """ECR has no deletion here, and nobody else's paths."""
    assert code_of(registry("DELETE", "/v2/app/manifests/1")) == (405, "UNSUPPORTED")
    assert registry("GET", "/v2/_catalog")[0] == 404


def test_registry_requests_are_logged(bench: Bench, registry: Registry) -> None:
    """The sandbox's own promise: service `registry`; PUT, POST, PATCH and DELETE count as mutating."""
    bench.world.calls.clear()
    registry.blob("app", ONE.layer)
    registry("HEAD", f"/v2/app/blobs/{digest_of(ONE.layer)}")
    host = f"{HUB}.dkr.ecr.eu-west-1.amazonaws.com"
    assert [(call.service, call.operation, call.account, call.mutating, call.resource, call.status) for call in bench.world.calls] == [
        ("registry", "PostUpload", HUB, True, f"{host}/app", 201),
        ("registry", "HeadBlob", HUB, False, f"{host}/app@{digest_of(ONE.layer)}", 200),
    ]
