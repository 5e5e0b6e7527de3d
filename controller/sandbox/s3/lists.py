"""ListBuckets, ListObjects, ListObjectsV2, ListObjectVersions."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

from controller.sandbox.s3.ask import Ask, iso, tag
from controller.sandbox.s3.state import Bucket, Stored
from controller.sandbox.wire import Answer, ServiceError, xml_answer


def list_buckets(ask: Ask) -> Answer:
    """The buckets of the caller's account."""
    rows = []
    for bucket in sorted(ask.world.buckets.values(), key=lambda item: item.name):
        if bucket.owner == ask.caller.account:
            inner = (
                tag("Name", bucket.name) + tag("CreationDate", iso(bucket.created)) + tag("BucketRegion", bucket.region)
            )
            rows.append(f"<Bucket>{inner}</Bucket>")
    owner = f"<Owner>{tag('ID', ask.caller.account)}</Owner>"
    return xml_answer("ListAllMyBucketsResult", f"{owner}<Buckets>{''.join(rows)}</Buckets>")


@dataclass(slots=True)
class _Page:
    """Rows of one page with the common prefixes among them; `last` is where the next page begins."""

    limit: int
    rows: list[str] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    last: tuple[str, str] | None = None
    more: bool = False

    @property
    def count(self) -> int:
        return len(self.rows) + len(self.prefixes)


def _fill(ask: Ask, entries: Iterable[tuple[str, str, str]], page: _Page, after: str) -> _Page:
    """Takes (key, version, row) in order until the page is full; keys with the delimiter count once."""
    prefix, delimiter = ask.query("prefix") or "", ask.query("delimiter") or ""
    for key, version, row in entries:
        cut = key.find(delimiter, len(prefix)) if delimiter else -1
        common = key[: cut + len(delimiter)] if cut >= 0 else ""
        if common and (common == after or (page.prefixes and page.prefixes[-1] == common)):
            continue
        if page.count >= page.limit:
            page.more = True
            break
        if common:
            page.prefixes.append(common)
        else:
            page.rows.append(row)
        page.last = (common or key, version)
    return page


def _name(ask: Ask, text: str) -> str:
    return quote(text, safe="/") if ask.query("encoding-type") == "url" else text


def _row(ask: Ask, stored: Stored, extra: str = "", kind: str = "Contents") -> str:
    inner = tag("Key", _name(ask, stored.key)) + extra + tag("LastModified", iso(stored.time))
    if not stored.deleted:
        inner += tag("ETag", f'"{stored.etag}"') + tag("Size", stored.size)
        inner += tag("StorageClass", stored.headers.get("x-amz-storage-class", "STANDARD"))
        inner += "".join(tag("ChecksumAlgorithm", name.upper()) for name in stored.checksums)
    return f"<{kind}>{inner}</{kind}>"


def _keys(bucket: Bucket, prefix: str, after: str) -> list[str]:
    return sorted(key for key in bucket.objects if key.startswith(prefix) and key > after)


def _current(ask: Ask, bucket: Bucket, after: str) -> Iterator[tuple[str, str, str]]:
    for key in _keys(bucket, ask.query("prefix") or "", after):
        stored = bucket.current(key)
        if stored:
            yield key, stored.version, _row(ask, stored)


def _head(ask: Ask, page: _Page) -> str:
    inner = tag("Name", ask.bucket) + tag("Prefix", _name(ask, ask.query("prefix") or "")) + tag("MaxKeys", page.limit)
    inner += tag("IsTruncated", page.more)
    if ask.query("delimiter"):
        inner += tag("Delimiter", _name(ask, ask.query("delimiter") or ""))
    if ask.query("encoding-type"):
        inner += tag("EncodingType", ask.query("encoding-type"))
    return inner


def _prefixes(ask: Ask, page: _Page) -> str:
    return "".join(f"<CommonPrefixes>{tag('Prefix', _name(ask, item))}</CommonPrefixes>" for item in page.prefixes)


def list_objects_v2(ask: Ask) -> Answer:
    """Current objects by key, up to 1,000 a page."""
    bucket = ask.own_bucket()
    after = ask.query("start-after") or ""
    token = ask.query("continuation-token")
    if token is not None:
        try:
            after = base64.b64decode(token, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as fault:
            raise ServiceError("InvalidArgument", "The continuation token provided is incorrect") from fault
    page = _fill(ask, _current(ask, bucket, after), _Page(min(ask.number("max-keys", 1000), 1000)), after)
    inner = _head(ask, page) + tag("KeyCount", page.count)
    if token is not None:
        inner += tag("ContinuationToken", token)
    if page.more and page.last:
        inner += tag("NextContinuationToken", base64.b64encode(page.last[0].encode()).decode())
    return xml_answer("ListBucketResult", inner + "".join(page.rows) + _prefixes(ask, page))


def list_objects(ask: Ask) -> Answer:
    """The first version of the listing, by marker."""
    bucket, marker = ask.own_bucket(), ask.query("marker") or ""
    page = _fill(ask, _current(ask, bucket, marker), _Page(min(ask.number("max-keys", 1000), 1000)), marker)
    inner = _head(ask, page) + tag("Marker", _name(ask, marker))
    if page.more and page.last:
        inner += tag("NextMarker", _name(ask, page.last[0]))
    return xml_answer("ListBucketResult", inner + "".join(page.rows) + _prefixes(ask, page))


def _versions(ask: Ask, bucket: Bucket, key_marker: str, version_marker: str) -> Iterator[tuple[str, str, str]]:
    prefix = ask.query("prefix") or ""
    keys = _keys(bucket, prefix, key_marker)
    if version_marker and key_marker in bucket.objects:
        keys.insert(0, key_marker)
    for key in keys:
        items = list(reversed(bucket.objects[key]))
        newest = items[0].version
        if key == key_marker:
            place = next((index for index, item in enumerate(items) if item.version == version_marker), len(items))
            items = items[place + 1 :]
        for item in items:
            extra = tag("VersionId", item.version) + tag("IsLatest", item.version == newest)
            yield key, item.version, _row(ask, item, extra, "DeleteMarker" if item.deleted else "Version")


def list_object_versions(ask: Ask) -> Answer:
    """All versions and delete markers, by key and the newest first, up to 1,000 a page."""
    bucket = ask.own_bucket()
    key_marker, version_marker = ask.query("key-marker") or "", ask.query("version-id-marker") or ""
    page = _fill(
        ask,
        _versions(ask, bucket, key_marker, version_marker),
        _Page(min(ask.number("max-keys", 1000), 1000)),
        key_marker,
    )
    inner = _head(ask, page) + tag("KeyMarker", _name(ask, key_marker)) + tag("VersionIdMarker", version_marker)
    if page.more and page.last:
        inner += tag("NextKeyMarker", _name(ask, page.last[0])) + tag("NextVersionIdMarker", page.last[1])
    return xml_answer("ListVersionsResult", inner + "".join(page.rows) + _prefixes(ask, page))
