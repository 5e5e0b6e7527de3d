"""A record that somebody else wrote is a record, or a ValueError: nothing else may come of its text."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from controller.core.arn import Version
from controller.core.canonical import canonical
from controller.core.record import Record, Stored, read_record
from controller.core.release import Image, Object, Release

URI = "s3://lab/model.tar.gz"
BODY = {"InferenceSpecification": {"Containers": [{"Image": "1.example/a:1", "ModelDataUrl": URI}]}}


def record() -> Record:
    source = Version("222222222222", "eu-west-1", "churn", 1)
    digest = "sha256:" + "a" * 64
    release = Release(source, BODY, (Object(URI, 3, "e", "v"),), (Image("1.example/a:1", digest, 7),))
    return Record("p", release, "i", 1, BODY, (Stored("models/k", 3, "e", "v", {"CRC32": "x"}),))


def spoilt(path: tuple[str | int, ...], value: Any) -> str:
    """The record with something else at a place, its release's digest made to fit where there is one."""
    data = json.loads(record().text())
    here: Any = data
    for part in path[:-1]:
        here = here[part]
    here[path[-1]] = value
    try:
        made = data["release"]
        rows = sorted([uri, size, version, etag] for uri, size, etag, version in made["objects"])
        from controller.core.canonical import digest

        images = sorted([row[0], row[1]] for row in made["images"])
        whole = {"body": made["body"], "metadata": made["metadata"], "objects": rows, "images": images}
        data["digest"] = "v1:" + digest(whole)
    except (TypeError, ValueError, KeyError, IndexError):
        pass
    return json.dumps(data)


DEEP: Any = json.loads("[" * 600 + "]" * 600)
PLACES: tuple[tuple[tuple[str | int, ...], Any], ...] = (
    (("promotion",), 7),
    (("promotion",), None),
    (("inputs",), []),
    (("attempt",), "1"),
    (("attempt",), True),
    (("body",), []),
    (("body",), "text"),
    (("body", "InferenceSpecification"), "text"),
    (("body", "InferenceSpecification", "Containers"), 5),
    (("body", "InferenceSpecification", "Containers", 0), "text"),
    (("body", "InferenceSpecification", "Containers", 0, "ModelDataUrl"), 5),
    (("body", "InferenceSpecification", "Containers", 0, "Image"), {}),
    (("body", "InferenceSpecification", "Containers", 0, "Environment"), {"A": 5}),
    (("body", "ModelMetrics"), {"ModelQuality": {"Statistics": {"S3Uri": 5}}}),
    (("body", "Deep"), DEEP),
    (("body", "Domain"), DEEP),
    (("objects",), {}),
    (("objects", 0), "text"),
    (("objects", 0, "key"), 5),
    (("objects", 0, "size"), "3"),
    (("objects", 0, "size"), 3.5),
    (("objects", 0, "etag"), None),
    (("objects", 0, "versionId"), 5),
    (("objects", 0, "versionId"), 0),
    (("objects", 0, "checksums"), []),
    (("objects", 0, "checksums"), {"CRC32": 5}),
    (("lineage",), 5),
    (("adopted",), "1"),
    (("release", "source"), 5),
    (("release", "source"), "arn:aws:sagemaker:eu-west-1:222222222222:model-package/churn/" + "1" * 5000),
    (("release", "body"), 5),
    (("release", "body", "Domain"), DEEP),
    (("release", "metadata"), 5),
    (("release", "metadata"), {"a": 5}),
    (("release", "objects", 0), [URI]),
    (("release", "objects", 0), [URI, "3", "e", "v"]),
    (("release", "objects", 0), [5, 3, "e", "v"]),
    (("release", "images", 0), ["1.example/a:1", "d", float("inf")]),
    (("release", "images", 0), ["1.example/a:1", "d", "seven"]),
    (("release", "images", 0), ["1.example/a:1", 5]),
    (("release", "images"), 5),
    (("release", "prefixes"), [5]),
    (("release", "prefixes"), None),
)


def test_a_record_reads_back_as_it_was() -> None:
    assert read_record(record().text()) == record()


@pytest.mark.parametrize(("path", "value"), PLACES, ids=lambda value: str(value)[:40])
def test_a_record_of_another_shape_is_none(path: tuple[str | int, ...], value: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_record(spoilt(path, value))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        canonical({"format": "hubwright.io/record/v1"}).encode(),
        b'{"format":"hubwright.io/record/v1","release":' + b"[" * 100_000,
        b"9" * 10_000,
    ],
    ids=lambda text: str(text[:20]),
)
def test_what_is_no_record_is_said_to_be_none(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_record(text)


def test_the_spoiling_itself_leaves_a_good_record_good() -> None:
    keep: Callable[[], str] = lambda: spoilt(("attempt",), 2)  # noqa: E731
    assert read_record(keep()).attempt == 2
