import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.aws.calls import CallLog
from controller.aws.registries import EcrRegistries, _Token
from controller.core.errors import RegistryError, SafetyError, WaitingError
from controller.core.model import Target
from controller.oci.auth import Login
from tests.aws.wire import HUB, SPOKE
from tests.oci.double import Memory, image

HUB_HOST = f"{HUB}.dkr.ecr.eu-west-1.amazonaws.com"
SPOKE_HOST = f"{SPOKE}.dkr.ecr.eu-west-1.amazonaws.com"
LOGIN = Login("AWS", "canary")


class Cloud:
    """Gives ECR logins; `asked` says to whom."""

    def __init__(self, suffix: str = "amazonaws.com", lives: timedelta = timedelta(hours=12)) -> None:
        self.asked: list[tuple[str, str]] = []
        self.suffix = suffix
        self.lives = lives

    def client(self, target: Target, service: str, purpose: str = "read") -> Any:
        cloud = self

        class Client:
            def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
                assert (service, operation, parameters) == ("ecr", "GetAuthorizationToken", {})
                cloud.asked.append((target.account, purpose))
                return {
                    "authorizationData": [
                        {
                            "authorizationToken": base64.b64encode(b"AWS:canary").decode(),
                            "expiresAt": datetime.now(UTC) + cloud.lives,
                            "proxyEndpoint": f"https://{target.account}.dkr.ecr.{target.region}.{cloud.suffix}",
                        }
                    ]
                }

        return Client()


class Both:
    """A transport to two registries."""

    def __init__(self, **memories: Memory) -> None:
        self.memories = {memory.base: memory for memory in memories.values()}

    def request(self, method: str, url: str, headers: Any, body: Any = None) -> Any:
        return self.memories["/".join(url.split("/")[:3])].request(method, url, headers, body)


def world(**options: Any) -> tuple[Memory, Memory, Cloud, EcrRegistries]:
    spoke = Memory(base=f"https://{SPOKE_HOST}", login=LOGIN)
    hub = Memory(base="http://127.0.0.1:5001", login=LOGIN)
    cloud = options.pop("cloud", None) or Cloud()
    settings = {"writable": True, "log": CallLog(), "transport": Both(spoke=spoke, hub=hub), **options}
    return spoke, hub, cloud, EcrRegistries(cloud, {HUB_HOST: "http://127.0.0.1:5001"}, **settings)


def test_an_image_goes_from_a_spoke_to_the_hub() -> None:
    spoke, hub, cloud, registries = world()
    manifest = image(spoke, "churn/app", b"layer")
    place = f"{HUB_HOST}/models/churn/app"
    assert registries.copy(f"{SPOKE_HOST}/churn/app", place, manifest.digest, "hw-1") == {"bytes": 7, "skipped": 0}
    assert registries.copy(f"{SPOKE_HOST}/churn/app", place, manifest.digest, "hw-2") == {"bytes": 0, "skipped": 0}
    assert hub.manifests["models/churn/app", "hw-1"][1] == manifest.body
    assert sorted(cloud.asked) == [(HUB, "register"), (SPOKE, "read")]
    assert {seen.method for seen in spoke.seen} == {"GET"}


def test_a_reading_run_copies_nothing() -> None:
    spoke, hub, _, registries = world(writable=False)
    manifest = image(spoke, "a", b"layer")
    with pytest.raises(SafetyError):
        registries.copy(f"{SPOKE_HOST}/a", f"{HUB_HOST}/b", manifest.digest, "hw-1")
    assert registries.registry(SPOKE_HOST).manifest("a", manifest.digest) == manifest
    for purpose in ("read", "register"):
        with pytest.raises(SafetyError):
            registries.registry(HUB_HOST, purpose).put_manifest("b", manifest)  # type: ignore[arg-type]
    assert hub.seen == []


@pytest.mark.parametrize(
    "host",
    [
        "registry.example.com",
        f"{SPOKE}.dkr.ecr.eu-west-1",
        "1.dkr.ecr.eu-west-1.amazonaws.com",
        f"x{SPOKE_HOST}",
        "public.ecr.aws",
        f"{SPOKE_HOST}:443",
        f"{SPOKE_HOST}\n",
    ],
)
def test_only_ecr_is_entered(host: str) -> None:
    with pytest.raises(RegistryError):
        world()[3].registry(host)


