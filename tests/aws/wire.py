"""AWS at the end of botocore's own pipe: a `before-send` hook that answers by a table and keeps what was asked."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.session import Session

from controller.aws.calls import CallLog
from controller.aws.cloud import AwsCloud, Roles

HUB, SPOKE, OTHER = "111111111111", "222222222222", "333333333333"
ROLE = f"arn:aws:iam::{SPOKE}:role/hubwright"
Answer = tuple[int, dict[str, str], bytes]
SECRETS = ("canary-caller-secret", "canary-role-secret", "canary-session-token")


@dataclass
class Asked:
    """One request: `name` is `sts:AssumeRole`, `ecr:DescribeImages` or `s3:GET /bucket/key`."""

    name: str
    fields: dict[str, str]
    request: AWSPreparedRequest


class Raw(io.BytesIO):
    def stream(self, amount: int | None = None, decode_content: bool | None = None) -> Iterator[bytes]:
        while data := self.read(amount or 65536):
            yield data


@dataclass
class Aws:
    """Answers for everything that is asked; STS works by itself."""

    answers: dict[str, Callable[[Asked], Answer | Exception]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    account: str = HUB
    lives: str = "2999-01-01T00:00:00Z"
    lock: threading.Lock = field(default_factory=threading.Lock)

    def prepare(self, session: Session) -> None:
        session.register("before-send", self.send)

    def send(self, **event: Any) -> AWSResponse:
        asked = read(event["request"])
        with self.lock:
            self.asked.append(asked)
        handler = self.answers.get(asked.name) or getattr(self, asked.name.replace("sts:", "").lower(), None)
        assert handler is not None, asked.name
        answer = handler(asked)
        if isinstance(answer, Exception):
            raise answer
        status, headers, body = answer
        return AWSResponse(asked.request.url, status, headers, Raw(body))

    @property
    def names(self) -> list[str]:
        return [asked.name for asked in self.asked]

    def assumerole(self, asked: Asked) -> Answer:
        return xml(
            "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAROLE</AccessKeyId>"
            f"<SecretAccessKey>{SECRETS[1]}</SecretAccessKey><SessionToken>{SECRETS[2]}</SessionToken>"
            f"<Expiration>{self.lives}</Expiration></Credentials><AssumedRoleUser><Arn>{asked.fields['RoleArn']}</Arn>"
            "<AssumedRoleId>A:x</AssumedRoleId></AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>"
        )

    def getcalleridentity(self, asked: Asked) -> Answer:
        account = SPOKE if "ASIAROLE" in asked.request.headers["Authorization"].decode() else self.account
        return xml(
            "<GetCallerIdentityResponse><GetCallerIdentityResult>"
            f"<Account>{account}</Account><Arn>arn:aws:iam::{account}:user/ci</Arn><UserId>U</UserId>"
            "</GetCallerIdentityResult></GetCallerIdentityResponse>"
        )

    def cloud(self, *, writable: bool = False, log: CallLog | None = None, workers: int = 16, **roles: Any) -> AwsCloud:
        return AwsCloud(
            {SPOKE: Roles(**roles)},
            run="run-1",
            writable=writable,
            log=log or CallLog(),
            workers=workers,
            prepare=self.prepare,
        )


def read(request: AWSPreparedRequest) -> Asked:
    parts = urlsplit(request.url)
    service = (parts.hostname or "").split(".")[0].replace("api", "")
    body = request.body or b""
    target = request.headers.get("X-Amz-Target")
    if target is not None:
        name = (target.decode() if isinstance(target, bytes) else target).rpartition(".")[2]
        kind = "sagemaker" if "sagemaker" in (parts.hostname or "") else "ecr"
        return Asked(f"{kind}:{name}", json.loads(body), request)
    if service == "sts":
        text = body if isinstance(body, str) else bytes(body).decode()
        fields = {key: values[0] for key, values in parse_qs(text).items()}
        return Asked(f"sts:{fields['Action']}", fields, request)
    bucket = "" if service == "s3" else f"/{service}"
    query = {key: values[0] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
    return Asked(f"s3:{request.method} {bucket}{parts.path}", query, request)


def xml(body: str, status: int = 200) -> Answer:
    return status, {"content-type": "text/xml"}, body.encode()


def error_xml(code: str, message: str, status: int) -> Answer:
    return xml(f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>", status)


def s3_error(code: str, message: str, status: int, **headers: str) -> Answer:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return status, {"content-type": "application/xml", **headers}, body.encode()


def answer_json(document: object, status: int = 200, **headers: str) -> Answer:
    return status, {"content-type": "application/x-amz-json-1.1", **headers}, json.dumps(document).encode()
