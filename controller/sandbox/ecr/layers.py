"""ECR's layers and tokens: upload, check, download; GetAuthorizationToken."""

from __future__ import annotations

import base64
import hashlib
import time
from typing import Any

from controller.sandbox.ecr.repositories import registry_of
from controller.sandbox.ecr.state import Login, Registry, Repository
from controller.sandbox.ecr.store import begin_upload, find_repository, find_upload, keep_blob, sha256
from controller.sandbox.principals import Caller
from controller.sandbox.wire import ServiceError
from controller.sandbox.world import World

Document = dict[str, Any]
PART_SIZE = 10 << 20  # what InitiateLayerUpload asks for
PART_LIMIT = 20_971_520
PART_MINIMUM = 5 << 20


def _where(world: World, caller: Caller, document: Document) -> tuple[Registry, Repository]:
    registry = registry_of(world, caller, document)
    return registry, find_repository(registry, document["repositoryName"])


def _names(registry: Registry, repository: Repository) -> Document:
    return {"registryId": registry.account, "repositoryName": repository.name}


def initiate_layer_upload(world: World, caller: Caller, document: Document) -> Document:
    """Begins an upload and says how large its parts should be."""
    registry, repository = _where(world, caller, document)
    return {"uploadId": begin_upload(world, registry, repository).id, "partSize": PART_SIZE}


def upload_layer_part(world: World, caller: Caller, document: Document) -> Document:
    """Takes the next part; its bytes must follow the last ones'."""
    registry, repository = _where(world, caller, document)
    upload = find_upload(registry, repository, document["uploadId"])
    piece = base64.b64decode(document["layerPartBlob"])
    first, last = document["partFirstByte"], document["partLastByte"]
    names = _names(registry, repository) | {"uploadId": upload.id}
    if len(piece) > PART_LIMIT:
        raise ServiceError(
            "InvalidParameterException", f"Invalid parameter at 'layerPartBlob': longer than {PART_LIMIT} bytes"
        )
    if first != upload.size or last - first + 1 != len(piece):
        said = f"Part {first}-{last} does not follow the last byte received"
        raise ServiceError("InvalidLayerPartException", said, 400, {"lastValidByteReceived": str(upload.size - 1)})
    upload.pieces.append(piece)
    upload.size += len(piece)
    return names | {"lastByteReceived": last}


def complete_layer_upload(world: World, caller: Caller, document: Document) -> Document:
    """Makes the parts a layer, when they have the digest that was promised."""
    registry, repository = _where(world, caller, document)
    upload = find_upload(registry, repository, document["uploadId"])
    if not upload.size:
        raise ServiceError("EmptyUploadException", "The specified layer upload does not contain any layer parts")
    if any(len(piece) < PART_MINIMUM for piece in upload.pieces[:-1]):
        raise ServiceError("LayerPartTooSmallException", "Layer parts must be at least 5 MiB in size")
    digest = sha256(upload.pieces)
    if digest not in document["layerDigests"]:
        raise ServiceError("InvalidLayerException", f"The layer's digest is {digest}, not what was promised")
    if digest in repository.layers:
        del registry.uploads[upload.id]
        raise ServiceError("LayerAlreadyExistsException", f"Layer already exists with digest '{digest}'")
    keep_blob(registry, repository, upload.pieces, digest)
    del registry.uploads[upload.id]
    return _names(registry, repository) | {"uploadId": upload.id, "layerDigest": digest}


def batch_check_layer_availability(world: World, caller: Caller, document: Document) -> Document:
    """Which layers are in a repository."""
    registry, repository = _where(world, caller, document)
    layers = []
    for digest in document["layerDigests"]:
        there = digest in repository.layers
        state = "AVAILABLE" if there else "UNAVAILABLE"
        size = {"layerSize": registry.blobs[digest].size} if there else {}
        layers.append({"layerDigest": digest, "layerAvailability": state, **size})
    return {"layers": layers, "failures": []}


def get_download_url_for_layer(world: World, caller: Caller, document: Document) -> Document:
    """An address for a layer that an image refers to; LayersNotFound or LayerInaccessible."""
    registry, repository = _where(world, caller, document)
    digest = document["layerDigest"]
    if digest not in repository.layers:
        raise ServiceError(
            "LayersNotFoundException", f"Layer with digest '{digest}' not found in repository '{repository.name}'"
        )
    if not any(digest in image.blobs for image in repository.images.values()):
        raise ServiceError(
            "LayerInaccessibleException",
            "The specified layer is not available because it is not associated with an image.",
        )
    return {
        "downloadUrl": f"{world.origin}/_sandbox/layers/{registry.account}/{registry.region}/{digest}",
        "layerDigest": digest,
    }


def get_authorization_token(world: World, caller: Caller, document: Document) -> Document:
    """A password for user AWS, good for all registries that the caller may use, for twelve hours."""
    password = hashlib.sha256(f"login {world.next_serial()} {caller.arn}".encode()).hexdigest()
    ends = round(time.time() + world.settings.login_seconds, 3)
    world.logins[password] = Login(caller.account, caller.arn, ends, caller.key)
    token = base64.b64encode(f"AWS:{password}".encode()).decode()
    accounts = document.get("registryIds") or [caller.account]
    data = [
        {
            "authorizationToken": token,
            "expiresAt": ends,
            "proxyEndpoint": f"https://{world.registry_of(account, caller.region).host}",
        }
        for account in accounts
    ]
    return {"authorizationData": data}