@pytest.mark.parametrize("suffix", ["amazonaws.com.cn", "evil.test", "amazonaws.com.evil.test"])
def test_a_login_goes_only_to_where_ecr_says_its_registries_are(suffix: str) -> None:
    spoke, _, cloud, registries = world()
    spoke.seen.clear()
    host = f"{SPOKE}.dkr.ecr.eu-west-1.{suffix}"
    with pytest.raises(RegistryError, match="not among the registries"):
        registries.registry(host).manifest("a", "v1")
    assert (spoke.seen, cloud.asked) == ([], [(SPOKE, "read")])


def test_other_partitions_have_other_domains() -> None:
    host = f"{SPOKE}.dkr.ecr.cn-north-1.amazonaws.com.cn"
    memory = Memory(base=f"https://{host}", login=LOGIN)
    cloud = Cloud("amazonaws.com.cn")
    registries = EcrRegistries(cloud, {}, writable=False, log=CallLog(), transport=memory)
    assert registries.registry(host).manifest("a", "v1") is None


def test_a_registry_can_be_read_with_anothers_credentials() -> None:
    spoke, hub, cloud, registries = world(through={SPOKE})
    manifest = image(spoke, "a", b"layer")
    registries.copy(f"{SPOKE_HOST}/a", f"{HUB_HOST}/b", manifest.digest, "hw-1")
    assert hub.manifests["b", "hw-1"][1] == manifest.body
    assert sorted(cloud.asked) == [(HUB, "read"), (HUB, "register")]


def test_fips_endpoints_take_the_same_logins() -> None:
    host = SPOKE_HOST.replace(".ecr.", ".ecr-fips.")
    registries = EcrRegistries(
        Cloud(), {}, writable=False, log=CallLog(), transport=Memory(base=f"https://{host}", login=LOGIN)
    )
    assert registries.registry(host).manifest("a", "v1") is None


@pytest.mark.parametrize(("lives", "times"), [(timedelta(hours=12), 1), (timedelta(minutes=4), 3)])
def test_logins_are_kept_until_shortly_before_their_end(lives: timedelta, times: int) -> None:
    cloud = Cloud(lives=lives)
    _, _, _, registries = world(cloud=cloud)
    for _ in range(3):
        registries.registry(SPOKE_HOST).manifest("a", "v1")
    assert len(cloud.asked) == times


def test_waiting_for_a_registry_ends_with_the_run() -> None:
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        raise WaitingError("the run was interrupted")

    spoke, hub, _, registries = world(pause=pause)
    manifest = image(spoke, "churn/app", b"layer")
    hub.fails = lambda method, path, number: (429, {"retry-after": "30"}, b"") if method == "PUT" else None
    with pytest.raises(WaitingError):
        registries.copy(f"{SPOKE_HOST}/churn/app", f"{HUB_HOST}/models/churn/app", manifest.digest, "hw-1")
    assert pauses == [30.0]


def test_bytes_are_told_while_they_arrive() -> None:
    spoke, _, _, registries = world()
    manifest = image(spoke, "churn/app", b"layer")
    told: list[tuple[int, int]] = []
    place = f"{HUB_HOST}/models/churn/app"
    registries.copy(f"{SPOKE_HOST}/churn/app", place, manifest.digest, "hw-1", (), lambda *how: told.append(how))
    assert told == [(5, 7), (7, 7)]


def test_a_login_that_does_not_say_how_long_it_lasts_is_fetched_each_time() -> None:
    cloud = Cloud()

    class Client:
        def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
            answer = cloud.client(Target(HUB, "eu-west-1"), "ecr").call(operation)
            del answer["authorizationData"][0]["expiresAt"]
            return dict(answer)

        def pages(self, operation: str, result: str, /, **parameters: Any) -> Any:
            raise AssertionError

    token = _Token(Client(), None)  # type: ignore[arg-type]
    assert [token(False), token(False)] == [LOGIN, LOGIN]
    assert len(cloud.asked) == 2
