"""A job's identity becomes AWS credentials that AWS's own settings can renew."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from controller.cli import execute

ROLE = "arn:aws:iam::111111111111:role/hubwright-plan"
JWT = "eyJc4n4ry00.eyJc4n4ry00.c4n4ry"
KEYS = """<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey>
<SessionToken>t</SessionToken><Expiration>2026-11-22T13:00:00Z</Expiration></Credentials>
</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"""
DENIED = """<ErrorResponse><Error><Code>AccessDenied</Code><Message>Not authorized</Message></Error></ErrorResponse>"""


class _Handler(BaseHTTPRequestHandler):
    seen: list[tuple[str, dict[str, list[str]], str]]

    def log_message(self, *_: Any) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        self.seen.append(("GET", parse_qs(urlsplit(self.path).query), self.headers["Authorization"]))
        self._answer(200, json.dumps({"value": JWT}))

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.seen.append(("POST", form, self.headers.get("Authorization", "")))
        right = form["WebIdentityToken"] == [JWT]
        self._answer(200 if right else 403, KEYS if right else DENIED)

    def _answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    found: list[Any] = []
    server = HTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"seen": found}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    environment = {
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{address}/token?api-version=2.0",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "request",
        "AWS_ENDPOINT_URL_STS": address,
        "AWS_DEFAULT_REGION": "eu-west-1",
        "GITHUB_RUN_ID": "17",
    }
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_identity_becomes_credentials(seen: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["web-identity", "--role", ROLE]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "Version": 1,
        "AccessKeyId": "ASIAEXAMPLE",
        "SecretAccessKey": "s",
        "SessionToken": "t",
        "Expiration": "2026-11-22T13:00:00+00:00",
    }
    (_, query, asked), (_, form, signed) = seen
    assert (query["audience"], asked) == (["sts.amazonaws.com"], "Bearer request")
    assert (form["RoleArn"], form["RoleSessionName"], signed) == ([ROLE], ["hubwright-17"], "")


def test_a_token_may_come_in_a_variable(
    seen: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ID_TOKEN", JWT)
    assert execute(["web-identity", "--role", ROLE, "--token-variable", "ID_TOKEN"]) == 0
    assert [method for method, *_ in seen] == ["POST"]
    monkeypatch.setenv("ID_TOKEN", "eyJwrong000.eyJwrong000.wrong")
    capsys.readouterr()
    assert execute(["web-identity", "--role", ROLE, "--token-variable", "ID_TOKEN"]) == 1
    said = capsys.readouterr()
    assert (said.out, "AccessDenied" in said.err, "wrong000" in said.err) == ("", True, False)


def test_what_is_missing_is_said(
    seen: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(["web-identity", "--role", "hubwright"]) == 64
    assert execute(["web-identity", "--role", ROLE, "--token-variable", "NONE"]) == 64
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", "http://evil.example/")
    assert execute(["web-identity", "--role", ROLE]) == 64
    monkeypatch.delenv("ACTIONS_ID_TOKEN_REQUEST_URL")
    assert execute(["web-identity", "--role", ROLE]) == 64
    said = capsys.readouterr().err
    assert "is not the ARN of a role" in said
    assert "id-token: write" in said
