"""Other bytes of the same size and checksum: a CRC proves what was copied, not what somebody made to pass for it."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from controller.sandbox.s3.checksums import compute
from tests import bed as beds
from tests.bed import CHURN, HUB, STORE, Bed
from tests.e2e.adopted import adopting, copied

PLACE = "models/old/churn/model.tar.gz"


def crc(data: bytes) -> int:
    return int.from_bytes(base64.b64decode(compute("crc64nvme", [data], len(data)) or ""), "big")


def forged(original: bytes) -> bytes:
    """Bytes of the same size and CRC64NVME: eight of them are free, and a CRC is linear in each bit."""
    body = b"other".ljust(len(original) - 8, b"\0")
    zero = crc(body + bytes(8))
    rows: dict[int, tuple[int, int]] = {}
    for bit in range(64):
        row, mask = crc(body + (1 << bit).to_bytes(8, "little")) ^ zero, 1 << bit
        while row.bit_length() in rows:
            other = rows[row.bit_length()]
            row, mask = row ^ other[0], mask ^ other[1]
        rows[row.bit_length()] = row, mask
    wanted, tail = crc(original) ^ zero, 0
    while wanted:
        row, mask = rows[wanted.bit_length()]
        wanted, tail = wanted ^ row, tail ^ mask
    return body + tail.to_bytes(8, "little")


def model(bed: Bed) -> bytes:
    answer = bed.client(CHURN, "s3").call("GetObject", Bucket="churn-lab-models", Key="v1/model.tar.gz")
    return bytes(answer["Body"].read())


def reads(bed: Bed, since: int) -> set[str]:
    return {
        call.resource for call in bed.world.calls[since:] if call.operation == "GetObject" and PLACE in call.resource
    }


def test_bytes_made_to_have_the_sources_checksum_are_not_adopted(tmp_path: Path) -> None:
    bed = beds.fresh()
    beds.simple(bed)
    other = forged(model(bed))
    assert (len(other), crc(other)) == (len(model(bed)), crc(model(bed)))
    assert other != model(bed)
    copied(bed, model=other)
    done = bed.reconcile(beds.manifests(tmp_path, adopting()))
    (failed,) = [item.detail for item in done.outcomes if item.status == "failed"]
    assert (done.exit_code(), failed.startswith(f"s3://{STORE}/{PLACE} is not its source ")) == (5, True), failed
    assert "hubwright/fleet" not in beds.described(bed)["CustomerMetadataProperties"]
    assert not [key for key in bed.world.buckets[STORE].objects if "/.releases/" in key]


@pytest.mark.parametrize(("encrypted", "read"), [(False, False), (True, True)], ids=["equal ETags", "other ETags"])
def test_true_copies_are_read_only_where_nothing_but_a_crc_speaks_for_them(
    encrypted: bool, read: bool, tmp_path: Path
) -> None:
    bed = beds.fresh()
    beds.simple(bed)
    copied(bed)
    if encrypted:
        key = bed.client(HUB, "kms").call("CreateKey")["KeyMetadata"]["Arn"]
        more = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
        bed.client(HUB, "s3").call("PutObject", Bucket=STORE, Key=PLACE, Body=model(bed), **more)
    before = len(bed.world.calls)
    assert bed.reconcile(beds.manifests(tmp_path, adopting())).exit_code() == 0
    assert bool(reads(bed, before)) is read


def test_a_locks_word_for_a_checksum_proves_nothing_of_the_source(tmp_path: Path) -> None:
    """Checksums are in no digest of a lock: whoever writes one can name those of other bytes."""
    bed = beds.fresh()
    beds.simple(bed)
    copied(bed)
    other = b"other".ljust(len(model(bed)), b"\0")
    bed.client(HUB, "s3").call("PutObject", Bucket=STORE, Key=PLACE, Body=other, ChecksumAlgorithm="SHA256")
    pinned = beds.lock(bed, beds.manifests(tmp_path / "a", adopting()), "churn-1")
    (named,) = [one for one in pinned["spec"]["objects"] if one["uri"].endswith("model.tar.gz")]
    named["checksums"]["SHA256"] = base64.b64encode(hashlib.sha256(other).digest()).decode()
    done = bed.reconcile(beds.manifests(tmp_path / "b", adopting(), pinned))
    assert (done.exit_code(), [item.status for item in done.outcomes].count("failed")) == (5, 1)
    assert "hubwright/fleet" not in beds.described(bed)["CustomerMetadataProperties"]
