from __future__ import annotations

import uuid
from dataclasses import replace

from controller.core.arn import Version
from controller.core.canonical import canonical, digest, stable_id
from controller.core.lock import differences, lock_document
from controller.core.manifest import Promotion, build
from controller.core.manifests import Lock
from controller.core.marks import foreign, keys_marks, owned_keys
from controller.core.model import Target
from controller.core.record import Record, Stored, read_record
from controller.core.release import Image, Object, Release, inputs_digest, promotion_id, spec_digest

SOURCE = Version("222222222222", "eu-west-1", "churn-experiments", 8)
RELEASE = Release(
    source=SOURCE,
    body={"InferenceSpecification": {"Containers": [{"Image": "r/i:1", "ModelDataUrl": "s3://b/m"}]}},
    objects=(Object("s3://b/m", 3, "e1", "v1"),),
    images=(Image("r/i:1", "sha256:" + "0" * 64),),
    metadata={"by": "ana"},
    checksums={"s3://b/m": {"CRC64NVME": "abc="}},
    noted={"approval": "Approved", "modified": "2026-01-01T00:00:00Z"},
)
HUB = Target("111111111111", "eu-west-1")
PROMOTION: Promotion = build(
    Promotion, {"from": {"spoke": "s", "group": "g", "version": 1}, "to": {"group": "t"}, "approval": "Approved"}
)


def test_the_release_digest_is_fixed() -> None:
    """Written into metadata and locks for ever: this value may only change together with the tag `v1`."""
    assert RELEASE.digest == "v1:sha256:9a8ee5e26104737ce79193cf7663dbbbafc3d6996bdbf6c035a1d92f04eeacb9"
    assert RELEASE.digest == replace(RELEASE, checksums={}, noted={}).digest


def test_everything_that_counts_changes_the_digest() -> None:
    variants = [
        replace(RELEASE, body={}),
        replace(RELEASE, metadata={}),
        replace(RELEASE, objects=(Object("s3://b/m", 4, "e1", "v1"),)),
        replace(RELEASE, objects=(Object("s3://b/m", 3, "e2", "v1"),)),
        replace(RELEASE, objects=(Object("s3://b/m", 3, "e1", None),)),
        replace(RELEASE, images=(Image("r/i:1", "sha256:" + "1" * 64),)),
    ]
    assert len({item.digest for item in (RELEASE, *variants)}) == 7


def test_the_order_of_objects_does_not_count() -> None:
    two = (Object("s3://b/a", 1, "e"), Object("s3://b/b", 1, "e"))
    assert replace(RELEASE, objects=two).digest == replace(RELEASE, objects=two[::-1]).digest


def test_the_promotion_id_is_of_names_not_of_spelling() -> None:
    ids = {
        promotion_id(source, HUB, "churn", RELEASE.digest, "i")
        for source in (SOURCE, replace(SOURCE, group="Churn-Experiments"))
    }
    assert len(ids) == 1
    assert all(len(item) == 36 for item in ids)
    others = [
        promotion_id(replace(SOURCE, number=9), HUB, "churn", RELEASE.digest, "i"),
        promotion_id(replace(SOURCE, account="333333333333"), HUB, "churn", RELEASE.digest, "i"),
        promotion_id(replace(SOURCE, region="us-east-1"), HUB, "churn", RELEASE.digest, "i"),
        promotion_id(SOURCE, HUB, "other", RELEASE.digest, "i"),
        promotion_id(SOURCE, replace(HUB, region="us-east-1"), "churn", RELEASE.digest, "i"),
        promotion_id(SOURCE, HUB, "churn", "x", "i"),
        promotion_id(SOURCE, HUB, "churn", RELEASE.digest, "j"),
    ]
    assert len({*ids, *others}) == 8


def test_inputs_cover_what_a_promotion_changes_and_nothing_else() -> None:
    same = replace(PROMOTION, approval="Rejected", reason="x", metadata={"a": "b"})
    assert inputs_digest(same) == inputs_digest(PROMOTION)
    assert inputs_digest(replace(PROMOTION, attempt=2)) != inputs_digest(PROMOTION)
    assert inputs_digest(replace(PROMOTION, images="reference")) != inputs_digest(PROMOTION)


