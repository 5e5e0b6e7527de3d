"""Buckets: create, head, delete, versioning, and sub-resources, which are kept as they came."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from controller.sandbox.s3.ask import Ask, tag
from controller.sandbox.s3.objects import strip_namespaces
from controller.sandbox.s3.state import Bucket
from controller.sandbox.wire import Answer, ServiceError, xml_answer

_NAME = re.compile(r"(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@dataclass(frozen=True, slots=True)
class Setting:
    """A sub-resource: its name in operations, and what a bucket without it answers (an error's code, or a document)."""

    name: str
    missing: str = ""
    said: str = ""
    document: str = ""


SETTINGS = {
    "policy": Setting("BucketPolicy", "NoSuchBucketPolicy", "The bucket policy does not exist"),
    "lifecycle": Setting(
        "BucketLifecycleConfiguration", "NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"
    ),
    "encryption": Setting(
        "BucketEncryption",
        document="<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm>"
        "</ApplyServerSideEncryptionByDefault><BucketKeyEnabled>false</BucketKeyEnabled></Rule></ServerSideEncryptionConfiguration>",
    ),
    "publicAccessBlock": Setting(
        "PublicAccessBlock", "NoSuchPublicAccessBlockConfiguration", "The public access block does not exist"
    ),
    "ownershipControls": Setting(
        "BucketOwnershipControls",
        document="<OwnershipControls><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule></OwnershipControls>",
    ),
    "notification": Setting("BucketNotificationConfiguration", document="<NotificationConfiguration/>"),
    "cors": Setting("BucketCors", "NoSuchCORSConfiguration", "The CORS configuration does not exist"),
    "tagging": Setting("BucketTagging", "NoSuchTagSet", "The TagSet does not exist"),
    "replication": Setting(
        "BucketReplication", "ReplicationConfigurationNotFoundError", "The replication configuration was not found"
    ),
    "logging": Setting("BucketLogging", document="<BucketLoggingStatus/>"),
    "object-lock": Setting(
        "ObjectLockConfiguration", "ObjectLockConfigurationNotFoundError", "Object Lock configuration does not exist"
    ),
}


def create_bucket(ask: Ask) -> Answer:
    """Creates a bucket in the region of its location constraint, which is the called one by default."""
    name = ask.bucket
    if not _NAME.fullmatch(name):
        raise ServiceError("InvalidBucketName", "The specified bucket is not valid.", 400, {"BucketName": name})
    kept = ask.world.buckets.get(name)
    if kept is not None:
        own = kept.owner == ask.caller.account
        code = "BucketAlreadyOwnedByYou" if own else "BucketAlreadyExists"
        raise ServiceError(code, "The bucket you tried to create already exists", 409, {"BucketName": name})
    body = ask.request.body()
    region = strip_namespaces(body).findtext("LocationConstraint") if body else None
    ask.world.buckets[name] = Bucket(name, ask.caller.account, region or ask.caller.region, ask.world.clock.now())
    return Answer(200, {"Location": f"/{name}"})


def head_bucket(ask: Ask) -> Answer:
    """Whether the bucket is there, and where."""
    return Answer(200, {"x-amz-bucket-region": ask.own_bucket().region})


def delete_bucket(ask: Ask) -> Answer:
    """Deletes an empty bucket; 409 while it has versions or uploads."""
    bucket = ask.own_bucket()
    if bucket.objects or bucket.uploads:
        raise ServiceError(
            "BucketNotEmpty", "The bucket you tried to delete is not empty", 409, {"BucketName": bucket.name}
        )
    del ask.world.buckets[bucket.name]
    return Answer(204)


def get_bucket_location(ask: Ask) -> Answer:
    """The region, empty for us-east-1."""
    region = ask.own_bucket().region
    text = "" if region == "us-east-1" else region
    return Answer(
        200,
        {"Content-Type": "application/xml"},
        f'<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{text}</LocationConstraint>'.encode(),
    )


def bucket_versioning(ask: Ask) -> Answer:
    """Reads or sets versioning; once enabled it can only be suspended."""
    bucket = ask.own_bucket()
    if ask.request.method == "PUT":
        status = strip_namespaces(ask.request.body()).findtext("Status") or ""
        if status not in ("Enabled", "Suspended"):
            raise ServiceError("MalformedXML", "The XML you provided was not well-formed")
        bucket.versioning = status
        return Answer()
    return xml_answer("VersioningConfiguration", tag("Status", bucket.versioning) if bucket.versioning else "")


def _check_policy(text: bytes) -> None:
    try:
        policy = json.loads(text)
        statements = policy["Statement"] if isinstance(policy["Statement"], list) else [policy["Statement"]]
        good = all(
            {"Effect", "Principal", "Resource"} <= set(item) and ("Action" in item or "NotAction" in item)
            for item in statements
        )
    except (ValueError, KeyError, TypeError):
        good = False
    if not good:
        raise ServiceError("MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'")


def bucket_setting(ask: Ask, name: str) -> Answer:
    """Puts, gets or deletes a sub-resource."""
    bucket, setting = ask.own_bucket(), SETTINGS[name]
    if ask.request.method == "PUT":
        body = ask.request.body()
        if name == "policy":
            _check_policy(body)
        else:
            strip_namespaces(body)
        bucket.settings[name] = body
        return Answer(204 if name == "policy" else 200)
    if ask.request.method == "DELETE":
        bucket.settings.pop(name, None)
        return Answer(204)
    document = bucket.settings.get(name, setting.document.encode() or None)
    if document is None:
        raise ServiceError(setting.missing, setting.said, 404, {"BucketName": bucket.name})
    return Answer(200, {"Content-Type": "application/json" if name == "policy" else "application/xml"}, document)
