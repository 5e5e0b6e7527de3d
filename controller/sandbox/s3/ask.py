"""One S3 request with its bucket and key, and the small things all operations need."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate, parsedate_to_datetime
from xml.sax.saxutils import escape

from controller.sandbox.principals import Caller
from controller.sandbox.s3.holes import Piece
from controller.sandbox.s3.state import Bucket, Stored
from controller.sandbox.wire import Request, ServiceError
from controller.sandbox.world import World


@dataclass(slots=True)
class Ask:
    """A request on a bucket or an object; `trailers` came after a chunked body."""

    world: World
    caller: Caller
    request: Request
    bucket: str
    key: str
    trailers: dict[str, str]

    def header(self, name: str) -> str | None:
        """A header or trailer by its lower-case name."""
        return self.request.headers.get(name, self.trailers.get(name))

    def query(self, name: str) -> str | None:
        """A query parameter."""
        return self.request.query.get(name)

    def number(self, name: str, usual: int) -> int:
        """A whole number among the query parameters; 400 InvalidArgument when it is none."""
        text = self.query(name) or str(usual)
        if not text.isdecimal():
            raise ServiceError("InvalidArgument", f"Provided {name} not an integer or within integer range")
        return int(text)

    def own_bucket(self) -> Bucket:
        """The bucket; 404 when there is none, 403 when it is not the expected owner's."""
        return find_bucket(self.world, self.bucket, self.header("x-amz-expected-bucket-owner"))


def find_bucket(world: World, name: str, owner: str | None) -> Bucket:
    """A bucket by name, of the owner when one is expected."""
    bucket = world.buckets.get(name)
    if bucket is None:
        raise ServiceError("NoSuchBucket", "The specified bucket does not exist", 404, {"BucketName": name})
    if owner is not None and owner != bucket.owner:
        raise ServiceError("AccessDenied", "Access Denied", 403)
    return bucket


def find_version(bucket: Bucket, key: str, version: str | None) -> Stored:
    """One version, by default the current one, which may not be a delete marker."""
    stored = bucket.current(key)
    if version is None:
        if stored is None:
            raise ServiceError("NoSuchKey", "The specified key does not exist.", 404, {"Key": key})
        return stored
    stored = next((item for item in bucket.objects.get(key, ()) if item.version == version), None)
    if stored is None:
        raise ServiceError(
            "NoSuchVersion", "The specified version does not exist.", 404, {"Key": key, "VersionId": version}
        )
    return stored


def tag(name: str, value: object) -> str:
    """One XML element; booleans as S3 writes them."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"<{name}>{escape(text)}</{name}>"


def iso(seconds: float) -> str:
    """A time as it stands in XML."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def http_date(seconds: float) -> str:
    """A time as it stands in headers."""
    return formatdate(seconds, usegmt=True)


def _since(text: str) -> float:
    try:
        return parsedate_to_datetime(text).timestamp()
    except ValueError as fault:
        raise ServiceError("InvalidArgument", f"not a date: {text}") from fault


def _etags(text: str) -> list[str]:
    return [item.strip().strip('"') for item in text.split(",")]


def unmet(ask: Ask, stored: Stored, prefix: str = "") -> str | None:
    """The name of the read condition that a version does not meet, None when all hold.

    As documented, a matching If-Match outweighs If-Unmodified-Since, and a If-None-Match outweighs If-Modified-Since.
    """
    changed = int(stored.time)
    match, none_match = ask.header(prefix + "if-match"), ask.header(prefix + "if-none-match")
    if match is not None:
        if stored.etag not in _etags(match) and match != "*":
            return "If-Match"
    elif (text := ask.header(prefix + "if-unmodified-since")) and changed > _since(text):
        return "If-Unmodified-Since"
    if none_match is not None:
        if stored.etag in _etags(none_match) or none_match == "*":
            return "If-None-Match"
    elif (text := ask.header(prefix + "if-modified-since")) and changed <= _since(text):
        return "If-Modified-Since"
    return None


def failed(condition: str) -> ServiceError:
    """412 for one condition."""
    said = "At least one of the pre-conditions you specified did not hold"
    return ServiceError("PreconditionFailed", said, 412, {"Condition": condition})


def check_destination(ask: Ask, bucket: Bucket) -> None:
    """If-None-Match and If-Match of a write, against what the key holds now."""
    current = bucket.current(ask.key)
    if ask.header("if-none-match") is not None:
        if ask.header("if-none-match") != "*":
            raise ServiceError(
                "NotImplemented", "A header you provided implies functionality that is not implemented", 501
            )
        if current is not None:
            raise failed("If-None-Match")
    match = ask.header("if-match")
    if match is not None:
        if current is None:
            raise ServiceError("NoSuchKey", "The specified key does not exist.", 404, {"Key": ask.key})
        if current.etag not in _etags(match):
            raise failed("If-Match")


def cut(pieces: Iterable[Piece], start: int, stop: int) -> tuple[Piece, ...]:
    """The bytes from `start` to before `stop`; whole pieces are shared, not copied."""
    kept: list[Piece] = []
    at = 0
    for piece in pieces:
        low, high = max(start - at, 0), min(stop - at, len(piece))
        if low < high:
            kept.append(piece if high - low == len(piece) else piece[low:high])
        at += len(piece)
    return tuple(kept)
