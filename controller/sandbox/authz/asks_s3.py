"""S3's calls as actions on buckets and objects, with those on the keys that encrypt them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, unquote

from controller.sandbox.authz.ask import Ask, Keys, alias_keys, tag_keys
from controller.sandbox.kms.service import named_key
from controller.sandbox.kms.state import managed_arn
from controller.sandbox.principals import Caller
from controller.sandbox.s3.objects import default_encryption
from controller.sandbox.s3.state import Bucket, Stored
from controller.sandbox.wire import Request, ServiceError
from controller.sandbox.world import World

_KEY = "x-amz-server-side-encryption-aws-kms-key-id"
_ON_BUCKET = {
    "ListObjectsV2": "ListBucket",
    "ListObjects": "ListBucket",
    "HeadBucket": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "DeleteBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "GetBucketCors": "GetBucketCORS",
    "PutBucketCors": "PutBucketCORS",
    "DeleteBucketTagging": "PutBucketTagging",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
}
_READS = ("GetObject", "HeadObject")
_WRITES = (
    "PutObject",
    "CopyObject",
    "CreateMultipartUpload",
    "UploadPart",
    "UploadPartCopy",
    "CompleteMultipartUpload",
)
_CREATES = ("PutObject", "CopyObject", "CompleteMultipartUpload")
_HEADERS = ("if-none-match", "if-match", "x-amz-acl", "x-amz-metadata-directive", "x-amz-storage-class")
_ENCRYPTED = ("x-amz-server-side-encryption", _KEY)


def _on(bucket: Bucket | None, name: str, action: str, resource: str, caller: Caller, context: Keys) -> Ask:
    text = bucket.settings.get("policy") if bucket else None
    policy = (f"bucket {name}", text.decode()) if text else None
    owner = bucket.owner if bucket else caller.account
    here = {
        "s3:resourceaccount": (owner,),
        "s3:authtype": ("REST-HEADER",),
        "s3:signatureversion": ("AWS4-HMAC-SHA256",),
    }
    return Ask(f"s3:{action}", f"arn:{caller.partition}:s3:::{resource}", owner, here | context, policy)


def _query(request: Request, **names: str) -> Keys:
    """Query parameters as context: `prefix="prefix"` is `s3:prefix`."""
    found = {key.replace("_", "-"): request.query.get(name) for key, name in names.items()}
    return {f"s3:{key}": (value,) for key, value in found.items() if value is not None}


def _key_ask(world: World, caller: Caller, action: str, bucket: Bucket, text: str | None, arn: str) -> Iterable[Ask]:
    """An action on the key of an object; where none is named, on the account's `aws/s3`, which is for it alone."""
    via = {
        "kms:viaservice": (f"s3.{bucket.region}.amazonaws.com",),
        "kms:calleraccount": (caller.account,),
        "kms:encryptioncontext:aws:s3:arn": (arn,),
        "kms:encryptioncontextkeys": ("aws:s3:arn",),
    }
    own = managed_arn(caller.partition, bucket.owner, bucket.region)
    if text in (None, "", own):
        yield Ask(action, own, bucket.owner, via)
        return
    key = named_key(world, caller.account, bucket.region, text)
    if key is None:
        raise ServiceError("KMS.NotFoundException", f"Key '{text}' does not exist")
    yield Ask(action, key.arn, key.account, via | alias_keys(key.aliases), (f"key {key.id}", key.policy), "key")


def _is_kms(headers: Mapping[str, str]) -> bool:
    return headers.get("x-amz-server-side-encryption", "").startswith("aws:kms")


def _read_key(world: World, caller: Caller, bucket: Bucket | None, stored: Stored | None) -> Iterable[Ask]:
    if bucket is not None and stored is not None and _is_kms(stored.headers):
        arn = f"arn:{caller.partition}:s3:::{bucket.name}/{stored.key}"
        yield from _key_ask(world, caller, "kms:Decrypt", bucket, stored.headers.get(_KEY), arn)


def _write_key(
    world: World, caller: Caller, request: Request, operation: str, bucket: Bucket, key: str
) -> Iterable[Ask]:
    """A new object takes a data key; the parts and the end of an upload use the one that it began with."""
    begun = bucket.uploads.get(request.query.get("uploadId", ""))
    headers = begun.template.headers if begun else default_encryption(request.headers, bucket)
    if _is_kms(headers):
        action = "kms:Decrypt" if begun and operation != "CreateMultipartUpload" else "kms:GenerateDataKey"
        arn = f"arn:{caller.partition}:s3:::{bucket.name}/{key}"
        yield from _key_ask(world, caller, action, bucket, headers.get(_KEY), arn)


def _find(bucket: Bucket | None, key: str, version: str | None) -> Stored | None:
    if bucket is None:
        return None
    if version is None:
        return bucket.current(key)
    return next((item for item in bucket.objects.get(key, ()) if item.version == version), None)


def _source(world: World, caller: Caller, request: Request, operation: str) -> Iterable[Ask]:
    """The reading half of a copy, by the same caller; with its tags, when they are copied."""
    text, _, version = request.headers["x-amz-copy-source"].partition("?versionId=")
    name, _, key = unquote(text).lstrip("/").partition("/")
    bucket = world.buckets.get(name)
    stored = _find(bucket, key, unquote(version) or None)
    suffix = "Version" if version else ""
    yield _on(bucket, name, f"GetObject{suffix}", f"{name}/{key}", caller, _existing(stored))
    kept = request.headers.get("x-amz-tagging-directive", "COPY") == "COPY"
    if operation == "CopyObject" and kept and stored is not None and stored.tags:
        yield _on(bucket, name, f"GetObject{suffix}Tagging", f"{name}/{key}", caller, {})
    yield from _read_key(world, caller, bucket, stored)


