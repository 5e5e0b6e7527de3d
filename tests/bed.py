"""A test bed: an in-process hub with two spokes, manifests as text, and the controller pointed at them. No sockets."""

from __future__ import annotations

import copy
import functools
import gzip
import hashlib
import io
import json
import tarfile
import weakref
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from controller.aws.cloud import Roles
from controller.aws.registries import EcrRegistries
from controller.core.given import Given
from controller.core.identify import subject_of
from controller.core.lock import lock_document
from controller.core.manifests import Manifests
from controller.core.model import Action, Outcome, Target
from controller.core.report import Report
from controller.core.review import Review
from controller.core.scope import Scope
from controller.core.wish import Subject
from controller.figures import figures
from controller.kinds.base import Client
from controller.kinds.base import World as Effects
from controller.oci.manifest import Descriptor, read_manifest
from controller.oci.transport import Response
from controller.reconcile import Thought, reconcile, think
from controller.resolve import read_release
from controller.sandbox import local
from controller.sandbox.principals import user_keys
from controller.sandbox.world import ACCOUNTS, World
from controller.source.load import load
from tests.clouds import lent

HUB, CHURN, VISION = "111111111111", "222222222222", "333333333333"
REGION = "eu-west-1"
STORE = "acme-model-store"
REGISTRIES = {
    f"{item.id}.dkr.ecr.{REGION}.amazonaws.com": f"https://{item.id}.dkr.ecr.{REGION}.amazonaws.com"
    for item in ACCOUNTS
}
ROLES = {item.id: Roles(*[f"arn:aws:iam::{item.id}:role/hubwright"] * 3) for item in ACCOUNTS}
WHOLE = Scope()
OCI = "application/vnd.oci.image.manifest.v1+json"


class Inline(Executor):
    """Runs everything at once, on the caller's thread, in order: equal runs make equal calls."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


@dataclass
class Door:
    """Where calls go; tests may put another world behind the same clients."""

    world: World

    def prepare(self, session: Any) -> None:
        session.register("before-send", lambda request, **_: self.answer(request))

    def answer(self, request: Any) -> Any:
        """The world's reply to a request of botocore's."""
        said = local.send(self.world, request.method, request.url, dict(request.headers.items()), request.body)
        return local.Reply(request.url, *said)

    def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | Iterator[memoryview] | None = None
    ) -> Response:
        """The registry client's transport."""
        data = b"".join(bytes(piece) for piece in body) if isinstance(body, Iterator) else body
        status, answered, whole = local.send(self.world, method, url, headers, data)
        return Response(status, {name.lower(): value for name, value in answered.items()}, _Bytes(whole))


class _Bytes:
    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def readinto(self, buffer: memoryview, /) -> int:
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()


@dataclass
class Bed:
    """A world, and a controller of the hub that plans and applies in it."""

    door: Door
    seen: list[tuple[Action, Outcome | None]] = field(default_factory=list)
    now: datetime | None = None  # what runs are told, by default the world's time
    review: Review | None = None
    by_event: bool = False  # whether runs are such as events start

    def __post_init__(self) -> None:
        door = weakref.proxy(self.door)
        pair = lent(self, ROLES, lambda request: door.answer(request))
        self.log, self.reader, self.writer = pair.log, pair.reader, pair.writer
        self.registries = EcrRegistries(self.writer, REGISTRIES, writable=True, log=self.log, transport=self.door)

    @property
    def world(self) -> World:
        return self.door.world

    def client(self, account: str, service: str) -> Client:
        """A client that may write, as `hubwright` of an account."""
        return self.writer.client(Target(account, REGION), service, "register")

    def warm(self) -> None:
        """Opens every session and client, so that runs differ in nothing but their own calls."""
        for account in (HUB, CHURN, VISION):
            for cloud, purpose in ((self.reader, "read"), (self.writer, "read"), (self.writer, "register")):
                cloud.client(Target(account, REGION), "sts", purpose).call("GetCallerIdentity")  # type: ignore[arg-type]
                for service, operation in (
                    ("s3", "ListBuckets"),
                    ("ecr", "DescribeRepositories"),
                    ("sagemaker", "ListModelPackageGroups"),
                ):
                    if operation != "ListBuckets":
                        cloud.client(Target(account, REGION), service, purpose).call(operation)  # type: ignore[arg-type]
        for host in REGISTRIES:
            self.registries.registry(host, "register")

    def think(self, manifests: Manifests, scope: Scope = WHOLE) -> Thought:
        given = Given(self.now or datetime.fromtimestamp(self.world.clock.now(), UTC), self.review, self.by_event)
        return think(self.reader, manifests, scope, Inline(), lambda _: None, given)

    def plan(self, manifests: Manifests, scope: Scope = WHOLE) -> Report:
        thought = self.think(manifests, scope)
        return thought.report(manifests, figures(self.reader, thought.wishes.promotions, thought.views, Inline()))

    def effects(self, thought: Thought, revision: str) -> Effects:
        limit = self.world.settings.copy_limit
        return Effects(
            self.writer, self.registries, thought.views, revision, pause=lambda _: None, patience=1.0, copy_limit=limit
        )

    def reconcile(self, manifests: Manifests, scope: Scope = WHOLE, saved: set[str] | None = None) -> Report:
        thought = self.think(manifests, scope)
        effects, seen = self.effects(thought, manifests.revision), self.seen
        return reconcile(effects, thought, manifests, Inline(), lambda *step: seen.append(step), saved)


