"""Many calls at once answer as one does, and what does not go well is left for one at a time."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import ssl
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from botocore.serialize import create_serializer
from botocore.session import get_session
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.aws import client as client_module
from controller.aws import volley
from controller.aws.asks import asked_of, fixed
from controller.aws.calls import CallLog
from controller.aws.client import AwsClient
from controller.aws.cloud import AwsCloud
from controller.aws.direct import OPERATIONS
from controller.aws.volley import Shot, Whole, fire, whole
from controller.core.errors import CloudError, SafetyError
from controller.core.model import Target
from controller.sandbox.server import Serving
from tests.aws.wire import HUB
from tests.certificate import certificate

PLACE = Target(HUB, "eu-west-1")
COUNT = 40


@pytest.fixture
def s3(cloud: AwsCloud) -> AwsClient:
    client = cloud.client(PLACE, "s3", "register")
    client.call("CreateBucket", Bucket="store", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    client.call("PutBucketVersioning", Bucket="store", VersioningConfiguration={"Status": "Enabled"})
    client.call("PutObject", Bucket="store", Key="ä b+c", Body=b"x" * 9)
    return client


def copies(count: int = COUNT) -> list[dict[str, Any]]:
    return [
        {
            "Bucket": "store",
            "Key": f"to/{number} ü+",
            "CopySource": {"Bucket": "store", "Key": "ä b+c"},
            "IfNoneMatch": "*",
            "Metadata": {"hubwright-source": "a"},
            "MetadataDirective": "REPLACE",
        }
        for number in range(count)
    ]


def steady(answer: Any) -> Any:
    return {name: value for name, value in answer.items() if name not in ("VersionId", "CopyObjectResult")}


def test_many_answers_are_those_of_one_call_each(s3: AwsClient, log: CallLog) -> None:
    before, heard = log.total, list[int]()
    answers = s3.many("CopyObject", copies(), lambda number: heard.append(number) is None)
    assert sorted(heard) == list(range(COUNT))
    assert (log.total - before, {call.status for call in log.calls[-COUNT:]}) == (COUNT, {200})
    alone = s3.call("CopyObject", **copies()[0] | {"Key": "alone"})
    for answer in answers:
        assert answer is not None
        assert steady(answer) == steady(alone)
        assert answer["CopyObjectResult"]["ETag"] == alone["CopyObjectResult"]["ETag"]
    heads = s3.many("HeadObject", [{"Bucket": "store", "Key": copy["Key"]} for copy in copies()])
    assert [head and head["VersionId"] for head in heads] == [answer and answer["VersionId"] for answer in answers]
    assert {head and head["Metadata"]["hubwright-source"] for head in heads} == {"a"}


def test_once_one_is_refused_no_more_are_begun(s3: AwsClient, monkeypatch: pytest.MonkeyPatch, log: CallLog) -> None:
    monkeypatch.setattr(client_module, "WIDTH", 1)
    s3.call("PutObject", Bucket="store", Key=copies()[3]["Key"], Body=b"there already")
    before = log.total
    answers = s3.many("CopyObject", copies())
    assert [answer is not None for answer in answers] == [True] * 3 + [False] * (COUNT - 3)
    assert [(call.status, call.code) for call in log.calls[before - log.total :]] == [(200, "")] * 3 + [
        (412, "PreconditionFailed")
    ]


@pytest.mark.parametrize(
    "body", [b"", b" \n", b"<Error><Code>InternalError</Code></Error>", b"<CopyObjectResult>", b"<a/>"]
)
def test_a_200_that_is_none_is_not_believed(s3: AwsClient, monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    from controller.sandbox.s3 import copying
    from controller.sandbox.wire import Answer

    monkeypatch.setattr(client_module, "WIDTH", 1)
    real, turn = copying.copy_object, [0]

    def broken(ask: Any) -> Answer:
        turn[0] += 1
        return Answer(200, {"Content-Type": "application/xml"}, body) if turn[0] == 3 else real(ask)

    monkeypatch.setattr("controller.sandbox.s3.copying.copy_object", broken)
    answers = s3.many("CopyObject", copies())
    well = COUNT - 1 if body == b"<a/>" else 2
    assert [answer is not None for answer in answers] == [number != 2 and number <= well for number in range(COUNT)]


@pytest.mark.parametrize(("status", "code"), [(503, "SlowDown"), (500, "InternalError"), (403, "AccessDenied")])
def test_a_fault_ends_it_and_is_in_the_log(
    s3: AwsClient, serving: Serving, monkeypatch: pytest.MonkeyPatch, log: CallLog, status: int, code: str
) -> None:
    monkeypatch.setattr(client_module, "WIDTH", 1)
    serving.world.fault(operation="CopyObject", status=status, code=code, times=1)
    assert s3.many("CopyObject", copies()) == [None] * COUNT
    assert [(call.operation, call.status) for call in log.calls[-1:]] == [("CopyObject", status)]


def test_who_is_told_may_end_it(s3: AwsClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "WIDTH", 1)
    answers = s3.many("CopyObject", copies(), lambda number: number < 4)
    assert [answer is not None for answer in answers] == [True] * 5 + [False] * (COUNT - 5)


def test_what_is_not_one_bucket_or_few_is_left(s3: AwsClient, serving: Serving) -> None:
    before = len(serving.world.calls)
    assert s3.many("CopyObject", copies(7)) == [None] * 7
    assert s3.many("CopyObject", [*copies(), copies()[0] | {"Bucket": "other"}]) == [None] * (COUNT + 1)
    assert s3.many("CopyObject", []) == []
    assert len(serving.world.calls) == before


def test_a_faulty_request_is_left_and_the_others_are_sent(s3: AwsClient) -> None:
    asked = copies()
    asked[5]["Metadata"] = {"a": 1}
    asked[6]["Key"] = "to/a\r\nHost: elsewhere"
    asked[7]["IfNoneMatch"] = "*\r\nx-evil: 1"
    answers = s3.many("CopyObject", asked)
    assert [number for number, answer in enumerate(answers) if answer is None] == [5, 7]
    assert s3.call("HeadObject", Bucket="store", Key=asked[6]["Key"])["ContentLength"] == 9


def test_who_only_reads_sends_no_writes(cloud: AwsCloud, s3: AwsClient, serving: Serving) -> None:
    reader = cloud.client(PLACE, "s3", "read")
    before = len(serving.world.calls)
    with pytest.raises(SafetyError):
        reader.many("CopyObject", copies())
    assert len(serving.world.calls) == before


def test_an_error_of_who_is_told_is_raised(s3: AwsClient) -> None:
    def told(number: int) -> bool:
        raise KeyError(number)

    with pytest.raises(KeyError):
        s3.many("CopyObject", copies(), told)
    assert s3._gate.acquire(blocking=False)


@pytest.mark.parametrize("kind", [ClientError, BotoCoreError])
def test_without_credentials_no_more_are_begun_and_the_next_call_says_why(
    cloud: AwsCloud, s3: AwsClient, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    """Credentials are renewed in the midst: who may not, or cannot, is not asked once for every request that is left."""
    monkeypatch.setattr(client_module, "WIDTH", 1)
    s3.call("HeadBucket", Bucket="store")
    held: Any = cloud._own().session.get_credentials()
    real, turns = held.get_frozen_credentials, [0]

    def frozen() -> Any:
        turns[0] += 1
        if turns[0] > 5:
            denied: Any = {"Error": {"Code": "AccessDenied", "Message": "not any more"}}
            raise ClientError(denied, "AssumeRole") if kind is ClientError else BotoCoreError()
        return real()

    monkeypatch.setattr(held, "get_frozen_credentials", frozen)
    answers = s3.many("CopyObject", copies())
    assert [answer is not None for answer in answers] == [True] * 5 + [False] * (COUNT - 5)
    assert turns == [6]
    with pytest.raises(CloudError):
        s3.call("CopyObject", **copies()[5])


def test_what_cannot_connect_at_all_is_an_error_like_that_of_one_call() -> None:
    def connect() -> Any:
        raise NoCredentialsError

    client = AwsClient(PLACE, "s3", connect, gate=threading.Semaphore(), writable=True, batch=lambda *_: [])
    with pytest.raises(CloudError, match="NoCredentials"):
        client.many("CopyObject", copies())


def test_what_this_machine_does_not_give_is_left_to_one_at_a_time(
    s3: AwsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("controller.aws.direct.fire", full)
    assert s3.many("CopyObject", copies()) == [None] * COUNT


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
ODD: dict[str, bytes] = {
    "nothing": b"",
    "half a head": OK[:20],
    "half a body": OK[:-1],
    "more than was said": OK + b"more",
    "no length": b"HTTP/1.1 200 OK\r\n\r\nhi",
    "no answer": b"220 smtp.example.com\r\n\r\n",
    "a broken chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhi\r\n",
    "a chunk that ends early": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhi\r\n",
    "two hundred headers": b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 300 + b"\r\n",
    "a length below nothing": b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nhi",
}


@pytest.fixture
def answering() -> Iterator[Callable[[bytes, int], tuple[str, int]]]:
    """A server that sends the same to every request, in pieces of a size, and closes after it what it has not answered."""
    running = list[tuple[socket.socket, threading.Thread]]()

    def start(data: bytes, piece: int, tls: ssl.SSLContext | None = None) -> tuple[str, int]:
        listener = socket.create_server(("127.0.0.1", 0), backlog=64)

        def serve() -> None:
            while True:
                try:
                    link = listener.accept()[0]
                except OSError:
                    return
                threading.Thread(target=answer, args=(link,), daemon=True).start()

        def answer(plain: socket.socket) -> None:
            with contextlib.suppress(OSError), plain:
                link = tls.wrap_socket(plain, server_side=True) if tls is not None else plain
                with link, link.makefile("rb") as file:
                    while list(iter(lambda: file.readline().rstrip(), b"")):
                        for start in range(0, len(data), piece):
                            link.sendall(data[start : start + piece])
                        if not data.startswith(OK):
                            return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        running.append((listener, thread))
        return listener.getsockname()[0], listener.getsockname()[1]

    yield start
    for listener, thread in running:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()  # or it takes a connection of whoever is given the same file descriptor next
        listener.close()


def fired(
    host: tuple[str, int], count: int, width: int = 4, tls: ssl.SSLContext | None = None
) -> dict[int, Whole | None]:
    shots = iter([Shot(number, "PUT", b"PUT / HTTP/1.1\r\n\r\n") for number in range(count)])
    found: dict[int, Whole | None] = {}
    fire(host, tls, width, lambda: next(shots, None), lambda number, answer: found.update({number: answer}))
    return found


@pytest.mark.parametrize("piece", [1, 7, 1000])
@pytest.mark.parametrize("chunked", [False, True])
def test_answers_come_in_any_pieces(answering: Any, piece: int, chunked: bool) -> None:
    data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nh\r\n1\r\ni\r\n0\r\n\r\n" if chunked else OK
    found = fired(answering(data, piece), 3 if chunked else 30)
    assert {answer and (answer.status, answer.body) for answer in found.values()} == {(200, b"hi")}


@pytest.mark.parametrize("odd", ODD)
def test_what_is_no_answer_is_none(answering: Any, odd: str) -> None:
    assert set(fired(answering(ODD[odd], 1000), 6).values()) == {None}


def test_over_tls_only_to_whom_is_trusted(answering: Any, tmp_path: Path) -> None:
    roots, secret = certificate(tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(roots, secret)
    host = answering(OK, 1000, server)
    found = fired(host, 30, tls=ssl.create_default_context(cafile=str(roots)))
    assert {answer and answer.body for answer in found.values()} == {b"hi"}
    assert fired(host, 30, tls=ssl.create_default_context()) == {}


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        host = gone.getsockname()
    assert fired(host, 3) == {}


def test_no_connection_is_opened_that_nothing_is_left_for(answering: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, real = [0], volley._Volley._open

    def counted(self: Any) -> None:
        opened[0] += 1
        real(self)

    monkeypatch.setattr(volley, "_START", 1)
    monkeypatch.setattr(volley._Volley, "_open", counted)
    assert len(fired(answering(OK, 1000), 1, width=8)) == 1
    assert opened == [1]


def test_an_answer_that_does_not_come_is_waited_for_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(volley, "READ_SECONDS", 0.05)
    monkeypatch.setattr(volley, "_LOOK_SECONDS", 0.01)
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        assert fired(silent.getsockname(), 3) == {0: None, 1: None, 2: None}


def test_an_answer_that_goes_on_coming_is_waited_for() -> None:
    """S3 begins its answer to a copy that takes long at once, and sends blanks until it is done."""

    async def run() -> tuple[bool, bool]:
        volley_: Any = volley._Volley(("", 0), None, 1, lambda: None, lambda *_: None)
        link, now = volley._Link(volley_), asyncio.get_running_loop().time()
        link._shot, link._since = Shot(0, "PUT", b""), now - 2 * volley.READ_SECONDS
        before = link.late(now)
        link.data_received(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n \r\n")
        return before, link.late(now)

    assert asyncio.run(run()) == (True, False)


@pytest.mark.parametrize("cut", range(len(OK)))
def test_a_part_of_an_answer_is_not_one(cut: int) -> None:
    assert whole(OK[:cut], "PUT") is None


MODELS = get_session().get_service_model("s3")
VALUES = {
    "string": st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=9),
    "boolean": st.booleans(),
    "integer": st.integers(0, 10**6),
    "long": st.integers(0, 10**12),
}


@settings(max_examples=300, deadline=None)
@given(data=st.data(), operation=st.sampled_from(sorted(OPERATIONS)))
def test_requests_are_serialised_as_botocore_does(data: st.DataObject, operation: str) -> None:
    model = MODELS.operation_model(operation)
    shape: Any = model.input_shape
    kinds = {name: member.type_name for name, member in shape.members.items() if member.type_name in VALUES}
    names = data.draw(st.sets(st.sampled_from(sorted(kinds)), max_size=6)) | set(shape.required_members)
    parameters = {name: data.draw(VALUES[kinds[name]]) for name in sorted(names)}
    if "Metadata" in shape.members and data.draw(st.booleans()):
        parameters["Metadata"] = data.draw(st.dictionaries(VALUES["string"], VALUES["string"], max_size=3))
    theirs = create_serializer("rest-xml").serialize_to_request(dict(parameters), model)
    ours = asked_of(model, parameters)
    assert ours is not None
    query = {name: str(value) for name, value in theirs["query_string"].items()}
    assert (ours.method, ours.query, ours.headers) == (theirs["method"], query, dict(theirs["headers"]))
    assert fixed(model) == (
        {"list-type": "2"}
        if operation == "ListObjectsV2"
        else {"versions": ""}
        if operation == "ListObjectVersions"
        else {}
    )


def test_the_models_of_a_client_do_not_outlive_it() -> None:
    model = get_session().get_service_model("s3").operation_model("ListObjectsV2")
    gone = weakref.ref(model)
    assert asked_of(model, {"Bucket": "b"}) and fixed(model)
    del model
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize(
    "parameters",
    [
        {"Key": "k"},
        {"Bucket": "b", "Key": ""},
        {"Bucket": "b", "Key": 1},
        {"Bucket": "b", "Key": "k", "PartNumber": True},
        {"Bucket": "b", "Key": "k", "Range": 3},
        {"Bucket": "b", "Key": "k", "Unknown": "x"},
        {"Bucket": "b", "Key": "k", "IfModifiedSince": "now"},
    ],
)
def test_what_is_out_of_the_ordinary_is_botocores(parameters: dict[str, Any]) -> None:
    assert asked_of(MODELS.operation_model("HeadObject"), parameters) is None
