"""Whether a copy is its source, to the bit: by checksums that S3 itself states of both, or by reading both.

What passed through here vouches for the source only where it is what was known of it: else it could have been damaged
before it was hashed, and would be its own proof. ETags prove nothing: they depend on how an object was uploaded and
encrypted.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from controller.core.errors import CloudError, PreconditionError
from controller.kinds.base import Client
from controller.kinds.flow import spread
from controller.kinds.s3object import Copied, ObjectCopy, at_source, changed, checksums_of, opened
from controller.kinds.s3upload import MIB, Lanes, Span, spans
from controller.kinds.tally import LEAF, SHA256

_BUFFER = MIB


def prove(
    source: Client,
    hub: Client,
    item: ObjectCopy,
    copied: Copied,
    lanes: Lanes,
    *,
    deep: bool = False,
    stated: Mapping[str, str] | None = None,
) -> Mapping[str, str]:
    """What shows that the copy is its source, by algorithm. `PreconditionError` when it is not.

    S3's checksums of both whole objects, where it has one algorithm of both; otherwise, or if `deep`, our own sha256.
    `source` reads the source, `hub` the copy; `stated` is what `stated_many` has found.
    """
    ours = whole(item.checksums) or whole(stated if stated is not None else stated_of(source, item))
    theirs = whole(copied.checksums) or whole(_attested(hub, item, copied))
    common = sorted(ours.keys() & theirs.keys())
    for name in common:
        if ours[name] != theirs[name]:
            raise _corrupt(item, f"{name} {theirs[name]} where the source has {ours[name]}")
    shown = {name: theirs[name] for name in common}
    if common and not deep:
        return shown
    return shown | {SHA256: _read_both(source, hub, item, copied, lanes, deep=deep)}


def _read_both(source: Client, hub: Client, item: ObjectCopy, copied: Copied, lanes: Lanes, *, deep: bool) -> str:
    """Our sha256 of the copy, which is that of the source and of what passed through here."""
    passed = copied.passed.get(SHA256, "")
    vouched = passed and not deep and known_of(item).keys() & copied.passed.keys()  # `check_passed` held it to those
    lanes.checked(0, item.size if vouched else 2 * item.size)
    wanted = passed if vouched else digest(source, at_source(item), item.size, lanes)
    found = digest(hub, _copy_of(item, copied), item.size, lanes)
    if wanted != found:
        raise _corrupt(item, f"sha256 {found} where the source has {wanted}")
    if passed and passed != found:
        raise PreconditionError(
            f"s3://{item.bucket}/{item.key} and its source s3://{item.source_bucket}/{item.source_key} have sha256 "
            f"{found}, and what passed through here had {passed}",
            "nothing of it is approved; run it again, and if it stays so, not on this machine",
        )
    return found


def check_passed(item: ObjectCopy, sums: Mapping[str, str]) -> None:
    """`PreconditionError` unless what passed through here is that of which a sha256 was known."""
    for name, wanted in sorted(known_of(item).items()):
        if sums.get(name, wanted) != wanted:
            raise PreconditionError(
                f"what arrived of s3://{item.source_bucket}/{item.source_key} is not its source: {name} {sums[name]} "
                f"where {wanted} is known of it",
                "nothing was stored of it: run it again; if it stays so, the source itself is damaged",
            )


def known_of(item: ObjectCopy) -> dict[str, str]:
    """What is known of the source as a sha256 of all of it: S3's, or a lock's, and a record's."""
    found = {"SHA256": whole(item.checksums).get("SHA256", ""), SHA256: item.checksums.get(SHA256, "")}
    return {name: value for name, value in found.items() if value}


def whole(checksums: Mapping[str, str]) -> dict[str, str]:
    """Those that are of the whole object; part-wise ones end in the number of parts."""
    return {name: value for name, value in checksums.items() if "-" not in value and name.isupper()}


def digest(client: Client, where: Mapping[str, Any], size: int, lanes: Lanes) -> str:
    """Our sha256 of an object's bytes, read in pieces of 64 MiB in parallel, with one buffer each.

    `lanes.checked` hears of each byte once, though a piece may be read again; who calls this has said how many come.
    """
    cuts = spans(size, LEAF) if size > LEAF else [Span(1, 0, size)]
    told = dict.fromkeys((span.number for span in cuts), 0)  # no piece is read twice at a time

    def hear(span: Span, count: int) -> None:
        if (more := min(count, span.end - span.start) - told[span.number]) > 0:
            told[span.number] += more
            lanes.checked(more, 0)
        lanes.check()  # what was read so far helps no later run: there is nothing to bring to an end

    def one(span: Span) -> bytes:
        lanes.check()
        return _digest(client, where, span, size, functools.partial(hear, span))

    found = spread(lanes.pool, one, cuts, lanes.pace(), lanes.pause)
    return found[0].hex() if len(found) == 1 else hashlib.sha256(b"".join(found)).hexdigest()


