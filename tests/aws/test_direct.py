"""The short way to S3 answers as botocore does, signs as botocore does, and leaves to it whatever does not go well."""

from __future__ import annotations

import gc
import socket
import ssl
import threading
import weakref
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.aws import direct as direct_module
from controller.aws.answers import answer_of
from controller.aws.calls import CallLog
from controller.aws.client import AwsClient
from controller.aws.cloud import AwsCloud
from controller.aws.pool import Pool
from controller.aws.sessions import own_session
from controller.aws.sign import signed
from controller.core.errors import CloudError, SafetyError
from controller.core.model import Target
from controller.sandbox.server import Serving
from tests.aws.wire import HUB, Aws

PLACE = Target(HUB, "eu-west-1")
KEYS = ["plain", "a b/ü+%.tar", "q?x=1&y", "t~i-l_d.e", "plus+and=equal", "päth/ /x"]
DIRECT = ("CopyObject", "GetObject", "HeadObject", "ListObjectVersions", "ListObjectsV2", "UploadPartCopy")


@pytest.fixture
def s3(cloud: AwsCloud) -> AwsClient:
    """A client whose bucket has been met, so that what follows goes the short way."""
    client = cloud.client(PLACE, "s3", "register")
    client.call("CreateBucket", Bucket="store", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    client.call("PutBucketVersioning", Bucket="store", VersioningConfiguration={"Status": "Enabled"})
    for key in KEYS:
        client.call(
            "PutObject", Bucket="store", Key=key, Body=key.encode() * 9, Metadata={"a-b": "c d"}, ContentType="x/y"
        )
    return client


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The operations that went the short way."""
    found: list[str] = []
    said = direct_module.said_of

    def noted(connection: Any, operation: str, answer: Any) -> Any:
        found.append(operation)
        return said(connection, operation, answer)

    monkeypatch.setattr(direct_module, "said_of", noted)
    return found


def both(client: AwsClient, operation: str, **parameters: Any) -> tuple[Any, Any]:
    """The answer the short way, and through botocore."""
    short = client.call(operation, Bucket="store", **parameters)
    way, client._direct = client._direct, None
    try:
        return short, client.call(operation, Bucket="store", **parameters)
    finally:
        client._direct = way


def plain(answer: Any) -> Any:
    return {name: value for name, value in answer.items() if name not in ("Body", "ChecksumCRC64NVME")}


@pytest.mark.parametrize("key", KEYS)
def test_an_object_is_read_as_botocore_reads_it(s3: AwsClient, sent: list[str], key: str) -> None:
    head = both(s3, "HeadObject", Key=key, ChecksumMode="ENABLED", ExpectedBucketOwner=HUB)
    assert head[0] == head[1]
    assert head[0]["Metadata"] == {"a-b": "c d"}
    got = both(s3, "GetObject", Key=key, ChecksumMode="ENABLED", VersionId=head[0]["VersionId"])
    assert plain(got[0]) == plain(got[1])
    assert got[0]["Body"].read() == got[1]["Body"].read() == key.encode() * 9
    part = both(s3, "GetObject", Key=key, Range="bytes=2-5", IfMatch=head[0]["ETag"])
    assert part[0]["Body"].read(3) + part[0]["Body"].read() == part[1]["Body"].read() == (key.encode() * 9)[2:6]
    assert sent == ["HeadObject", "GetObject", "GetObject"]


@pytest.mark.parametrize("key", KEYS)
def test_an_object_is_copied_as_botocore_copies_it(s3: AwsClient, sent: list[str], key: str) -> None:
    head = s3.call("HeadObject", Bucket="store", Key=key)
    source = {
        "CopySource": {"Bucket": "store", "Key": key, "VersionId": head["VersionId"]},
        "CopySourceIfMatch": head["ETag"],
        "ExpectedSourceBucketOwner": HUB,
        "ExpectedBucketOwner": HUB,
    }
    whole = {
        "MetadataDirective": "REPLACE",
        "Metadata": {"m": "a" * 64},
        "Tagging": "a=b",
        "TaggingDirective": "REPLACE",
    }
    one, other = both(s3, "CopyObject", Key=f"copies/{key}", **source, **whole)
    times = {"LastModified", "VersionId"}
    assert one.keys() == other.keys()
    result = one["CopyObjectResult"]
    assert {k: v for k, v in result.items() if k not in times} == {
        k: v for k, v in other["CopyObjectResult"].items() if k not in times
    }
    upload = s3.call("CreateMultipartUpload", Bucket="store", Key="parts")["UploadId"]
    span = {"UploadId": upload, "PartNumber": 1, "CopySourceRange": "bytes=0-3"}
    part = both(s3, "UploadPartCopy", Key="parts", **source, **span)
    assert part[0]["CopyPartResult"]["ETag"] == part[1]["CopyPartResult"]["ETag"]
    with s3.call("GetObject", Bucket="store", Key=f"copies/{key}")["Body"] as body:
        assert body.read() == key.encode() * 9
    assert {"HeadObject", "CopyObject", "UploadPartCopy", "GetObject"} <= set(sent)


@pytest.mark.parametrize("operation", ["ListObjectsV2", "ListObjectVersions"])
@pytest.mark.parametrize("more", [{}, {"Prefix": "a b/"}, {"MaxKeys": 2}, {"Delimiter": "/"}, {"Prefix": "nothing"}])
def test_lists_are_read_as_botocore_reads_them(
    s3: AwsClient, sent: list[str], operation: str, more: dict[str, Any]
) -> None:
    one, other = both(s3, operation, **more)
    assert {k: v for k, v in one.items() if k != "EncodingType"} == {
        k: v for k, v in other.items() if k != "EncodingType"
    }
    assert sent == [operation]


def test_pages_are_followed(s3: AwsClient, sent: list[str]) -> None:
    keys = [row["Key"] for row in s3.pages("ListObjectsV2", "Contents", Bucket="store", MaxKeys=2)]
    assert (keys, sent) == (sorted(KEYS), ["ListObjectsV2"] * 3)
    versions = [row["Key"] for row in s3.pages("ListObjectVersions", "Versions", Bucket="store", MaxKeys=2)]
    assert versions == sorted(KEYS)


@pytest.mark.parametrize(
    ("operation", "parameters", "code", "status"),
    [
        ("HeadObject", {"Key": "absent"}, "404", 404),
        ("HeadObject", {"Key": "plain", "ExpectedBucketOwner": "9" * 12}, "403", 403),
        ("GetObject", {"Key": "absent"}, "NoSuchKey", 404),
        ("GetObject", {"Key": "plain", "IfMatch": '"x"'}, "PreconditionFailed", 412),
        ("CopyObject", {"Key": "plain", "CopySource": "store/plain", "IfNoneMatch": "*"}, "PreconditionFailed", 412),
        ("CopyObject", {"Key": "c", "CopySource": "absent/plain"}, "NoSuchBucket", 404),
        ("UploadPartCopy", {"Key": "c", "CopySource": "store/plain", "UploadId": "u", "PartNumber": 1}, "NoSuchUpload", 404),
        ("ListObjectsV2", {"ExpectedBucketOwner": "9" * 12}, "AccessDenied", 403),
    ],
)  # fmt: skip
def test_refusals_are_the_same_errors_and_asked_once(
    s3: AwsClient, log: CallLog, sent: list[str], operation: str, parameters: dict[str, Any], code: str, status: int
) -> None:
    before = log.total
    with pytest.raises(CloudError) as short:
        s3.call(operation, Bucket="store", **parameters)
    assert (sent, log.total - before, log.calls[-1].code) == ([operation], 1, code)
    s3._direct = None
    with pytest.raises(CloudError) as other:
        s3.call(operation, Bucket="store", **parameters)
    for error in (short.value, other.value):
        assert (error.code, error.status, error.operation, error.where) == (
            code,
            status,
            f"s3:{operation}",
            f"{HUB}/eu-west-1",
        )
    assert (short.value.said, short.value.hint) == (other.value.said, other.value.hint)


@pytest.mark.parametrize(
    "how",
    [{"do": "fail", "code": "InternalError"}, {"do": "throttle"}, {"do": "drop"}, {"do": "drop", "when": "after"}],
)
def test_what_does_not_go_well_is_botocores_and_one_call_in_the_log(
    s3: AwsClient, serving: Serving, log: CallLog, sent: list[str], how: dict[str, Any]
) -> None:
    s3.call("HeadObject", Bucket="store", Key="plain")
    serving.world.fault(operation="CopyObject", times=2, **how)
    before = log.total
    assert s3.call("CopyObject", Bucket="store", Key="c", CopySource="store/plain")["CopyObjectResult"]["ETag"]
    made = log.calls[-1]
    assert (log.total - before, made.operation, made.attempts, made.status) == (1, "CopyObject", 3, 200)


@pytest.mark.parametrize("body", [b"", b"  \n", b"<Error><Code>InternalError</Code></Error>", b"<CopyObjectResult>"])
def test_a_200_that_is_none_is_asked_again_of_botocore(
    s3: AwsClient, monkeypatch: pytest.MonkeyPatch, body: bytes, log: CallLog
) -> None:
    s3.call("HeadObject", Bucket="store", Key="plain")
    from controller.sandbox.s3 import copying
    from controller.sandbox.wire import Answer

    real, times = copying.copy_object, [1]

    def broken(ask: Any) -> Answer:
        answer = real(ask)
        times[0] -= 1
        return Answer(200, {"Content-Type": "application/xml"}, body) if times[0] >= 0 else answer

    monkeypatch.setattr("controller.sandbox.s3.copying.copy_object", broken)
    assert s3.call("CopyObject", Bucket="store", Key="c", CopySource="store/plain")["CopyObjectResult"]["ETag"]
    assert log.calls[-1].attempts == 2


def test_an_answer_to_head_has_no_body_and_is_not_asked_for_twice(aws: Aws) -> None:
    aws.answers["s3:HEAD /store/k"] = lambda asked: (200, {"content-length": "12", "etag": '"e"'}, b"")
    reader = aws.cloud().client(PLACE, "s3")
    found = [reader.call("HeadObject", Bucket="store", Key="k") for _ in range(2)]
    assert [(head["ContentLength"], head["ETag"]) for head in found] == [(12, '"e"')] * 2
    assert aws.names == ["sts:GetCallerIdentity", "s3:HEAD /store/k", "s3:HEAD /store/k"]


def test_reading_answers_keeps_nothing_of_the_client() -> None:
    service = own_session().get_service_model("s3")
    answer_of(service.operation_model("ListObjectsV2"), {}, b"<ListBucketResult/>")
    gone = weakref.ref(service)
    del service
    gc.collect()
    assert gone() is None


def test_expired_credentials_are_renewed_below_the_short_way(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from controller.aws.cloud import Roles

    for name, value in serving.environment(HUB).items():
        monkeypatch.setenv(name, value)
    arn = f"arn:aws:iam::{HUB}:role/hubwright"
    cloud = AwsCloud({HUB: Roles(arn, arn, arn)}, run="t", writable=True, log=CallLog())
    s3 = cloud.client(PLACE, "s3", "register")
    s3.call("CreateBucket", Bucket="store", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.call("PutObject", Bucket="store", Key="k", Body=b"x")
    s3.call("HeadObject", Bucket="store", Key="k")
    for key, session in serving.world.sessions.items():
        serving.world.sessions[key] = replace(session, ends=0.0)
    assert s3.call("CopyObject", Bucket="store", Key="c", CopySource="store/k")["CopyObjectResult"]["ETag"]
    cloud.close()


def test_a_session_that_only_reads_sends_no_write_the_short_way_either(serving: Serving, s3: AwsClient) -> None:
    cloud = AwsCloud({}, run="t", writable=False, log=CallLog())
    reader = cloud.client(PLACE, "s3", "register")
    reader.call("HeadObject", Bucket="store", Key="plain")
    before = len(serving.world.calls)
    entry = cloud._own()
    with pytest.raises(SafetyError):
        entry.direct.answer(
            entry.client("s3", "eu-west-1"), "CopyObject", {"Bucket": "store", "Key": "x", "CopySource": "store/plain"}
        )
    assert len(serving.world.calls) == before
    cloud.close()


def test_with_a_proxy_botocore_goes_alone(
    s3: AwsClient, cloud: AwsCloud, monkeypatch: pytest.MonkeyPatch, sent: list[str]
) -> None:
    cloud.close()
    cloud._own().direct._places.clear()
    monkeypatch.setattr("controller.aws.plain.get_environ_proxies", lambda url: {"http": "http://proxy:1"})
    for _ in range(2):
        s3.call("HeadObject", Bucket="store", Key="plain")
    assert sent == []


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=20)


@settings(max_examples=200, deadline=None)
@given(
    key=TEXT,
    query=st.dictionaries(st.sampled_from(["versionId", "prefix", "list-type", "versions", "uploadId"]), TEXT),
    headers=st.dictionaries(
        st.sampled_from(["x-amz-copy-source", "If-None-Match", "x-amz-meta-a", "Range", "x-amz-tagging"]),
        st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20),
    ),
    token=st.sampled_from([None, "to/ken=="]),
)
def test_signatures_are_botocores(key: str, query: dict[str, str], headers: dict[str, str], token: str | None) -> None:
    from urllib.parse import quote

    path = "/bucket/" + quote(key, safe="/~")
    text = "&".join(f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}" for k, v in sorted(query.items()))
    ours = signed(
        SimpleNamespace(access_key="AK", secret_key="SK", token=token),
        "PUT",
        "s3.example.com:8333",
        path,
        text,
        headers,
        "eu-west-1",
    )
    request = AWSRequest("PUT", f"http://s3.example.com:8333{path}" + (f"?{text}" if text else ""), dict(headers))
    signer = S3SigV4Auth(Credentials("AK", "SK", token), "s3", "eu-west-1")
    request.context["timestamp"] = ours["x-amz-date"]
    signer._modify_request_before_signing(request)
    del request.headers["X-Amz-Date"]
    request.headers["X-Amz-Date"] = ours["x-amz-date"]
    canonical = signer.canonical_request(request)
    signature = signer.signature(signer.string_to_sign(request, canonical), request)
    assert ours["Authorization"].rpartition("Signature=")[2] == signature


# --- the connections themselves ----------------------------------------------------------------------------------------


class Peer:
    """Answers every request on a connection with the next of the given bytes; an empty one ends the connection."""

    def __init__(self, *answers: bytes) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.answers = list(answers)
        self.connections = 0
        self.asked: list[bytes] = []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        with self.listener:
            while self.answers:
                self.serve()

    def serve(self) -> None:
        link, _ = self.listener.accept()
        self.connections += 1
        with link, link.makefile("rb") as file:
            while self.answers:
                lines = list(iter(lambda: file.readline().strip(), b""))
                if not lines:
                    break
                self.asked.append(lines[0])
                answer = self.answers.pop(0)
                link.sendall(answer)
                if not answer or answer.endswith(b"!"):
                    break


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\na\r\n2\r\nbc\r\n0\r\nTrailer: t\r\n\r\n"


@pytest.fixture
def pool() -> Iterator[Pool]:
    made = Pool(ssl.create_default_context)
    yield made
    made.close()


def asked(pool: Pool, peer: Peer, method: str = "GET") -> bytes:
    return pool.ask(method, peer.host, "/k", {"Host": peer.host}, secure=False).whole()


def test_a_connection_is_kept_after_every_whole_answer(pool: Pool) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"
    peer = Peer(OK, CHUNKED, b"HTTP/1.1 100 Continue\r\n\r\n" + OK, b"HTTP/1.1 204 No\r\n\r\n", head, OK)
    found = [asked(pool, peer, method) for method in ("GET", "GET", "PUT", "GET", "HEAD", "GET")]
    assert (found, peer.connections) == ([b"abc", b"abc", b"abc", b"", b"", b"abc"], 1)


def test_a_connection_that_may_not_be_kept_is_not(pool: Pool) -> None:
    peer = Peer(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc!", OK, b"HTTP/1.0 200 OK\r\n\r\nabc!", OK)
    assert [asked(pool, peer) for _ in range(4)] == [b"abc!", b"abc", b"abc!", b"abc"]
    assert peer.connections == 3


def test_a_body_that_is_closed_early_ends_its_connection(pool: Pool) -> None:
    peer = Peer(OK)
    with_body = pool.ask("GET", peer.host, "/k", {}, secure=False)
    assert with_body.read(1) == b"a"
    with_body.close()
    with_body.close()
    assert (asked(pool, Peer(OK)), pool._idle.get((peer.host, False))) == (b"abc", None)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc!",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc!",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc!",
        b"HTTP/1.1 200",
        b"SSH-2.0-x\r\n!",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 300 + b"\r\n!",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 20 + b"!",
    ],
)
def test_what_is_no_whole_answer_is_an_os_error(pool: Pool, answer: bytes) -> None:
    peer = Peer(answer if answer.endswith(b"!") or not answer else answer + b"!")
    with pytest.raises(OSError, match=r"answer|ended|reset"):
        asked(pool, peer)
    assert pool._idle == {}


def test_one_request_cannot_become_two(pool: Pool) -> None:
    for headers in ({"a": "b\r\nx: y"}, {"a\n": "b"}):
        with pytest.raises(ValueError, match="line break"):
            pool.ask("GET", "127.0.0.1:1", "/k", headers, secure=False)
    with pytest.raises(ValueError, match="line break"):
        pool.ask("GET", "127.0.0.1:1", "/k HTTP/1.1\r\n", {}, secure=False)
