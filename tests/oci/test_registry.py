import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from controller.core.errors import RegistryError, SafetyError
from controller.oci.auth import Login
from controller.oci.manifest import LARGEST, OCI_MANIFEST, Descriptor
from controller.oci.registry import Registry
from controller.oci.transport import ReadOnly, TransientError
from tests.oci.double import LAYER, Answer, Memory, image, sha

LOGIN = Login("AWS", "canary-secret")


def blob_of(memory: Memory, data: bytes = b"data") -> Descriptor:
    memory.blobs["a", sha(data)] = data
    return Descriptor(LAYER, sha(data), len(data))


def drained(registry: Registry, blob: Descriptor) -> bytes:
    stream = registry.open_blob("a", blob).stream
    buffer, data = memoryview(bytearray(7)), b""
    while count := stream.readinto(buffer):
        data += buffer[:count]
    return data


@pytest.mark.parametrize(
    "base",
    [
        "http://registry.test",
        "http://127.0.0.1.evil.test",
        "ftp://127.0.0.1",
        "https://user:pw@registry.test",
        "https://registry.test/path",
        "https://registry.test?x=1",
        "https://registry.test:x",
        "registry.test",
        "",
    ],
)
def test_addresses_are_https_or_this_machine(base: str) -> None:
    with pytest.raises(RegistryError) as caught:
        Registry(base, Memory())
    assert caught.value.code == "ADDRESS_INVALID"
    assert "pw" not in str(caught.value) or "user" not in str(caught.value)


@pytest.mark.parametrize("bearer", [False, True])
def test_a_login_is_used_and_never_shown(*, bearer: bool) -> None:
    memory = Memory(login=LOGIN, bearer=bearer)
    registry = memory.registry(LOGIN)
    assert registry.push_blob("a", b"x" * 10).digest == sha(b"x" * 10)
    assert memory.blobs["a", sha(b"x" * 10)] == b"x" * 10
    assert "canary" not in repr(LOGIN)
    with pytest.raises(RegistryError) as caught:
        memory.registry(Login("AWS", "canary-wrong")).push_blob("a", b"y")
    assert caught.value.status == 401
    assert "canary" not in str(caught.value)


EXPIRED = (403, {}, b'{"errors":[{"code":"DENIED","message":"Your authorization token has expired. Reauthenticate."}]}')
DENIED = (403, {}, b'{"errors":[{"code":"DENIED","message":"User is not authorized to perform ecr:PutImage"}]}')


@pytest.mark.parametrize("at", range(1, 5))
def test_a_login_that_has_expired_is_renewed_once_as_ecr_says_it(at: int) -> None:
    """ECR answers 403 to it, not 401: a HEAD, which has no body to say so, POST, PUT and GET."""
    memory, asked = Memory(login=LOGIN), list[bool]()

    def credentials(fresh: bool) -> Login:
        asked.append(fresh)
        return LOGIN

    def fails(method: str, path: str, number: int) -> Answer | None:
        return EXPIRED if number == at else None

    memory.fails = fails
    registry = Registry(memory.base, memory, credentials, pause=lambda seconds: None)
    registry.push_blob("a", b"x" * 10)
    manifest = image(memory, "b", b"one")
    assert registry.manifest("b", manifest.digest) == manifest
    assert memory.blobs["a", sha(b"x" * 10)] == b"x" * 10
    assert asked.count(True) == 1


@pytest.mark.parametrize("answer", [EXPIRED, DENIED])
def test_what_stays_forbidden_is_said_as_the_registry_says_it(answer: Answer) -> None:
    memory = Memory(login=LOGIN)
    memory.fails = lambda method, path, number: answer if method != "HEAD" else None
    with pytest.raises(RegistryError) as caught:
        memory.registry(LOGIN).push_blob("a", b"x" * 10)
    assert (caught.value.status, caught.value.code) == (403, "DENIED")
    assert len(memory.seen) == (3 if answer == EXPIRED else 2)


@pytest.mark.parametrize("method", ["HEAD", "PUT"])
def test_a_token_that_may_not_is_no_login_that_has_expired(method: str) -> None:
    """What a registry with tokens says is not covered up by what it says to a login that it did not ask for."""
    memory = Memory(login=LOGIN, bearer=True)
    registry = memory.registry(LOGIN)
    registry.push_blob("a", b"x")
    memory.seen.clear()
    memory.fails = lambda verb, path, number: EXPIRED if verb == method else None
    with pytest.raises(RegistryError) as caught:
        registry.push_blob("a", b"y")
    assert caught.value.status == 403
    asked = [seen.headers["Authorization"].split()[0] for seen in memory.seen if seen.method == method]
    assert asked == ["Bearer"]


