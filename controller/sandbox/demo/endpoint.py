"""Runs a model package as an endpoint of its own account would: with what that account's bucket and registry hold."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from controller.core.draft import split_image, split_uri
from controller.core.errors import PreconditionError
from controller.oci.manifest import Descriptor, Manifest, digest_of
from controller.oci.transport import read_all
from controller.sandbox.demo.accounts import Team
from controller.sandbox.demo.images import PROGRAM

_PLATFORM = {"architecture": "amd64", "os": "linux"}
_LARGEST = 1 << 24
_PATIENCE = 30


def invoke(team: Team, arn: str, request: str, content_type: str) -> str:
    """The answer of a package's containers, one after the other, to a request.

    Everything is fetched from the team's own account; what stands elsewhere is a `PreconditionError` or `CloudError`.
    """
    described = team.call("sagemaker", "DescribeModelPackage", ModelPackageName=arn)
    for container in described["InferenceSpecification"]["Containers"]:
        with tempfile.TemporaryDirectory(prefix="hubwright-endpoint-") as name:
            request = _run(team, container, Path(name), request, content_type)
    return request


def _run(team: Team, container: Mapping[str, Any], folder: Path, request: str, content_type: str) -> str:
    image, model = folder / "image", folder / "model"
    _unpack_image(team, container["Image"], image)
    _unpack_model(team, container, model)
    command = [sys.executable, "-I", str(image / PROGRAM), str(model), content_type, content_type]
    answer = subprocess.run(  # noqa: S603  (our own interpreter on what was promoted: that is the point)
        command,
        input=request,
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
        env={"PATH": os.defpath, **container.get("Environment", {})},
    )
    if answer.returncode:
        raise PreconditionError(f"the inference code of {container['Image']} failed: {answer.stderr[-500:]}")
    return answer.stdout


def _unpack_image(team: Team, uri: str, folder: Path) -> None:
    host, repository, tag, digest = split_image(uri)
    if host != team.host:
        raise PreconditionError(f"{uri} is not in the registry of {team.target.account}")
    for layer in _image(team, repository, digest or tag).blobs[1:]:  # the first is the config
        _extract(_blob(team, repository, layer), folder)


def _image(team: Team, repository: str, reference: str) -> Manifest:
    """The image behind a reference; of an index the one for our platform."""
    found = team.registry.manifest(repository, reference)
    if found is None:
        raise PreconditionError(f"{repository} has no image {reference}")
    if not found.children:
        return found
    entries = json.loads(found.body)["manifests"]
    return _image(team, repository, next(one["digest"] for one in entries if one["platform"] == _PLATFORM))


def _blob(team: Team, repository: str, blob: Descriptor) -> bytes:
    data = read_all(team.registry.open_blob(repository, blob), _LARGEST)
    if digest_of(data) != blob.digest:
        raise PreconditionError(f"{repository} has other bytes under {blob.digest}")
    return data


def _unpack_model(team: Team, container: Mapping[str, Any], folder: Path) -> None:
    if "ModelDataUrl" in container:
        _extract(fetch(team, container["ModelDataUrl"]), folder)
        return
    uri = container["ModelDataSource"]["S3DataSource"]["S3Uri"]
    bucket, prefix = split_uri(uri)
    owner = team.target.account
    for item in team.pages("s3", "ListObjectsV2", "Contents", Bucket=bucket, Prefix=prefix, ExpectedBucketOwner=owner):
        place = folder / item["Key"].removeprefix(prefix)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(fetch(team, f"s3://{bucket}/{item['Key']}"))


def fetch(team: Team, uri: str) -> bytes:
    """An object of one of the team's own buckets; `CloudError` for any other."""
    bucket, key = split_uri(uri)
    answer = team.call("s3", "GetObject", Bucket=bucket, Key=key, ExpectedBucketOwner=team.target.account)
    with answer["Body"] as body:
        return bytes(body.read())


def _extract(data: bytes, folder: Path) -> None:
    """Only files, and only below the folder. `tarfile`'s own filter came after the Python of Debian 12."""
    folder.mkdir(exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            path = PurePosixPath(member.name)
            content = archive.extractfile(member) if member.isreg() else None
            if content is None or path.is_absolute() or ".." in path.parts:
                raise PreconditionError(f"{member.name} in an archive is no file below it")
            place = folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content.read())
