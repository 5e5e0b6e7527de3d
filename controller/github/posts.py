"""One comment of a pull request and one issue of a repository, kept up to date in place.

Each carries a mark that no reader sees. Only what our own login wrote is ever changed: a mark is easily copied.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from controller.core.errors import UsageError
from controller.github.api import Api, GitHubError

ROOM = 65_536  # characters of a comment or an issue
_CUT = "\n\n_This is not all of it: it was longer than GitHub lets a comment be._\n"
_TOPIC = re.compile(r"[a-z0-9-]{1,40}")
_TRIES = 3
Done = TypeVar("Done")
Post = Mapping[str, Any]


def comment(api: Api, pull: int, body: str, topic: str, login: str) -> str:
    """Puts the one comment on `topic` up, or brings it up to date; gives its address.

    Others of ours on the same topic, as two runs at once may have left, are taken away.
    """
    text = fitted(_mark(topic), body)

    def attempt() -> Post:
        mine = list(_ours(api.all(f"issues/{pull}/comments"), topic, login))
        if not mine:
            return _post(api.send("POST", f"issues/{pull}/comments", {"body": text}))
        first, *more = mine
        for other in more:
            api.send("DELETE", f"issues/comments/{int(other['id'])}")
        if first["body"] == text:
            return first
        return _post(api.send("PATCH", f"issues/comments/{int(first['id'])}", {"body": text}))

    return str(_patiently(api, attempt).get("html_url", ""))


def issue(api: Api, title: str, body: str, topic: str, login: str, *, wanted: bool) -> str:
    """Opens the one issue on `topic`, brings it up to date, or closes it when it is not `wanted`; gives its address."""
    text = fitted(_mark(topic), body)

    def attempt() -> Post:
        every = (item for item in api.all("issues?state=open") if "pull_request" not in item)
        mine = list(_ours(every, topic, login))
        if not mine:
            return _post(api.send("POST", "issues", {"title": title, "body": text})) if wanted else {}
        first, *more = mine
        for other in more:
            api.send("PATCH", f"issues/{int(other['number'])}", {"state": "closed"})
        change = {"body": text} | ({} if wanted else {"state": "closed", "state_reason": "completed"})
        return _post(api.send("PATCH", f"issues/{int(first['number'])}", change))

    return str(_patiently(api, attempt).get("html_url", ""))


def fitted(mark: str, body: str) -> str:
    """The text below its mark, cut at a line where it is too long, with what was open closed and a word about it."""
    whole = f"{mark}\n{body}"
    if len(whole) <= ROOM:
        return whole
    kept = whole[: ROOM - len(_CUT) - 64].rpartition("\n")[0]
    fence = "\n```" * (sum(line.startswith("```") for line in kept.splitlines()) % 2)
    open_details = "\n</details>" * max(0, kept.count("<details>") - kept.count("</details>"))
    return f"{kept}{fence}{open_details[: 2 * len('</details>') + 2]}{_CUT}"


def _mark(topic: str) -> str:
    if not _TOPIC.fullmatch(topic):
        raise UsageError("a topic has lower-case letters, digits and hyphens", "such as plan")
    return f"<!-- hubwright:{topic} -->"


def _ours(posts: Iterable[Post], topic: str, login: str) -> Iterator[Post]:
    mark = _mark(topic)
    for post in posts:
        if str(post.get("body") or "").startswith(mark) and (post.get("user") or {}).get("login") == login:
            yield post


def _post(found: Any) -> Post:
    return found if isinstance(found, dict) else {}


def _patiently(api: Api, attempt: Callable[[], Done]) -> Done:
    """Tries the whole of it again after a passing fault: what the lost try did is then seen, and not done twice."""
    for number in range(1, _TRIES):
        try:
            return attempt()
        except GitHubError as error:
            if error.status and error.status < 500 and error.status != 429:
                raise
            api.pause(2.0**number)
    return attempt()
