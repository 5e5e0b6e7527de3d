"""One run of the copy engine, or of the stream that many scripts are, in a process of its own: prints its seconds.

`python -m tests.bench.s3_run proven|alone|locked|relay|passed|stream|judge SOURCE HUB`
"""

from __future__ import annotations

import gc
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

from controller.aws.calls import CallLog
from controller.aws.client import AwsClient
from controller.aws.cloud import AwsCloud
from controller.core.model import Target
from controller.core.record import Record, Stored
from controller.kinds import artifact
from controller.kinds import transfer as engine
from controller.kinds.flow import Pace
from controller.kinds.relay import PIECE
from controller.kinds.s3object import ObjectCopy
from controller.kinds.s3upload import Lanes

OWNER, REGION = os.environ.get("BENCH_ACCOUNT", "0" * 12), "us-east-1"


def rows_of(s3: AwsClient, bucket: str, prefix: str) -> list[dict[str, Any]]:
    return list(s3.pages("ListObjectVersions", "Versions", Bucket=bucket, Prefix=prefix))


def copied(
    s3: AwsClient, rows: list[dict[str, Any]], source: str, hub: str, *, proven: bool, relay: bool = False
) -> None:
    """As a run does it; `alone`, `locked` and `passed` leave out the proof, which no other tool makes."""
    items = [
        ObjectCopy(source, row["Key"], row["VersionId"], row["ETag"], OWNER, row["Size"], hub, f"h/{row['Key']}", OWNER,
                   "a" * 64, None, {"f": "g"})
        for row in rows
    ]  # fmt: skip
    if not proven:
        engine.prove = lambda *_, **__: {}  # type: ignore[assignment]
        engine.stated_many = lambda *_: {}  # type: ignore[assignment]
    with ThreadPoolExecutor(8 if relay else 64) as pool:
        lanes = Lanes(pool, lambda: Pace(time.monotonic), time.sleep)
        engine.transfer(engine.Route(s3, s3, lanes, PIECE if relay else (1 << 30) - 1, relay=relay), items, "h")


def streamed(s3: AwsClient, rows: list[dict[str, Any]], source: str, hub: str) -> None:
    """Every byte through the client, one object after another."""
    from tests.bench.test_s3 import connect

    client = connect()
    for row in rows:
        body = client.get_object(Bucket=source, Key=row["Key"])["Body"]
        client.upload_fileobj(body, hub, f"h/{row['Key']}")


def judged(s3: AwsClient, hub: str) -> None:
    """What a run does for an artifact whose record exists, before it approves: one listing of the store."""
    rows = rows_of(s3, hub, "h/x-abc/")
    objects = tuple(Stored(row["Key"], row["Size"], row["ETag"], row["VersionId"], {}) for row in rows)
    release: Any = SimpleNamespace(digest="v1:sha256:abc")
    record = Record("", release, "", 1, {}, objects)
    lanes: Any = None
    began = time.monotonic()
    artifact.verify(lanes, s3, OWNER, hub, record)
    print(time.monotonic() - began)


def main(what: str, source: str, hub: str) -> None:
    gc.set_threshold(20_000, 20, 20)  # as the command line does
    cloud = AwsCloud({}, run="bench", writable=True, log=CallLog())
    entry = cloud._own()
    entry._account, entry._caller = OWNER, "the bench"  # SeaweedFS has no STS
    s3 = cloud.client(Target(OWNER, REGION), "s3", "register")
    if what == "judge":
        return judged(s3, hub)
    s3.call("ListObjectsV2", Bucket=hub, MaxKeys=1)  # a run has asked before it copies: its client is there
    began = time.monotonic()
    rows = rows_of(s3, source, "m/")
    if what == "locked":  # what a lock names has been listed before
        began = time.monotonic()
    if what == "stream":
        streamed(s3, rows, source, hub)
    else:
        copied(s3, rows, source, hub, proven=what in ("proven", "relay"), relay=what in ("relay", "passed"))
    print(time.monotonic() - began)
    return None


if __name__ == "__main__":
    main(*sys.argv[1:])
