"""A real HTTP server on loopback that answers as GitHub's API does, as far as Hubwright speaks to it."""

from __future__ import annotations

import io
import json
import re
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "ghs_double0000000000000000000000000000"
LOGIN = "github-actions[bot]"


@dataclass
class Double:
    """What the repository acme/models holds, and how it behaves: `faults` are answered first, one a request."""

    address: str = ""
    comments: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    issues: list[dict[str, Any]] = field(default_factory=list)
    pulls: list[dict[str, Any]] = field(default_factory=list)
    reviews: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    commits: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    activity: list[dict[str, Any]] | None = None  # None: this server, or this token, does not tell
    artifacts: list[dict[str, Any]] = field(default_factory=list)
    archives: dict[int, bytes] = field(default_factory=dict)
    heads: dict[str, str] = field(default_factory=dict)
    faults: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    late: list[int] = field(default_factory=list)  # answered with this status after the change was made
    requests: list[tuple[str, str, str]] = field(default_factory=list)  # method, path, Authorization
    writable: bool = True
    _number: int = 100

    def next(self) -> int:
        self._number += 1
        return self._number

    def comment(self, pull: int, body: str, login: str = LOGIN) -> dict[str, Any]:
        made = {"id": self.next(), "body": body, "user": {"login": login, "type": "Bot"}}
        made["html_url"] = f"https://github.example/acme/models/pull/{pull}#issuecomment-{made['id']}"
        self.comments.setdefault(pull, []).append(made)
        return made

    def issue(self, title: str, body: str, login: str = LOGIN) -> dict[str, Any]:
        made = {"number": self.next(), "title": title, "body": body, "state": "open", "user": {"login": login}}
        made["html_url"] = f"https://github.example/acme/models/issues/{made['number']}"
        self.issues.append(made)
        return made

    def artifact(self, name: str, sha: str, plan: bytes, *, expired: bool = False) -> int:
        """An artifact as `actions/upload-artifact` leaves it."""
        number = self.next()
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as archive:
            archive.writestr("plan.json", plan)
        self.archives[number] = data.getvalue()
        url = f"{self.address}/repos/acme/models/actions/artifacts/{number}/zip"
        run = {"head_sha": sha}
        self.artifacts.append(
            {"id": number, "name": name, "expired": expired, "archive_download_url": url, "workflow_run": run}
        )
        return number

    def changes(self) -> list[tuple[str, str]]:
        return [(method, path) for method, path, _ in self.requests if method != "GET"]

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        """Status and data; lists are cut into pages by the handler."""
        if method != "GET" and not self.writable:
            return 403, {"message": "Resource not accessible by integration"}
        for pattern, handle in _ROUTES:
            found = re.fullmatch(f"{method} /repos/acme/models/{pattern}", f"{method} {path}")
            if found:
                result: tuple[int, Any] = handle(self, *found.groups(), query, body)
                return result
        return 404, {"message": "Not Found"}


def _list_comments(double: Double, pull: str, query: Any, body: Any) -> tuple[int, Any]:
    return 200, double.comments.get(int(pull), [])


def _too_long(body: Any) -> bool:
    return len(body.get("body", "")) > 65_536


def _create_comment(double: Double, pull: str, query: Any, body: Any) -> tuple[int, Any]:
    if _too_long(body):
        return 422, {"message": "Validation Failed: body is too long (maximum is 65536 characters)"}
    return 201, double.comment(int(pull), body["body"])


def _comments(double: Double) -> Iterator[tuple[list[dict[str, Any]], dict[str, Any]]]:
    for listed in double.comments.values():
        yield from ((listed, item) for item in listed)


def _change_comment(double: Double, number: str, query: Any, body: Any) -> tuple[int, Any]:
    if _too_long(body):
        return 422, {"message": "Validation Failed: body is too long (maximum is 65536 characters)"}
    for _, item in _comments(double):
        if item["id"] == int(number):
            item["body"] = body["body"]
            return 200, item
    return 404, {"message": "Not Found"}


def _delete_comment(double: Double, number: str, query: Any, body: Any) -> tuple[int, Any]:
    for listed, item in [*_comments(double)]:
        if item["id"] == int(number):
            listed.remove(item)
            return 204, None
    return 404, {"message": "Not Found"}