def fresh() -> Bed:
    """A bed with nothing but accounts, roles and the hub's store."""
    return Bed(Door(_furnished(with_source=False).copy()))


@functools.cache
def _furnished(*, with_source: bool) -> World:
    """What most tests begin with, made once and copied: the calls that make it take ten times as long."""
    world = World(logical=True)
    world.settings.status = {"*": ("Completed",)}
    world.settings.authorize = True
    bed = Bed(Door(world))
    bucket(bed, HUB, STORE)
    if with_source:
        _simple(bed)
    return world


def twin(bed: Bed) -> World:
    """A copy of the bed's world, to put behind the same clients."""
    return bed.world.copy()


def bucket(bed: Bed, account: str, name: str, *, versioned: bool = True) -> None:
    client = bed.client(account, "s3")
    client.call("CreateBucket", Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    if versioned:
        client.call("PutBucketVersioning", Bucket=name, VersioningConfiguration={"Status": "Enabled"})


def put(bed: Bed, account: str, uri: str, data: bytes) -> None:
    name, _, key = uri.removeprefix("s3://").partition("/")
    bed.client(account, "s3").call("PutObject", Bucket=name, Key=key, Body=data)


def blob(data: bytes, media_type: str) -> tuple[Descriptor, bytes]:
    return Descriptor(media_type, "sha256:" + hashlib.sha256(data).hexdigest(), len(data)), data


def push(bed: Bed, account: str, repository: str, tag: str, text: str) -> str:
    """Pushes a small real image; gives its digest."""
    host = f"{account}.dkr.ecr.{REGION}.amazonaws.com"
    registry = bed.registries.registry(host, "register")
    client = bed.client(account, "ecr")
    if not any(item["repositoryName"] == repository for item in client.pages("DescribeRepositories", "repositories")):
        client.call("CreateRepository", repositoryName=repository)
    layer, layer_bytes = blob(gzip.compress(text.encode(), mtime=0), "application/vnd.oci.image.layer.v1.tar+gzip")
    config, config_bytes = blob(
        json.dumps({"architecture": "amd64", "os": "linux"}).encode(), "application/vnd.oci.image.config.v1+json"
    )
    for item, data in ((layer, layer_bytes), (config, config_bytes)):
        registry.upload(repository, item, lambda data=data: (memoryview(part) for part in (data,)))  # type: ignore[misc]
    body = {
        "schemaVersion": 2,
        "mediaType": OCI,
        "config": {"mediaType": config.media_type, "digest": config.digest, "size": config.size},
        "layers": [{"mediaType": layer.media_type, "digest": layer.digest, "size": layer.size}],
    }
    manifest = read_manifest(json.dumps(body).encode(), OCI)
    registry.put_manifest(repository, manifest, tag)
    return manifest.digest


def model(text: str) -> bytes:
    """A small real model.tar.gz."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        info = tarfile.TarInfo("weights.json")
        info.size = len(text.encode())
        archive.addfile(info, io.BytesIO(text.encode()))
    return file.getvalue()


def group(bed: Bed, account: str, name: str) -> None:
    bed.client(account, "sagemaker").call("CreateModelPackageGroup", ModelPackageGroupName=name)


def register(bed: Bed, account: str, name: str, **body: Any) -> str:
    request = {"ModelApprovalStatus": "PendingManualApproval", **body}
    answer = bed.client(account, "sagemaker").call("CreateModelPackage", ModelPackageGroupName=name, **request)
    return str(answer["ModelPackageArn"])


def container(account: str, image: str, uri: str, **more: Any) -> dict[str, Any]:
    return {"Image": f"{account}.dkr.ecr.{REGION}.amazonaws.com/{image}", "ModelDataUrl": uri, **more}


def inference(*containers: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Containers": list(containers),
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }


PLATFORM: dict[str, dict[str, Any]] = {
    "fleet": {"kind": "Fleet", "metadata": {"name": "growth"}, "spec": {}},
    "central": {
        "kind": "Hub",
        "metadata": {"name": "central"},
        "spec": {
            "account": HUB,
            "region": REGION,
            "access": {"role": f"arn:aws:iam::{HUB}:role/hubwright"},
            "stores": [{"name": "main", "bucket": STORE}],
        },
    },
    "churn-lab": {
        "kind": "Spoke",
        "metadata": {"name": "churn-lab"},
        "spec": {
            "account": CHURN,
            "region": REGION,
            "access": {"role": f"arn:aws:iam::{CHURN}:role/hubwright"},
            "allow": {"groups": ["churn-*"], "buckets": ["churn-lab-models"], "repositories": ["churn/*"]},
        },
    },
    "vision-lab": {
        "kind": "Spoke",
        "metadata": {"name": "vision-lab"},
        "spec": {
            "account": VISION,
            "region": REGION,
            "access": {"role": f"arn:aws:iam::{VISION}:role/hubwright"},
            "allow": {"groups": ["defects-*", "ocr-*"], "buckets": ["vision-lab-models"], "repositories": ["vision/*"]},
        },
    },
    "churn": {"kind": "ModelGroup", "metadata": {"name": "churn"}, "spec": {"tags": {"team": "growth"}}},
}


def promotion(
    name: str = "churn-1",
    *,
    spoke: str = "churn-lab",
    source: str = "churn-experiments",
    version: int = 1,
    to: str = "churn",
    approval: str = "Approved",
    **more: Any,
) -> dict[str, Any]:
    spec = {
        "from": {"spoke": spoke, "group": source, "version": version},
        "to": {"group": to},
        "approval": approval,
        **more,
    }
    return {"kind": "Promotion", "metadata": {"name": name}, "spec": spec}


def documents(
    *team: Mapping[str, Any], platform: Mapping[str, Mapping[str, Any]] = PLATFORM
) -> dict[str, dict[str, Any]]:
    """File names and documents of a fleet."""
    found = {f"platform/{name}.yaml": copy.deepcopy(dict(item)) for name, item in platform.items()}
    found |= {_file_name(item): copy.deepcopy(dict(item)) for item in team}
    return found


def _file_name(item: Mapping[str, Any]) -> str:
    ending = ".lock.yaml" if item["kind"] == "Lock" else ".yaml"
    return (
        f"teams/{item['metadata']['name']}-{item['kind'].lower()}{ending}"
        if ending == ".yaml"
        else f"teams/{item['metadata']['name']}{ending}"
    )


def manifests(
    folder: Path, *team: Mapping[str, Any], platform: Mapping[str, Mapping[str, Any]] = PLATFORM
) -> Manifests:
    """The documents as files in `folder`, loaded as the command line does. JSON is YAML."""
    for name, item in documents(*team, platform=platform).items():
        path = folder / "manifests" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"apiVersion": "hubwright.io/v1beta1", **item}))
    return load(folder, worktree=True, attribution=False)


def keys() -> dict[str, str]:
    """The controller's own credentials."""
    return {**user_keys(HUB, "CO"), "AWS_DEFAULT_REGION": REGION}


def simple(bed: Bed) -> None:
    """One spoke version with a model, a report and an image."""
    begun, world = _furnished(with_source=False), bed.world
    if (world.count, world.settings, world.faults) != (begun.count, begun.settings, []) or world.watchers:
        return _simple(bed)
    kept = vars(_furnished(with_source=True).copy())
    vars(world).update({name: value for name, value in kept.items() if name not in ("lock", "arrivals", "watchers")})
    return None


def _simple(bed: Bed) -> None:
    bucket(bed, CHURN, "churn-lab-models")
    put(bed, CHURN, "s3://churn-lab-models/v1/model.tar.gz", model("one"))
    put(bed, CHURN, "s3://churn-lab-models/v1/metrics.json", b'{"auc": 0.9}')
    push(bed, CHURN, "churn/serve", "1", "serve one")
    group(bed, CHURN, "churn-experiments")
    register(
        bed,
        CHURN,
        "churn-experiments",
        InferenceSpecification=inference(container(CHURN, "churn/serve:1", "s3://churn-lab-models/v1/model.tar.gz")),
        ModelMetrics={
            "ModelQuality": {
                "Statistics": {"ContentType": "application/json", "S3Uri": "s3://churn-lab-models/v1/metrics.json"}
            }
        },
        CustomerMetadataProperties={"trained-by": "ana"},
    )


_SHOWN = {"hubwright/lineage": ""}  # the document names VersionIds, which differ between equal runs


def hub_state(world: World) -> dict[str, Any]:
    """Everything in the hub that counts, as plain data: no times, no VersionIds, nothing of the sources."""
    models, registry = world.models_of(HUB, REGION), world.registry_of(HUB, REGION)
    packages = {key: item.body for key, item in models.packages.items() if item.body is not None}
    return {
        "groups": {name: dict(item.tags) for name, item in sorted(models.groups.items())},
        "packages": {key: _without_times(body) for key, body in sorted(packages.items())},
        "objects": {
            key: [(item.etag, item.size, dict(item.metadata)) for item in versions]
            for key, versions in sorted(world.buckets[STORE].objects.items())
            if "/.releases/" not in key
        },
        "records": sorted(key for key in world.buckets[STORE].objects if "/.releases/" in key),
        "rewritten": sorted(
            key for key, versions in world.buckets[STORE].objects.items() if "/.releases/" in key and len(versions) > 1
        ),
        "uploads": sorted(item.key for item in world.buckets[STORE].uploads.values()),
        "images": {name: dict(sorted(item.tags.items())) for name, item in sorted(registry.repositories.items())},
    }


def _without_times(body: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {k: _SHOWN.get(k, v) for k, v in body.get("CustomerMetadataProperties", {}).items()}
    metadata.pop("hubwright/revision", None)
    kept = {name: value for name, value in body.items() if not name.endswith("Time") and "By" not in name}
    return {**kept, "CustomerMetadataProperties": metadata}


def lock(bed: Bed, fleet: Manifests, name: str) -> dict[str, Any]:
    """The lock of a promotion as its source stands now, as a document."""
    subject = subject_of(fleet.promotions[name], fleet)
    assert isinstance(subject, Subject), subject
    return lock_document(name, read_release(bed.reader, subject), "2026-11-22T12:00:00Z")


def described(bed: Bed, number: int = 1, *, group: str = "churn", account: str = HUB) -> dict[str, Any]:
    """A version as SageMaker describes it now."""
    arn = f"arn:aws:sagemaker:{REGION}:{account}:model-package/{group}/{number}"
    return bed.client(account, "sagemaker").call("DescribeModelPackage", ModelPackageName=arn)


def update(bed: Bed, number: int = 1, *, group: str = "churn", account: str = HUB, **change: Any) -> None:
    """What a person does in the console."""
    arn = f"arn:aws:sagemaker:{REGION}:{account}:model-package/{group}/{number}"
    bed.client(account, "sagemaker").call("UpdateModelPackage", ModelPackageArn=arn, **change)


def standing(report: Report, name: str = "churn-1") -> str:
    return next(row.standing for row in report.rows if row.name == name)


def why(report: Report, name: str = "churn-1") -> tuple[str, ...]:
    return next(row.why for row in report.rows if row.name == name)


def verbs(report: Report) -> list[str]:
    """The plan in short: `create package churn/…`."""
    return [f"{action.verb} {action.key.kind}" for action in report.plan.actions]