def test_many_who_find_the_same_login_expired_renew_it_once() -> None:
    memory, good, given = Memory(login=LOGIN), Login("AWS", "new"), [Login("AWS", "old")]
    asked, lock, all_here = list[bool](), threading.Lock(), threading.Barrier(4)
    memory.blobs["a", sha(b"x")] = b"x"
    memory.login = good

    def credentials(fresh: bool) -> Login:
        with lock:
            asked.append(fresh)
            if fresh:
                given[0] = good
            return given[0]

    def fails(method: str, path: str, number: int) -> Answer | None:
        if number > 4:
            return None
        all_here.wait(20)
        return 403, {}, b""

    memory.fails = fails
    registry = Registry(memory.base, memory, credentials, pause=lambda seconds: None)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: registry.has_blob("a", Descriptor("x", sha(b"x"), 1)), range(4)))
    assert (found, asked.count(True)) == ([True] * 4, 1)


def test_without_a_login_a_demand_is_an_error() -> None:
    with pytest.raises(RegistryError, match="asks for a login"):
        Memory(login=LOGIN).registry().manifest("a", "v1")


def test_a_refused_login_is_renewed_once() -> None:
    memory, asked = Memory(login=LOGIN), []

    def credentials(fresh: bool) -> Login:
        asked.append(fresh)
        return LOGIN if True in asked else Login("AWS", "old")

    registry = Registry(memory.base, memory, credentials)
    assert registry.manifest("a", "v1") is None
    assert (asked.count(True), len(memory.seen)) == (1, 2)


def test_a_token_that_ends_during_an_upload_is_renewed() -> None:
    memory = Memory(login=LOGIN, bearer=True)

    def expire(method: str, path: str, number: int) -> None:
        if method == "PUT" and len(memory.tokens) < 3:
            memory.tokens = {f"gone-{len(memory.tokens)}", "gone"}

    memory.fails = expire
    memory.registry(LOGIN).push_blob("a", b"abc")
    assert memory.blobs["a", sha(b"abc")] == b"abc"


@pytest.mark.parametrize(
    "realm",
    [
        "https://evil.test/token",
        "http://registry.test/token",
        "https://registry.test:8443/token",
        "https://registry.test@evil.test/token",
        "https://user@registry.test/token",
        "https://registry.test.evil.test/token",
        "http://169.254.169.254/latest/meta-data",
        "//evil.test/token",
        "/token",
        "https://registry.test:x/token",
        "https://[::1/token",
    ],
)
def test_logins_go_to_no_other_host(realm: str) -> None:
    memory = Memory(login=LOGIN, bearer=True, realm=realm)
    with pytest.raises(RegistryError):
        memory.registry(LOGIN).manifest("a", "v1")
    assert {seen.url for seen in memory.seen} == {"https://registry.test/v2/a/manifests/v1"}


def test_a_redirected_blob_is_read_without_the_login() -> None:
    memory = Memory(login=LOGIN, redirect="https://bucket.test/{digest}?X-Amz-Signature=s")
    blob = blob_of(memory)
    assert drained(memory.registry(LOGIN), blob) == b"data"
    assert [("Authorization" in seen.headers, seen.url.split("/")[2]) for seen in memory.seen] == [
        (True, "registry.test"),
        (False, "bucket.test"),
    ]


@pytest.mark.parametrize(
    "target",
    [
        "http://bucket.test/x",
        "https://127.0.0.1/x",
        "https://localhost/x",
        "https://169.254.169.254/x",
        "https://10.0.0.1/x",
        "https://[::ffff:169.254.169.254]/x",
        "https://[fd00::1]/x",
        "https://user@bucket.test/x",
        "file:///etc/passwd",
        "https://bucket.test/again/{digest}",
    ],
)
def test_redirects_lead_nowhere_dangerous(target: str) -> None:
    memory = Memory(redirect=target)
    with pytest.raises(RegistryError):
        memory.registry().open_blob("a", blob_of(memory))
    assert len(memory.seen) == (4 if "again" in target else 1)  # nothing was asked where it leads


def test_on_loopback_redirects_stay_on_loopback() -> None:
    memory = Memory(base="http://127.0.0.1:5000", redirect="http://127.0.0.1:9000/{digest}")
    assert drained(memory.registry(), blob_of(memory)) == b"data"


@pytest.mark.parametrize("location", ["relative", "absolute"])
@pytest.mark.parametrize("single", [True, False])
def test_uploads_follow_the_place_they_are_given(location: str, *, single: bool) -> None:
    memory = Memory(location=location, single_put=single)
    registry = memory.registry()
    for data in (b"", b"abc", b"x" * 3_000_000):
        registry.push_blob("a", data)
        assert memory.blobs["a", sha(data)] == data
    assert [seen.method for seen in memory.seen].count("PATCH") == (0 if single else 2)


