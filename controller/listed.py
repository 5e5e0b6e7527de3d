"""What listings say of many objects at once: size and ETag, where asking for each would cost a call each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice, takewhile
from typing import Any

from controller.core import fields
from controller.core.draft import split_uri
from controller.core.errors import CloudError
from controller.kinds.base import Client

_PAGE, _PAGES = 1000, 4  # and one more for every hundred objects: a bucket of other things is not read to its end


def uris_of(body: Mapping[str, Any]) -> set[str]:
    """The URIs in a package that are of one object each."""
    return {place.uri for place in fields.places(body) if place.form != "prefix" and not place.uri.endswith("/")}


def _shared(first: str, last: str) -> str:
    """What the first and the last of sorted texts, and so all of them, begin with."""
    same = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    return "".join(char for char, _ in same)


def listed(client: Client, owner: str, bucket: str, uris: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Of the objects of a bucket what HeadObject would say first, by key: `ContentLength` and `ETag`.

    What is not there, or not found on a bounded number of pages, is left out; so is everything where it may not be
    listed: whoever needs it asks for it by name.
    """
    wanted = {key for name, key in map(split_uri, uris) if name == bucket}
    found: dict[str, dict[str, Any]] = {}
    if not wanted:
        return found
    last, most = max(wanted), _PAGE * (_PAGES + len(wanted) // 100)
    asked = {"Bucket": bucket, "Prefix": _shared(min(wanted), last), "ExpectedBucketOwner": owner, "MaxKeys": _PAGE}
    try:
        for row in islice(client.pages("ListObjectsV2", "Contents", **asked), most):
            if row["Key"] in wanted:
                found[row["Key"]] = {"ContentLength": int(row["Size"]), "ETag": row["ETag"]}
            if row["Key"] >= last:
                break
    except CloudError:
        return {}
    return found