def _list_issues(double: Double, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
    wanted = query.get("state", ["open"])[0]
    pulls = [
        {"number": item["number"], "body": "", "user": {"login": "x"}, "pull_request": {}} for item in double.pulls
    ]
    return 200, [*pulls, *(item for item in double.issues if wanted in ("all", item["state"]))]


def _create_issue(double: Double, query: Any, body: Any) -> tuple[int, Any]:
    return 201, double.issue(body["title"], body["body"])


def _change_issue(double: Double, number: str, query: Any, body: Any) -> tuple[int, Any]:
    for item in double.issues:
        if item["number"] == int(number):
            item.update(body)
            return 200, item
    return 404, {"message": "Not Found"}


def _pulls_of(double: Double, commit: str, query: Any, body: Any) -> tuple[int, Any]:
    return 200, [item for item in double.pulls if commit in (item["merge_commit_sha"], item["head"]["sha"])]


def _pull(double: Double, number: str, query: Any, body: Any) -> tuple[int, Any]:
    found = [item for item in double.pulls if item["number"] == int(number)]
    return (200, found[0]) if found else (404, {"message": "Not Found"})


def _reviews(double: Double, number: str, query: Any, body: Any) -> tuple[int, Any]:
    return 200, double.reviews.get(int(number), [])


def _commits(double: Double, number: str, query: Any, body: Any) -> tuple[int, Any]:
    return 200, double.commits.get(int(number), [])[:250]  # GitHub lists no more


def _activity(double: Double, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
    if double.activity is None:
        return 403, {"message": "Resource not accessible by integration"}
    return 200, [item for item in double.activity if item["ref"] == query["ref"][0]]


def _artifacts(double: Double, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
    name = query.get("name", [""])[0]
    found = [item for item in double.artifacts if name in ("", item["name"])]
    return 200, {"total_count": len(found), "artifacts": found}


def _head(double: Double, branch: str, query: Any, body: Any) -> tuple[int, Any]:
    return (200, {"sha": double.heads[branch]}) if branch in double.heads else (404, {"message": "Not Found"})


_ROUTES: list[tuple[str, Any]] = [
    (r"issues/(\d+)/comments", _list_comments),
    (r"issues", _list_issues),
    (r"commits/([0-9a-f]+)/pulls", _pulls_of),
    (r"commits/heads/([^/]+)", _head),
    (r"pulls/(\d+)", _pull),
    (r"pulls/(\d+)/reviews", _reviews),
    (r"pulls/(\d+)/commits", _commits),
    (r"activity", _activity),
    (r"actions/artifacts", _artifacts),
]
_WRITES: dict[tuple[str, str], Any] = {
    ("POST", r"issues/(\d+)/comments"): _create_comment,
    ("PATCH", r"issues/comments/(\d+)"): _change_comment,
    ("DELETE", r"issues/comments/(\d+)"): _delete_comment,
    ("POST", r"issues"): _create_issue,
    ("PATCH", r"issues/(\d+)"): _change_issue,
}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    double: Double

    def log_message(self, *_: Any) -> None:
        """Quiet."""

    def handle_one(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        token = self.headers.get("Authorization", "")
        self.double.requests.append((self.command, parts.path, token))
        if self.double.faults:
            status, headers = self.double.faults.pop(0)
            return self.reply(status, {"message": "fault"}, headers)
        if parts.path.startswith("/blob/"):
            return self.raw(self.double.archives[int(parts.path.rpartition("/")[2])])
        if token != f"Bearer {TOKEN}":
            return self.reply(401, {"message": "Bad credentials"})
        if found := re.fullmatch(r"/repos/acme/models/actions/artifacts/(\d+)/zip", parts.path):
            return self.reply(302, None, {"Location": f"{self.double.address}/blob/{found.group(1)}"})
        status, data = self.answered(parts.path, parse_qs(parts.query), json.loads(body) if body else None)
        if self.command != "GET" and self.double.late:
            return self.reply(self.double.late.pop(0), {"message": "late"})
        return self.paged(status, data, parts.path, parse_qs(parts.query))

    def answered(self, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        if self.command == "GET":
            return self.double.answer("GET", path, query, body)
        if not self.double.writable:
            return 403, {"message": "Resource not accessible by integration"}
        for (method, pattern), handle in _WRITES.items():
            found = re.fullmatch(f"/repos/acme/models/{pattern}", path)
            if method == self.command and found:
                result: tuple[int, Any] = handle(self.double, *found.groups(), query, body)
                return result
        return 404, {"message": "Not Found"}

    def paged(self, status: int, data: Any, path: str, query: dict[str, list[str]]) -> None:
        if not isinstance(data, list):
            return self.reply(status, data)
        size, page = min(100, int(query.get("per_page", ["30"])[0])), int(query.get("page", ["1"])[0])
        more = len(data) > page * size
        kept = "&".join(f"{name}={value[0]}" for name, value in query.items() if name != "page")
        link = {"Link": f'<{self.double.address}{path}?{kept}&page={page + 1}>; rel="next"'} if more else {}
        return self.reply(status, data[(page - 1) * size : page * size], link)

    def reply(self, status: int, data: Any, headers: dict[str, str] | None = None) -> None:
        body = b"" if data is None else json.dumps(data).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def raw(self, data: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PATCH = do_DELETE = handle_one  # noqa: N815


@contextmanager
def serving() -> Iterator[Double]:
    """The double, at `double.address`."""
    double = Double()
    handler = type("Handler", (_Handler,), {"double": double})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    double.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield double
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