@pytest.mark.parametrize("location", ["https://evil.test", "http://registry.test", "https://x@registry.test"])
def test_uploads_go_to_no_other_host(location: str) -> None:
    memory = Memory(login=LOGIN, location=location)
    with pytest.raises(RegistryError, match=r"another host|address"):
        memory.registry(LOGIN).push_blob("a", b"abc")
    assert memory.blobs == {}


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_five_times(status: int) -> None:
    memory, pauses = Memory(), list[float]()
    memory.fails = lambda method, path, number: (status, {"retry-after": "7"}, b"") if number < 3 else None
    registry = Registry(memory.base, memory, pause=pauses.append)
    assert registry.manifest("a", "v1") is None
    assert pauses == [7, 7]
    memory.fails = lambda method, path, number: (status, {"retry-after": "9999"}, b"oops")
    with pytest.raises(RegistryError) as caught:
        registry.manifest("a", "v1")
    assert caught.value.status == status
    assert pauses[2:] == [30, 30, 30, 30]


def test_a_lost_connection_is_tried_again_and_the_upload_begun_anew() -> None:
    memory = Memory()
    memory.fails = lambda method, path, number: TransientError("lost") if number in {1, 4} else None
    memory.registry().push_blob("a", b"abc")
    assert [seen.method for seen in memory.seen] == ["HEAD", "HEAD", "POST", "PUT", "DELETE", "HEAD", "POST", "PUT"]
    assert memory.blobs["a", sha(b"abc")] == b"abc"


def test_what_is_refused_is_not_tried_again() -> None:
    memory = Memory()
    memory.fails = lambda method, path, number: (403, {}, b'{"errors":[{"code":"DENIED","message":"not\\n you"}]}')
    with pytest.raises(RegistryError) as caught:
        memory.registry().manifest("a", "v1")
    assert (caught.value.code, len(memory.seen)) == ("DENIED", 1)
    assert "DENIED: not you" in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"errors":[]}', b'{"errors":{}}', b"[" * 9999, b"x" * 99999])
def test_an_error_without_a_shape_is_still_an_error(body: bytes) -> None:
    memory = Memory(fails=lambda method, path, number: (400, {}, body))
    with pytest.raises(RegistryError, match="HTTP 400"):
        memory.registry().manifest("a", "v1")


def test_a_reading_registry_sends_no_write() -> None:
    memory = Memory()
    manifest = image(memory, "a", b"layer")
    registry = Registry(memory.base, ReadOnly(memory))
    assert registry.manifest("a", manifest.digest) == manifest
    for write in (
        lambda: registry.push_blob("a", b"new"),
        lambda: registry.put_manifest("a", manifest, "v1"),
    ):
        with pytest.raises(SafetyError):
            write()
    assert {seen.method for seen in memory.seen} <= {"GET", "HEAD"}


def test_bytes_are_believed_and_headers_are_not() -> None:
    memory = Memory()
    manifest = image(memory, "a", b"layer")
    kind, body = memory.manifests["a", manifest.digest]
    header = {"docker-content-digest": manifest.digest, "content-type": kind}
    memory.fails = lambda method, path, number: (200, header, body + b" ")
    for reference in (manifest.digest, "v1"):
        with pytest.raises(RegistryError) as caught:
            memory.registry().manifest("a", reference)
        assert caught.value.code == "DIGEST_INVALID"


def test_a_manifest_without_end_is_cut_off() -> None:
    memory = Memory(fails=lambda method, path, number: (200, {"content-type": OCI_MANIFEST}, b" " * (LARGEST + 9)))
    with pytest.raises(RegistryError, match="more than"):
        memory.registry().manifest("a", "v1")


def test_a_blob_of_another_size_is_refused() -> None:
    memory = Memory()
    blob = blob_of(memory)
    wrong = Descriptor(LAYER, blob.digest, blob.size + 1)
    for ask in (memory.registry().has_blob, memory.registry().open_blob):
        with pytest.raises(RegistryError) as caught:
            ask("a", wrong)
        assert caught.value.code == "SIZE_INVALID"


@pytest.mark.parametrize(
    ("repository", "reference"),
    [("../x", "v1"), ("a", "../x"), ("a", "v1/../../x"), ("A", "v1"), ("a", "sha256:x"), ("a?x", "v1"), ("a", "v 1")],
)
def test_names_are_checked_before_they_become_addresses(repository: str, reference: str) -> None:
    memory = Memory()
    with pytest.raises(RegistryError):
        memory.registry().manifest(repository, reference)
    assert memory.seen == []
