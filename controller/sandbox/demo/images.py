"""Builds container images of the demo's inference code, and pushes them: real OCI layers, configs, manifests, indexes.

They hold the program and no operating system: small enough for a demo, and in every other way like any image.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from controller.oci.manifest import OCI_INDEX, OCI_MANIFEST, Descriptor, Manifest, digest_of, read_manifest
from controller.oci.registry import Registry
from controller.sandbox.demo.pack import code, squeeze, tar

LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
CONFIG = "application/vnd.oci.image.config.v1+json"
PROGRAM = "opt/program/serve.py"
"""The entry point inside of an image."""

Layer = Mapping[str, bytes]


def layers(name: str, version: str) -> list[Layer]:
    """The layers of one of the demo's images: the entry point, and above it what tells one image from another."""
    release = f"NAME={name}\nVERSION={version}\n".encode()
    return [{PROGRAM: code("serve")}, {"etc/image-release": release}]


def push(registry: Registry, repository: str, tag: str, platforms: Sequence[str] = ("amd64",)) -> str:
    """Pushes an image, or with several platforms an index of one image each; gives the digest that the tag names."""
    stack = layers(repository, tag)
    images = [_push_image(registry, repository, stack, platform) for platform in platforms]
    top = images[0] if len(images) == 1 else _index(images, platforms)
    for image in images if top is not images[0] else ():
        registry.put_manifest(repository, image)
    registry.put_manifest(repository, top, tag)
    return top.digest


def _push_image(registry: Registry, repository: str, stack: Sequence[Layer], platform: str) -> Manifest:
    """Pushes an image's blobs; gives its manifest, which is not pushed yet."""
    plain = [tar(layer) for layer in stack]
    parts = [registry.push_blob(repository, squeeze(layer), LAYER) for layer in plain]
    config = {
        "architecture": platform,
        "os": "linux",
        "config": {"Entrypoint": ["python3", f"/{PROGRAM}"], "WorkingDir": "/opt/ml/model"},
        "rootfs": {"type": "layers", "diff_ids": [digest_of(layer) for layer in plain]},
        "history": [{"created_by": f"COPY {name} /"} for layer in stack for name in layer],
    }
    described = registry.push_blob(repository, _json(config), CONFIG)
    return _manifest(OCI_MANIFEST, {"config": _entry(described), "layers": [_entry(part) for part in parts]})


def _index(images: Sequence[Manifest], platforms: Sequence[str]) -> Manifest:
    entries = [
        _entry(Descriptor(image.media_type, image.digest, len(image.body)))
        | {"platform": {"architecture": platform, "os": "linux"}}
        for image, platform in zip(images, platforms, strict=True)
    ]
    return _manifest(OCI_INDEX, {"manifests": entries})


def _manifest(media_type: str, parts: Mapping[str, Any]) -> Manifest:
    return read_manifest(_json({"schemaVersion": 2, "mediaType": media_type, **parts}), media_type)


def _entry(part: Descriptor) -> dict[str, Any]:
    return {"mediaType": part.media_type, "digest": part.digest, "size": part.size}


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1).encode()
