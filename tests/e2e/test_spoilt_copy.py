"""Every request of a copy spoilt in every way: it ends copied or with a clear error, and the next run converges."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from botocore.config import Config

from controller.aws import client as client_module
from controller.aws import cloud as cloud_module
from controller.aws import direct as direct_module
from controller.aws import pool as pool_module
from controller.aws import volley as volley_module
from controller.aws.calls import CallLog
from controller.aws.cloud import AwsCloud
from controller.core.errors import HubwrightError
from controller.core.model import Target
from controller.kinds.flow import Inline, Pace
from controller.kinds.s3object import ObjectCopy
from controller.kinds.s3upload import Lanes
from controller.kinds.transfer import Route, transfer
from controller.sandbox.server import Serving, serve
from controller.sandbox.world import World
from tests.e2e.spoil import WAYS, Proxy
from tests.pace import sampled

HUB = "111111111111"
PLACE = Target(HUB, "eu-west-1")
PREFIX = "models/release"
SIZES = {"small": 100, "large": 1000}
MANY = {f"small-{number}": 90 + number for number in range(6)}
MOST = 60


@pytest.fixture(scope="module")
def serving() -> Iterator[Serving]:
    world = World()
    world.settings.part_minimum = 1
    running = serve(world)
    yield running
    running.close()


@pytest.fixture(autouse=True)
def quick(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in serving.environment(HUB).items():
        monkeypatch.setenv(name, value)
    real = cloud_module._config
    hasty = Config(read_timeout=0.25, connect_timeout=2)
    monkeypatch.setattr(cloud_module, "_config", lambda service, workers: real(service, workers).merge(hasty))
    monkeypatch.setattr(pool_module, "READ_SECONDS", 0.25)
    monkeypatch.setattr(volley_module, "READ_SECONDS", 0.25)
    monkeypatch.setattr(volley_module, "_LOOK_SECONDS", 0.05)
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)


@dataclass
class Bench:
    serving: Serving
    relay: bool
    items: list[ObjectCopy]
    wanted: dict[str, bytes]
    many: bool
    volleys: list[int]

    def begin(self) -> None:
        with self.serving.world.lock:
            bucket = self.serving.world.buckets["store"]
            bucket.objects.clear()
            bucket.uploads.clear()

    def run(self, cloud: AwsCloud) -> None:
        client = cloud.client(PLACE, "s3", "register")
        lanes = Lanes(Inline(), lambda: Pace(lambda: 0.0, most=1), lambda _: None)
        route = Route(client, client, lanes, 300, 300, relay=self.relay)
        transfer(route, self.items, PREFIX)

    def copies(self) -> dict[str, bytes]:
        objects = self.serving.world.buckets["store"].objects
        return {key: b"".join(bytes(piece) for piece in rows[-1].pieces) for key, rows in objects.items()}

    def uploads(self) -> list[str]:
        return [item.key for item in self.serving.world.buckets["store"].uploads.values()]


@pytest.fixture(params=["server", "relay", "at once"])
def bench(request: pytest.FixtureRequest, serving: Serving, monkeypatch: pytest.MonkeyPatch) -> Bench:
    sizes = SIZES
    if request.param == "at once":
        sizes = MANY
        monkeypatch.setattr(client_module, "_FEW", 1)
        monkeypatch.setattr(client_module, "WIDTH", 2)
    monkeypatch.setattr("controller.kinds.relay.relay_object.__kwdefaults__", {"piece": 300, "pause": None})
    serving.world.reset()
    serving.world.settings.part_minimum = 1
    cloud = AwsCloud({}, run="t", writable=True, log=CallLog())
    client = cloud.client(PLACE, "s3", "register")
    for name in ("lab", "store"):
        client.call("CreateBucket", Bucket=name, CreateBucketConfiguration={"LocationConstraint": PLACE.region})
        client.call("PutBucketVersioning", Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    items = []
    for name, size in sizes.items():
        put = client.call("PutObject", Bucket="lab", Key=name, Body=random.Random(name).randbytes(size))
        items.append(
            ObjectCopy(
                "lab",
                name,
                put["VersionId"],
                put["ETag"],
                HUB,
                size,
                "store",
                f"{PREFIX}/{name}",
                HUB,
                "a" * 64,
                None,
                {"f": "g"},
            )
        )
    cloud.close()
    wanted = {f"{PREFIX}/{name}": random.Random(name).randbytes(size) for name, size in sizes.items()}
    volleys: list[int] = []
    real = direct_module.fire
    monkeypatch.setattr(direct_module, "fire", lambda *asked: volleys.append(1) or real(*asked))
    return Bench(serving, request.param == "relay", items, wanted, request.param == "at once", volleys)


@pytest.fixture
def proxy(serving: Serving) -> Iterator[Proxy]:
    made = Proxy(serving.endpoint)
    yield made
    made.close()


@pytest.fixture
def clouds(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[AwsCloud, AwsCloud]]:
    """Through the proxy, and past it."""
    beside = AwsCloud({}, run="t", writable=True, log=CallLog())
    beside.client(PLACE, "s3").call("HeadBucket", Bucket="store")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.url)
    through = AwsCloud({}, run="t", writable=True, log=CallLog())
    through.client(PLACE, "s3").call("HeadBucket", Bucket="store")
    yield through, beside
    through.close()
    beside.close()


@pytest.mark.parametrize("way", sampled(WAYS, str, every=5))
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from then on"])
def test_every_request_spoilt(
    bench: Bench, proxy: Proxy, clouds: tuple[AwsCloud, AwsCloud], way: str, lasting: bool
) -> None:
    if lasting and way == "stall":
        pytest.skip("the same as once, and as slow as all its tries")
    wanted = bench.wanted
    ends, index = {"copied": 0, "error": 0}, 0
    while proxy.asked >= index < MOST:
        index, proxy.asked, proxy.way = index + 1, 0, way
        proxy.spoilt = lambda n, index=index: n >= index if lasting else n == index  # type: ignore[misc]
        bench.begin()
        try:
            bench.run(clouds[0])
            assert bench.copies() == wanted, (way, index)
            ends["copied"] += 1
        except HubwrightError as error:
            assert str(error), (way, index)
            ends["error"] += 1
        assert proxy.visits == [], (way, index)
        bench.run(clouds[1])
        assert (bench.copies(), bench.uploads()) == (wanted, []), (way, index)
    assert 12 < index < MOST
    assert ends["error"] if lasting else ends["copied"]
    assert bool(bench.volleys) == bench.many
