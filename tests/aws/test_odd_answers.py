"""S3 as it is on bad days, and behind what stands between: the short way gives nothing wrong, and nobody a traceback."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from controller.aws.calls import CallLog
from controller.aws.client import AwsClient
from controller.aws.cloud import AwsCloud
from controller.aws.pool import Pool
from controller.aws.sign import signed
from controller.core.errors import CloudError
from controller.core.model import Target
from tests.aws.test_direct import OK, Peer, asked
from tests.aws.wire import HUB, Answer, Asked, Aws


class Anything(dict[str, Any]):
    """One answer to whatever is asked of S3."""

    def get(self, name: str, default: Any = None) -> Any:
        return self[""] if name.startswith("s3:") else default


HEADERS = {"ETag": '"e"', "Content-Length": "3", "Last-Modified": "Sun, 22 Nov 2026 10:00:00 GMT"}
ODD = ["/lead", "a//b", "a/../b", "./x", "..", "tail/", "100%25", "+ +", "a?b#c", "ü/語", "\x7f", "store/store"]
ODD += ["a=b&c;d:e@f$g,h!(i)*'"]
DONE = b"<CopyObjectResult><ETag>e</ETag></CopyObjectResult>"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Aws:
    for name, value in {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "s", "AWS_CONFIG_FILE": "none"}.items():
        monkeypatch.setenv(name, value)
    return Aws()


@pytest.fixture
def s3(aws: Aws) -> Iterator[AwsClient]:
    """A client whose bucket has been met."""
    cloud = AwsCloud({}, run="test", writable=True, log=CallLog(), prepare=aws.prepare)
    client = cloud.client(Target(HUB, "eu-west-1"), "s3", "register")
    aws.answers["s3:HEAD /store/met"] = lambda _: (200, HEADERS, b"")
    client.call("HeadObject", Bucket="store", Key="met")
    aws.asked.clear()
    yield client
    cloud.close()


@pytest.mark.parametrize("expires", ["0", "-1", "never", "2026-13-45"])
def test_an_object_with_a_header_that_is_no_time_is_read(aws: Aws, s3: AwsClient, expires: str) -> None:
    said = {**HEADERS, "Expires": expires}
    aws.answers["s3:GET /store/k"] = lambda _: (200, said, b"abc")
    aws.answers["s3:HEAD /store/k"] = lambda _: (200, {**said, "Content-Length": "0"}, b"")
    with s3.call("GetObject", Bucket="store", Key="k")["Body"] as body:
        assert body.read() == b"abc"
    assert s3.call("HeadObject", Bucket="store", Key="k")["ETag"] == '"e"'
    assert aws.names == ["s3:GET /store/k", "s3:HEAD /store/k"]


def test_a_failure_that_comes_after_a_long_wait_for_a_200_is_asked_again(aws: Aws, s3: AwsClient) -> None:
    failed = b'<?xml version="1.0"?>' + b"\n" * 900 + b"<Error><Code>InternalError</Code></Error>"
    bodies = iter([failed, DONE])
    aws.answers["s3:PUT /store/k"] = lambda _: (200, {}, next(bodies))
    copied = s3.call("CopyObject", Bucket="store", Key="k", CopySource={"Bucket": "b", "Key": "k"})
    assert copied["CopyObjectResult"]["ETag"] == "e"


def test_a_signature_that_only_botocore_gets_right_is_botocores(aws: Aws, s3: AwsClient) -> None:
    wrong = b"<Error><Code>SignatureDoesNotMatch</Code></Error>"
    answers: Iterator[Answer] = iter([(403, {}, wrong), (200, {}, DONE)])

    def answer(_: Asked) -> Answer:
        return next(answers)

    aws.answers["s3:PUT /store/k"] = answer
    copied = s3.call("CopyObject", Bucket="store", Key="k", CopySource={"Bucket": "b", "Key": "k"})
    assert copied["CopyObjectResult"]["ETag"] == "e"


def test_what_is_often_changed_on_the_way_is_not_signed() -> None:
    keys = SimpleNamespace(access_key="AK", secret_key="SK", token=None)
    headers = {"User-Agent": "hubwright", "Range": "bytes=0-1"}
    found = signed(keys, "GET", "h", "/", "", headers, "eu-west-1")
    assert "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date," in found["Authorization"]
    assert found["User-Agent"] == "hubwright"


@pytest.mark.parametrize("code", ["InvalidObjectState", "RequestTimeTooSkewed", "SignatureDoesNotMatch"])
def test_not_every_403_is_a_lack_of_permission(code: str) -> None:
    assert not CloudError("s3:CopyObject", code, "no", status=403).denied
    assert CloudError("s3:CopyObject", "AccessDenied", "no", status=403).denied
    assert CloudError("s3:HeadObject", "403", "no", status=403).denied


def test_an_archived_object_is_said_to_be_one(aws: Aws, s3: AwsClient) -> None:
    aws.answers["s3:PUT /store/k"] = lambda _: (403, {}, b"<Error><Code>InvalidObjectState</Code></Error>")
    with pytest.raises(CloudError) as caught:
        s3.call("CopyObject", Bucket="store", Key="k", CopySource={"Bucket": "b", "Key": "k"})
    assert "restore" in caught.value.hint


# --- the connections themselves ----------------------------------------------------------------------------------------


@pytest.fixture
def pool() -> Iterator[Pool]:
    made = Pool(ssl.create_default_context)
    yield made
    made.close()


def settle(pool: Pool, peer: Peer) -> None:
    """Until what the peer did has arrived here."""
    link = pool._idle[peer.host, False][0]
    until = time.monotonic() + 5
    while link.alive and time.monotonic() < until:
        time.sleep(0.005)


def test_a_kept_connection_that_was_ended_meanwhile_is_not_used(pool: Pool) -> None:
    peer = Peer(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab!", OK)
    assert asked(pool, peer) == b"ab!"
    settle(pool, peer)
    assert (asked(pool, peer), peer.connections) == (b"abc", 2)


def test_what_comes_after_an_answer_is_not_the_next_ones(pool: Pool) -> None:
    forged = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nBAD"
    peer = Peer(b"HTTP/1.1 200 OK\r\nContent-Length: 41\r\n\r\n" + forged + b"!", OK)
    assert asked(pool, peer, "HEAD") == b""
    settle(pool, peer)
    assert asked(pool, peer) == b"abc"


@pytest.mark.parametrize("length", [b"-1", b"-5", b"+3", b"0x3", b"1_0", b" 3", b""])
def test_a_chunk_of_no_proper_length_is_refused(pool: Pool, length: bytes) -> None:
    peer = Peer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + length + b"\r\nabc\r\n0\r\n\r\n!")
    with pytest.raises(OSError, match="chunk"):
        asked(pool, peer)


def test_trailers_without_end_are_refused(pool: Pool) -> None:
    peer = Peer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"a: b\r\n" * 300 + b"\r\n!")
    with pytest.raises(OSError, match="too many"):
        asked(pool, peer)


def test_idle_connections_are_bounded(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.aws.pool.MOST_IDLE", 3)
    for _ in range(5):
        asked(pool, Peer(OK))
    assert sum(map(len, pool._idle.values())) == 3


@pytest.mark.parametrize("name", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
def test_the_roots_are_those_that_botocore_trusts_and_read_once_for_all_sessions(
    monkeypatch: pytest.MonkeyPatch, aws: Aws, s3: AwsClient, name: str
) -> None:
    trusted: list[str] = []
    made = ssl.create_default_context()
    monkeypatch.setattr(ssl, "create_default_context", lambda cafile: trusted.append(cafile) or made)
    for other in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, f"{name}.pem")
    clouds = [AwsCloud({}, run="test", writable=False, log=CallLog(), prepare=aws.prepare) for _ in range(2)]
    pools = [cloud._own().direct._connections() for cloud in clouds]
    assert trusted == []  # without https nothing is read
    assert [pool.tls() for pool in pools] == [made, made]
    assert trusted == [f"{name}.pem"]


@pytest.mark.parametrize("first", ["met", "/met"])
@pytest.mark.parametrize("key", ODD)
@pytest.mark.parametrize("bucket", ["store", "dots.in.it"])
def test_odd_keys_are_asked_for_where_botocore_asks(aws: Aws, s3: AwsClient, bucket: str, key: str, first: str) -> None:
    requests: list[Any] = []

    def send(asked: Asked) -> Answer:
        requests.append(asked.request)
        return 200, {**HEADERS, "Content-Length": "0"}, b""

    aws.answers = Anything()
    aws.answers[""] = send
    s3.call("HeadObject", Bucket=bucket, Key=first)
    for way in (s3._direct, None):
        s3._direct = way
        s3.call("HeadObject", Bucket=bucket, Key=key, VersionId="a+b/c=")
    assert ["Host" in request.headers for request in requests[1:]] == [True, False]  # only the short way says it
    assert requests[1].url == requests[2].url
