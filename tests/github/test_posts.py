"""One comment, one issue: put up once, kept up to date, whatever happens on the way."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from controller.core.errors import UsageError
from controller.github import plans, posts
from controller.github.api import Api, GitHubError
from tests.github.double import LOGIN, TOKEN, Double, serving


@pytest.fixture
def double() -> Iterator[Double]:
    with serving() as found:
        yield found


def api(double: Double, token: str = TOKEN) -> Api:
    return Api(double.address, "acme/models", token, pause=lambda _: None)


def say(double: Double, body: str, topic: str = "plan") -> str:
    return posts.comment(api(double), 7, body, topic, LOGIN)


def bodies(double: Double) -> list[str]:
    return [item["body"] for item in double.comments[7]]


def test_pushed_twice_is_one_comment(double: Double) -> None:
    for number in range(130):
        double.comment(7, f"chatter {number}", "ada")
    first = say(double, "one")
    assert say(double, "two") == first
    assert bodies(double)[130:] == ["<!-- hubwright:plan -->\ntwo"]
    assert [method for method, _ in double.changes()] == ["POST", "PATCH"]
    say(double, "two")
    assert len(double.changes()) == 2


def test_topics_have_comments_of_their_own(double: Double) -> None:
    say(double, "a", "plan")
    say(double, "b", "validate")
    assert bodies(double) == ["<!-- hubwright:plan -->\na", "<!-- hubwright:validate -->\nb"]
    with pytest.raises(UsageError, match="a topic has"):
        say(double, "x", "--> <b>")


def test_a_mark_that_somebody_copied_is_left_alone(double: Double) -> None:
    double.comment(7, "<!-- hubwright:plan -->\nfooled", "mallory")
    double.comment(7, "quoting <!-- hubwright:plan -->")
    say(double, "one")
    assert bodies(double)[:2] == ["<!-- hubwright:plan -->\nfooled", "quoting <!-- hubwright:plan -->"]
    assert len(bodies(double)) == 3


def test_two_left_by_runs_at_once_become_one(double: Double) -> None:
    double.comment(7, "<!-- hubwright:plan -->\nold")
    double.comment(7, "<!-- hubwright:plan -->\nolder")
    say(double, "one")
    assert bodies(double) == ["<!-- hubwright:plan -->\none"]


@pytest.mark.parametrize("status", [500, 502, 429])
def test_a_change_whose_answer_was_lost_is_not_made_twice(double: Double, status: int) -> None:
    double.late.append(status)
    say(double, "one")
    assert bodies(double) == ["<!-- hubwright:plan -->\none"]


def test_passing_faults_are_waited_out(double: Double) -> None:
    waited: list[float] = []
    patient = Api(double.address, "acme/models", TOKEN, pause=waited.append)
    double.faults += [(502, {}), (403, {"Retry-After": "7"}), (429, {"Retry-After": "9999"})]
    posts.comment(patient, 7, "one", "plan", LOGIN)
    assert waited == [2.0, 7.0, 60.0]
    assert bodies(double) == ["<!-- hubwright:plan -->\none"]


def test_a_server_that_stays_broken_is_an_error(double: Double) -> None:
    double.faults += [(500, {})] * 20
    with pytest.raises(GitHubError, match="failed: 500"):
        say(double, "one")
    assert len(double.requests) == 12


def test_what_is_not_allowed_is_said_without_the_token(double: Double) -> None:
    double.writable = False
    with pytest.raises(GitHubError, match="403 Resource not accessible") as refused:
        say(double, "one")
    assert "permissions" in refused.value.hint
    with pytest.raises(GitHubError, match="401 Bad credentials") as unknown:
        posts.comment(api(double, "ghs_wrong"), 7, "one", "plan", LOGIN)
    assert "ghs_" not in str(unknown.value) + repr(api(double))


def test_no_server_is_an_error() -> None:
    with serving() as double:
        gone = api(double)
    with pytest.raises(GitHubError, match="could not be reached"):
        posts.comment(gone, 7, "one", "plan", LOGIN)


@pytest.mark.parametrize("base", ["http://api.github.com", "https://a:b@api.github.com", "ftp://x", "https://x?y", ""])
def test_the_token_goes_over_https_only(base: str) -> None:
    with pytest.raises(UsageError, match="address"):
        Api(base, "acme/models", TOKEN)


@pytest.mark.parametrize("repository", ["", "acme", "acme/models/x", "a b/c", "../x", "acme/models?x"])
def test_a_repository_is_an_owner_and_a_name(repository: str) -> None:
    with pytest.raises(UsageError, match="OWNER/NAME"):
        Api("https://api.github.com", repository, TOKEN)


def test_pages_of_another_server_are_not_read(double: Double) -> None:
    with pytest.raises(GitHubError, match="another server"):
        api(double).download("https://evil.example/x")


def test_what_is_too_long_is_cut_and_says_so(double: Double) -> None:
    say(double, "<details><summary>a</summary>\n\n" + "- line of a list\n" * 10_000 + "</details>")
    (body,) = bodies(double)
    assert 60_000 < len(body) <= posts.ROOM
    assert body.count("<details>") == body.count("</details>")
    assert body.endswith("than GitHub lets a comment be._\n")
    assert "- line of a list\n\n</details>" in body or "- line of a list\n</details>" in body


def issue(double: Double, body: str, *, wanted: bool) -> str:
    return posts.issue(api(double), "Drift", body, "drift", LOGIN, wanted=wanted)


def test_one_issue_is_opened_kept_up_to_date_and_closed(double: Double) -> None:
    double.issue("Drift", "<!-- hubwright:drift -->\nnot ours", "mallory")
    assert issue(double, "nothing", wanted=False) == ""
    first = issue(double, "one", wanted=True)
    assert issue(double, "two", wanted=True) == first
    assert issue(double, "gone", wanted=False) == first
    assert [(item["body"], item["state"]) for item in double.issues] == [
        ("<!-- hubwright:drift -->\nnot ours", "open"),
        ("<!-- hubwright:drift -->\ngone", "closed"),
    ]
    assert issue(double, "again", wanted=True) != first


SHA, HEAD = "a" * 40, "b" * 40


def merged(double: Double, number: int = 7, repo: str = "acme/models") -> None:
    head = {"sha": HEAD, "repo": {"full_name": repo}}
    double.pulls.append({"number": number, "merged_at": "2026-11-22T12:00:00Z", "merge_commit_sha": SHA, "head": head})


def plans_of(double: Double) -> list[tuple[int, bytes]]:
    return list(plans.merged_plans(api(double), [SHA, "not a commit"], "hubwright-plan"))


def test_the_plan_of_what_was_merged_is_found(double: Double) -> None:
    merged(double)
    double.artifact(f"hubwright-plan-{HEAD}", HEAD, b"old")
    number = double.artifact(f"hubwright-plan-{HEAD}", HEAD, b"new")
    double.artifact(f"hubwright-plan-{HEAD}", HEAD, b"expired", expired=True)
    double.artifact(f"hubwright-plan-{HEAD}", "c" * 40, b"of another run")
    double.artifact("hubwright-plan-" + "c" * 40, "c" * 40, b"of another push")
    assert plans_of(double) == [(7, b"new")]
    assert [token for _, path, token in double.requests if path == f"/blob/{number}"] == [""]


def test_a_fork_has_no_plan(double: Double) -> None:
    merged(double, repo="mallory/models")
    double.artifact(f"hubwright-plan-{HEAD}", HEAD, b"new")
    assert plans_of(double) == []


def test_an_archive_that_is_none_is_an_error(double: Double) -> None:
    merged(double)
    number = double.artifact(f"hubwright-plan-{HEAD}", HEAD, b"new")
    double.archives[number] = b"PK nothing"
    with pytest.raises(GitHubError, match="not the archive"):
        plans_of(double)