def _digest(client: Client, where: Mapping[str, Any], span: Span, size: int, hear: Callable[[int], None]) -> bytes:
    """`hear` is told how many bytes have come so far."""
    state, count = hashlib.sha256(), 0
    with opened(client, where, span.start, span.end, size) as body:
        while data := body.read(_BUFFER):
            state.update(data)
            count += len(data)
            hear(count)
            if count > span.end - span.start:
                break
    if count != span.end - span.start:
        raise CloudError("s3:GetObject", "IncompleteBody", f"{count} bytes came, {span.end - span.start} were asked")
    return state.digest()


def stated_many(source: Client, items: Sequence[ObjectCopy], lanes: Lanes) -> dict[str, Mapping[str, str]]:
    """S3's checksums of many sources, pinned, by the copies' keys: of those of which none are known, and it said them.

    The first is asked by itself: from then on it is known where the bucket is.
    """
    asked = [item for item in items if not whole(item.checksums)]
    if not asked:
        return {}
    found: dict[str, Mapping[str, str]] = {asked[0].key: stated_of(source, asked[0])}
    heads = [{**at_source(item), "ChecksumMode": "ENABLED"} for item in asked[1:]]
    answers = source.many("HeadObject", heads, lambda _: not lanes.stopped())
    said = zip(asked[1:], answers, strict=True)
    return found | {item.key: checksums_of(answer) for item, answer in said if answer is not None}


def check_copy(hub: Client, where: Mapping[str, Any], wanted: Mapping[str, str], lanes: Lanes) -> None:
    """`PreconditionError` unless an object in the store has these checksums of a whole source.

    Those that S3 states are compared; a SHA256 that it does not state is taken of the bytes themselves.
    """
    head = hub.call("HeadObject", **where, ChecksumMode="ENABLED")
    found = whole(checksums_of(head))
    if "SHA256" in wanted and "SHA256" not in found:
        lanes.checked(0, int(head["ContentLength"]))
        found["SHA256"] = _sha256(hub, where, lanes)
    for name in sorted(wanted.keys() & found.keys()):
        if wanted[name] != found[name]:
            raise PreconditionError(
                f"s3://{where['Bucket']}/{where['Key']} is not its source: {name} {found[name]} where the lock has "
                f"{wanted[name]}",
                "nothing of it is approved: find out who wrote it",
            )


def _sha256(hub: Client, where: Mapping[str, Any], lanes: Lanes) -> str:
    """As S3 writes it."""
    state = hashlib.sha256()
    with hub.call("GetObject", **where)["Body"] as body:
        while data := body.read(_BUFFER):
            state.update(data)
            lanes.checked(len(data), 0)
            lanes.check()
    return base64.b64encode(state.digest()).decode()


def stated_of(source: Client, item: ObjectCopy) -> dict[str, str]:
    """S3's checksums of the source, pinned."""
    try:
        return checksums_of(source.call("HeadObject", **at_source(item), ChecksumMode="ENABLED"))
    except CloudError as error:
        if error.status == 412 or error.missing:
            raise changed(item) from error
        raise


def _attested(hub: Client, item: ObjectCopy, copied: Copied) -> dict[str, str]:
    return checksums_of(hub.call("HeadObject", **_copy_of(item, copied), ChecksumMode="ENABLED"))


def _copy_of(item: ObjectCopy, copied: Copied) -> dict[str, Any]:
    return place_of(item.bucket, item.key, item.owner, copied.version_id, copied.etag)


def place_of(bucket: str, key: str, owner: str, version: str | None, etag: str) -> dict[str, Any]:
    """For reading a copy, pinned."""
    pinned = {"VersionId": version} if version else {}
    return {"Bucket": bucket, "Key": key, "ExpectedBucketOwner": owner, "IfMatch": etag, **pinned}


def _corrupt(item: ObjectCopy, how: str) -> PreconditionError:
    return PreconditionError(
        f"s3://{item.bucket}/{item.key} is not its source s3://{item.source_bucket}/{item.source_key}: {how}",
        "nothing of it is approved; the object must be deleted by somebody who may, then run it again",
    )
