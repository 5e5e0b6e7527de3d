"""Which S3 operation a request is, and its answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from controller.sandbox.principals import Caller
from controller.sandbox.s3 import buckets, copying, lists, multipart, objects
from controller.sandbox.s3.ask import Ask
from controller.sandbox.s3.bodies import decode
from controller.sandbox.wire import Answer, Request, ServiceError
from controller.sandbox.world import World

Operation = Callable[[Ask], Answer]
_VIRTUAL = re.compile(r"(?P<bucket>.+)\.s3[.-][a-z0-9.-]+(?::\d+)?")
_IGNORED = frozenset({"x-id", "versionId", "encoding-type"})


def place(request: Request) -> tuple[str, str]:
    """Bucket and key, from the path or, in the virtual-hosted style, from the host."""
    found = _VIRTUAL.fullmatch(request.host)
    if found:
        return found["bucket"], request.path[1:]
    bucket, _, key = request.path[1:].partition("/")
    return bucket, key


def _on_object(request: Request) -> tuple[str, Operation] | None:
    query, method = request.query, request.method
    copies = "x-amz-copy-source" in request.headers
    if "tagging" in query:
        name = {"GET": "Get", "PUT": "Put", "DELETE": "Delete"}.get(method)
        deed = objects.get_object_tagging if method == "GET" else objects.put_object_tagging
        return (f"{name}ObjectTagging", deed) if name else None
    if "uploadId" in query:
        part = ("UploadPartCopy", multipart.upload_part_copy) if copies else ("UploadPart", multipart.upload_part)
        return {
            "PUT": part,
            "POST": ("CompleteMultipartUpload", multipart.complete_multipart_upload),
            "DELETE": ("AbortMultipartUpload", multipart.abort_multipart_upload),
            "GET": ("ListParts", multipart.list_parts),
        }.get(method)
    if "uploads" in query and method == "POST":
        return "CreateMultipartUpload", multipart.create_multipart_upload
    if "attributes" in query and method == "GET":
        return "GetObjectAttributes", objects.get_object_attributes
    if {"acl", "retention", "legal-hold", "torrent", "restore", "select"} & set(query):
        return None
    return {
        "PUT": ("CopyObject", copying.copy_object) if copies else ("PutObject", objects.put_object),
        "GET": ("GetObject", objects.get_object),
        "HEAD": ("HeadObject", objects.get_object),
        "DELETE": ("DeleteObject", objects.delete_object),
    }.get(method)


def _on_bucket(request: Request) -> tuple[str, Operation] | None:
    query, method = request.query, request.method
    prefix = {"GET": "Get", "PUT": "Put", "DELETE": "Delete"}.get(method, "")
    for name, setting in buckets.SETTINGS.items():
        if name in query and prefix:
            return prefix + setting.name, partial(buckets.bucket_setting, name=name)
    if "versioning" in query:
        return f"{prefix}BucketVersioning", buckets.bucket_versioning
    if method == "POST" and "delete" in query:
        return "DeleteObjects", objects.delete_objects
    if method == "GET":
        return _listing(query)
    return {
        "PUT": ("CreateBucket", buckets.create_bucket),
        "HEAD": ("HeadBucket", buckets.head_bucket),
        "DELETE": ("DeleteBucket", buckets.delete_bucket),
    }.get(method)


def _listing(query: dict[str, str]) -> tuple[str, Operation] | None:
    if "versions" in query:
        return "ListObjectVersions", lists.list_object_versions
    if "uploads" in query:
        return "ListMultipartUploads", multipart.list_multipart_uploads
    if "location" in query:
        return "GetBucketLocation", buckets.get_bucket_location
    if query.get("list-type") == "2":
        return "ListObjectsV2", lists.list_objects_v2
    if {"acl", "website", "accelerate", "requestPayment", "inventory", "analytics", "metrics"} & set(query):
        return None
    return "ListObjects", lists.list_objects


def route(request: Request) -> tuple[str, str, Operation | None]:
    """The operation's name, what it is on (`bucket` or `bucket/key`), and how it is answered, None when not at all."""
    bucket, key = place(request)
    if not bucket:
        return "ListBuckets", "", lists.list_buckets
    found = _on_object(request) if key else _on_bucket(request)
    name, deed = found or (f"{request.method} {'/'.join(sorted(set(request.query) - _IGNORED))}".strip(), None)
    return name, f"{bucket}/{key}" if key else bucket, deed


def answer(world: World, caller: Caller, request: Request, deed: Operation | None) -> Answer:
    """Carries an operation out; 501 for what the sandbox does not have."""
    if deed is None:
        raise ServiceError("NotImplemented", "The sandbox does not have this S3 operation", 501)
    bucket, key = place(request)
    return deed(Ask(world, caller, request, bucket, key, decode(request)))