def _existing(stored: Stored | None) -> Keys:
    return {f"s3:existingobjecttag/{key.lower()}": (text,) for key, text in (stored.tags if stored else {}).items()}


def _tags_of_copy(world: World, request: Request) -> bool:
    """Whether a copy brings tags along without naming them."""
    text, _, version = request.headers.get("x-amz-copy-source", "").partition("?versionId=")
    name, _, key = unquote(text).lstrip("/").partition("/")
    stored = _find(world.buckets.get(name), key, unquote(version) or None)
    kept = request.headers.get("x-amz-tagging-directive", "COPY") == "COPY"
    return bool(text) and kept and stored is not None and bool(stored.tags)


def _written(world: World, caller: Caller, request: Request, operation: str, name: str, key: str) -> Iterable[Ask]:
    bucket = world.buckets.get(name)
    context: Keys = {
        f"s3:{item}": (request.headers[item],) for item in (*_HEADERS, *_ENCRYPTED) if item in request.headers
    }
    context["s3:objectcreationoperation"] = (str(operation in _CREATES).lower(),)
    tags = dict(parse_qsl(request.headers.get("x-amz-tagging", ""), keep_blank_values=True))
    if tags:
        context |= tag_keys(tags, "s3:requestobjecttag/") | {"s3:requestobjecttagkeys": tuple(tags)}
    if "x-amz-copy-source" in request.headers:
        yield from _source(world, caller, request, operation)
        context["s3:x-amz-copy-source"] = (unquote(request.headers["x-amz-copy-source"]).lstrip("/"),)
    yield _on(bucket, name, "PutObject", f"{name}/{key}", caller, context)
    if operation in ("PutObject", "CopyObject", "CreateMultipartUpload") and (tags or _tags_of_copy(world, request)):
        yield _on(bucket, name, "PutObjectTagging", f"{name}/{key}", caller, context)
    if request.headers.get("x-amz-object-lock-mode"):
        yield _on(bucket, name, "PutObjectRetention", f"{name}/{key}", caller, context)
    if bucket is not None:
        yield from _write_key(world, caller, request, operation, bucket, key)


def _on_object(world: World, caller: Caller, request: Request, operation: str, name: str, key: str) -> Iterable[Ask]:
    bucket, version = world.buckets.get(name), request.query.get("versionId")
    suffix = "Version" if version else ""
    stored = _find(bucket, key, version)
    context = _existing(stored) | _query(request, versionid="versionId")
    whole = f"{name}/{key}"
    if operation in _READS:
        yield _on(bucket, name, f"GetObject{suffix}", whole, caller, context)
        yield from _read_key(world, caller, bucket, stored)
    elif operation == "GetObjectAttributes":
        for action in (f"GetObject{suffix}", f"GetObject{suffix}Attributes"):
            yield _on(bucket, name, action, whole, caller, context)
    elif operation.endswith("ObjectTagging"):
        verb = operation.removesuffix("ObjectTagging")
        yield _on(bucket, name, f"{verb}Object{suffix}Tagging", whole, caller, context)
    elif operation == "DeleteObject":
        yield _on(bucket, name, f"DeleteObject{suffix}", whole, caller, context)
    elif operation == "ListParts":
        yield _on(bucket, name, "ListMultipartUploadParts", whole, caller, context)
    else:
        yield _on(bucket, name, operation, whole, caller, context)


def asks(world: World, caller: Caller, request: Request, operation: str, resource: str) -> Iterable[Ask]:
    """What a call asks leave for."""
    name, _, key = resource.partition("/")
    bucket = world.buckets.get(name)
    if not name:
        yield _on(None, "", "ListAllMyBuckets", "*", caller, {})
    elif operation in _WRITES:
        yield from _written(world, caller, request, operation, name, key)
    elif key:
        yield from _on_object(world, caller, request, operation, name, key)
    elif operation == "DeleteObjects":
        yield _on(bucket, name, "DeleteObject", f"{name}/*", caller, {})
    else:
        context = _query(request, prefix="prefix", delimiter="delimiter", max_keys="max-keys")
        yield _on(bucket, name, _ON_BUCKET.get(operation, operation), name, caller, context)


def probe(world: World, caller: Caller, resource: str) -> Ask:
    """What decides whether an object that is not there is 404 or 403."""
    name = resource.partition("/")[0]
    return _on(world.buckets.get(name), name, "ListBucket", name, caller, {})


def reading(world: World, caller: Caller, name: str, key: str) -> Iterable[Ask]:
    """Reading an object as it is now, for a service that reads it in somebody's role."""
    bucket = world.buckets.get(name)
    stored = _find(bucket, key, None)
    yield _on(bucket, name, "GetObject", f"{name}/{key}", caller, _existing(stored))
    yield from _read_key(world, caller, bucket, stored)


def listing(world: World, caller: Caller, name: str, prefix: str) -> Ask:
    """Listing a bucket's prefix, as `reading`."""
    return _on(world.buckets.get(name), name, "ListBucket", name, caller, {"s3:prefix": (prefix,)})
