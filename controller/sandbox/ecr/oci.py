"""The OCI distribution endpoint of one registry: /v2/ with ECR's sign-in and ECR's rules."""

from __future__ import annotations

import base64
import binascii
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from controller.sandbox.calls import Call, mutates
from controller.sandbox.ecr import blobs
from controller.sandbox.ecr.state import Login, Registry
from controller.sandbox.ecr.store import INDEXES, find_image, find_repository, put_manifest
from controller.sandbox.wire import Answer, Request, ServiceError
from controller.sandbox.world import World

_PATH = re.compile(r"/v2/(?P<name>.+)/(?P<kind>blobs/uploads|blobs|manifests|tags|referrers)/(?P<last>[^/]*)")
_CODES = {
    "RepositoryNotFoundException": ("NAME_UNKNOWN", 404),
    "LayersNotFoundException": ("MANIFEST_BLOB_UNKNOWN", 400),
    "ReferencedImagesNotFoundException": ("MANIFEST_BLOB_UNKNOWN", 400),
    "ImageTagAlreadyExistsException": ("TAG_INVALID", 400),
    "ImageDigestDoesNotMatchException": ("DIGEST_INVALID", 400),
    "InvalidParameterException": ("MANIFEST_INVALID", 400),
    "UploadNotFoundException": ("BLOB_UPLOAD_UNKNOWN", 404),
}
_NAMES = {
    "blobs/uploads": "Upload",
    "blobs": "Blob",
    "manifests": "Manifest",
    "tags": "Tags",
    "referrers": "Referrers",
    "": "Base",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a registry request is on: a repository's name, a kind of thing, and its digest, tag or upload."""

    name: str
    kind: str
    last: str


def parse(request: Request) -> Asked:
    """The parts of the path; 404 for what is no part of the specification."""
    if request.path in ("/v2", "/v2/"):
        return Asked("", "", "")
    found = _PATH.fullmatch(request.path)
    if found is None:
        return Asked("", "?", request.path)
    return Asked(found["name"], found["kind"], found["last"])


def call_of(registry: Registry, request: Request, asked: Asked) -> Call:
    """The log's entry: service `registry`, the registry's account and region, operations like `PutManifest`."""
    operation = request.method.title() + _NAMES.get(asked.kind, "Unknown")
    resource = f"{registry.host}/{asked.name}" + (
        f"@{asked.last}" if ":" in asked.last else f":{asked.last}" if asked.last else ""
    )
    return Call(
        0, "registry", operation, registry.account, registry.region, "", resource, mutates("registry", operation), 0.0
    )


def sign_in(world: World, request: Request) -> Login:
    """Basic credentials of GetAuthorizationToken; 401 without, 403 when the password has expired."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    try:
        user, _, password = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        user = password = ""
    login = world.logins.get(password) if scheme.lower() == "basic" and user == "AWS" else None
    if login is None:
        raise ServiceError("UNAUTHORIZED", "Not Authorized", 401)
    if login.ends <= time.time():
        raise ServiceError("DENIED", "Your authorization token has expired. Reauthenticate and try again.", 403)
    return login


def translate(fault: ServiceError) -> ServiceError:
    """An error of ECR's calls as the distribution endpoint gives it."""
    code, status = _CODES.get(fault.code, (fault.code, fault.status))
    return ServiceError(code, fault.message, status, fault.fields)


def answer(world: World, registry: Registry, request: Request, asked: Asked) -> Answer:
    """Carries out one request. Bodies are read before the lock is taken, so that a slow client stalls nobody."""
    if asked.kind == "?":
        raise ServiceError("NOT_FOUND", "no such path in the distribution specification", 404)
    if not asked.kind:
        return Answer(200, {"Content-Type": "application/json"}, b"{}")
    with world.lock:
        repository = find_repository(registry, asked.name)
    deed = _DEEDS.get((request.method, asked.kind))
    if deed is None:
        raise ServiceError("UNSUPPORTED", "The operation is unsupported.", 405)
    return deed(blobs.Visit(world, registry, repository, request, asked.last))


def _get_manifest(visit: blobs.Visit) -> Answer:
    with visit.world.lock:
        tag, digest = (None, visit.last) if ":" in visit.last else (visit.last, None)
        image = find_image(visit.repository, tag, digest)
    if image is None:
        raise ServiceError("MANIFEST_UNKNOWN", "Requested image not found", 404)
    headers = {
        "Content-Type": image.media_type,
        "Docker-Content-Digest": image.digest,
        "Content-Length": str(len(image.manifest)),
    }
    return Answer(200, headers, b"" if visit.request.method == "HEAD" else image.manifest)


def _put_manifest(visit: blobs.Visit) -> Answer:
    manifest, media_type = visit.request.body(), visit.request.headers.get("content-type", "")
    tag, digest = (None, visit.last) if ":" in visit.last else (visit.last, None)
    with visit.world.lock:
        try:
            image = put_manifest(visit.world, visit.registry, visit.repository, manifest, media_type, tag, digest)
        except ServiceError as fault:
            held = find_image(visit.repository, tag, digest)
            if fault.code != "ImageAlreadyExistsException" or held is None:
                raise
            image = held
    place = f"/v2/{visit.repository.name}/manifests/{image.digest}"
    headers = {"Location": place, "Docker-Content-Digest": image.digest}
    return Answer(201, headers | ({"OCI-Subject": image.subject} if image.subject else {}))


def _get_tags(visit: blobs.Visit) -> Answer:
    if visit.last != "list":
        raise ServiceError("NOT_FOUND", "no such path in the distribution specification", 404)
    asked = visit.request.query.get("n", "1000")
    if not asked.isdecimal():
        raise ServiceError("PAGINATION_NUMBER_INVALID", f"not a number: {asked}", 400)
    limit = min(int(asked), 1000)
    with visit.world.lock:
        tags = sorted(tag for tag in visit.repository.tags if tag > visit.request.query.get("last", ""))
    headers = {"Content-Type": "application/json"}
    if len(tags) > limit:
        tags = tags[:limit]
        last = tags[-1] if tags else ""
        headers["Link"] = f'</v2/{visit.repository.name}/tags/list?n={limit}&last={last}>; rel="next"'
    return Answer(200, headers, json.dumps({"name": visit.repository.name, "tags": tags}).encode())


def _get_referrers(visit: blobs.Visit) -> Answer:
    wanted = visit.request.query.get("artifactType")
    with visit.world.lock:
        found = [image for image in visit.repository.images.values() if image.subject == visit.last]
    rows = [
        {
            "mediaType": image.media_type,
            "digest": image.digest,
            "size": len(image.manifest),
            "artifactType": image.artifact_type,
            "annotations": image.annotations,
        }
        for image in found
        if wanted in (None, image.artifact_type)
    ]
    headers = {"Content-Type": INDEXES[0]} | ({"OCI-Filters-Applied": "artifactType"} if wanted else {})
    return Answer(200, headers, json.dumps({"schemaVersion": 2, "mediaType": INDEXES[0], "manifests": rows}).encode())


_Deed = Callable[[blobs.Visit], Answer]
_DEEDS: dict[tuple[str, str], _Deed] = {
    ("GET", "manifests"): _get_manifest,
    ("HEAD", "manifests"): _get_manifest,
    ("PUT", "manifests"): _put_manifest,
    ("GET", "tags"): _get_tags,
    ("GET", "referrers"): _get_referrers,
    ("GET", "blobs"): blobs.get_blob,
    ("HEAD", "blobs"): blobs.get_blob,
    ("POST", "blobs/uploads"): blobs.start_upload,
    ("PATCH", "blobs/uploads"): blobs.continue_upload,
    ("PUT", "blobs/uploads"): blobs.finish_upload,
    ("GET", "blobs/uploads"): blobs.upload_status,
    ("DELETE", "blobs/uploads"): blobs.cancel_upload,
}