def test_the_spec_digest_does_not_see_what_may_change() -> None:
    body = {"InferenceSpecification": {"Containers": [{"Image": "i"}]}, "Domain": "COMPUTER_VISION"}
    described = {
        **body,
        "ModelApprovalStatus": "Approved",
        "ModelLifeCycle": {},
        "CustomerMetadataProperties": {"a": "b"},
    }
    assert spec_digest(described) == spec_digest(body)
    assert spec_digest({**body, "Task": "OTHER"}) != spec_digest(body)


def lock_of(release: Release) -> Lock:
    lock: Lock = build(Lock, lock_document("churn-8", release, "2026-11-22T00:00:00Z")["spec"])
    return lock


def test_a_lock_of_the_same_release_shows_no_difference() -> None:
    assert differences(lock_of(RELEASE), RELEASE) == ()
    assert lock_of(RELEASE).release == RELEASE.digest


def test_a_lock_names_what_differs() -> None:
    moved = replace(
        RELEASE,
        body={
            "InferenceSpecification": {"Containers": [{"Image": "r/i:1", "ModelDataUrl": "s3://b/m"}]},
            "Task": "OTHER",
        },
        objects=(Object("s3://b/m", 5, "e2", "v2"), Object("s3://b/n", 1, "e")),
        images=(),
    )
    assert differences(lock_of(RELEASE), moved) == (
        "field Task is new",
        f"image r/i:1: sha256:{'0' * 64} -> absent",
        "object s3://b/m: 3 bytes, ETag e1, version v1 -> 5 bytes, ETag e2, version v2",
        "object s3://b/n: absent -> 1 bytes, ETag e",
    )


def test_a_hundred_objects_are_listed_and_more_are_counted() -> None:
    many = tuple(Object(f"s3://b/p/{index:03}", 1, "e") for index in range(101))
    hundred = lock_document("n", replace(RELEASE, objects=many[:100], prefixes=("s3://b/p/",)), "")["spec"]
    assert (len(hundred["objects"]), hundred["listings"]) == (100, [])
    release = replace(RELEASE, objects=many, prefixes=("s3://b/p/",))
    counted = lock_document("n", release, "")["spec"]
    rows = sorted([item.uri, item.size, item.version, item.etag] for item in many)
    assert counted["objects"] == []
    assert counted["listings"] == [{"uri": "s3://b/p/", "count": 101, "bytes": 101, "digest": digest(rows)}]
    assert differences(lock_of(release), release) == ()
    assert len(differences(lock_of(release), replace(release, objects=many[1:]))) == 1


def test_a_record_is_read_back_whole_and_refused_when_changed() -> None:
    stored = Stored("models/x", 3, '"e"', "v", {"CRC32": "a"})
    record = Record("id", RELEASE, "inputs", 1, {"Domain": "x"}, (stored,))
    assert read_record(record.text()).text() == record.text()
    tampered = record.text().replace("s3://b/m", "s3://b/evil")
    for text in (tampered, "{}", "[]", "null", "not json"):
        try:
            read_record(text)
        except ValueError as error:
            assert str(error)
        else:
            raise AssertionError(text)


def test_owned_keys_survive_any_number_of_entries() -> None:
    keys = [f"{'k' * 100}{index}" for index in range(20)]
    marks = keys_marks(keys)
    assert all(len(value) <= 256 for value in marks.values())
    assert owned_keys(marks) == frozenset(keys)
    assert foreign({**marks, "a": "b"}) == {"a": "b"}


def test_canonical_json_does_not_depend_on_order() -> None:
    assert canonical({"b": [1, "é"], "a": None}) == '{"a":null,"b":[1,"é"]}'


def test_ids_are_uuids_of_the_fifth_kind_and_no_text_breaks_them() -> None:
    value = ["a", {"b": 1}]
    assert stable_id(value) == str(uuid.uuid5(uuid.UUID("6b1f0f4e-7f0c-5f0a-9c5e-2f1d1b7f9a10"), canonical(value)))
    assert stable_id(["\ud800"]) != stable_id(["\ud801"])
    assert len(digest(["\ud800"])) == 71
