"""Push: a spoke's own run registers, the hub's own run approves; neither is a failure without the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from controller.sandbox.server import Serving
from tests.cli.conftest import Command, Repo
from tests.cli.spokes import CHURN, HUB, Hand
from tests.cli.test_flow import status

Hands = Callable[[str], Hand]
PUSHES = "spec:\n  pattern: push\n"


@pytest.fixture
def pushing(repo: Repo) -> Repo:
    repo.edit("platform/spoke-churn-lab.yaml", "spec:\n", PUSHES)
    return repo


def rows(said: Any) -> dict[str, str]:
    return {row["name"]: row["standing"] for row in said.json["promotions"]}


@pytest.fixture
def spoke(hubwright: Command, serving: Serving, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command in the spoke's CI: with the spoke's own credentials, then back to the hub's."""
    ready = serving.ready()

    def command(name: str, *arguments: object) -> Any:
        with monkeypatch.context() as there:
            for key, value in {**ready["env"], **ready["accounts"][CHURN]["env"]}.items():
                there.setenv(key, value)
            return hubwright(name, "--as", "spoke=churn-lab", *arguments)

    return command


def test_the_spoke_registers_and_the_hub_approves(
    pushing: Repo, spoke: Command, live: Command, serving: Serving, hand: Hands
) -> None:
    hub = live("reconcile", "--scope", "spoke=churn-lab", "--format", "json")
    assert (hub.code, set(rows(hub).values())) == (0, {"deferred"})
    assert not [call for call in serving.world.calls if call.account == CHURN]

    planned = spoke("plan", "--format", "json")
    kinds = {(item["verb"], item["key"].split("/")[2]) for item in planned.json["actions"]}
    assert (planned.code, ("update", "approval") in kinds, ("create", "package") in kinds) == (0, False, True)
    before = len(serving.world.calls)
    pushed = spoke("reconcile", "--format", "json")
    assert (pushed.code, rows(pushed)["churn-1"]) == (0, "deferred")
    assert set(status(hand, "churn").values()) == {"PendingManualApproval"}
    writes = [call for call in serving.world.calls[before:] if call.operation == "CreateModelPackage"]
    assert {call.account for call in writes} == {HUB}
    assert "UpdateModelPackage" not in {call.operation for call in serving.world.calls[before:]}
    again = len(serving.world.mutations())
    assert spoke("reconcile").code == 0
    assert len(serving.world.mutations()) == again

    done = live("reconcile", "--scope", "spoke=churn-lab", "--format", "json")
    assert (done.code, rows(done)["churn-1"]) == (0, "converged")
    assert sorted(status(hand, "churn").values()) == ["Approved", "PendingManualApproval"]
    assert spoke("plan", "--format", "json").json["summary"]["actions"] == 0


def test_the_hubs_guards_on_approving_do_not_fail_the_spoke(pushing: Repo, spoke: Command, live: Command) -> None:
    pushing.edit("teams/growth/churn-1.yaml", "approval: Approved", "approval: Approved\n  artifacts: reference")
    said = spoke("reconcile", "--format", "json")
    assert (said.code, rows(said)["churn-1"]) == (0, "deferred")
    hub = live("reconcile", "--scope", "spoke=churn-lab", "--format", "json")
    assert (hub.code, rows(hub)["churn-1"]) == (4, "blocked")


def test_a_guard_on_the_whole_promotion_blocks_the_spoke_too(pushing: Repo, spoke: Command, hand: Hands) -> None:
    pushing.edit("platform/guardrails-production.yaml", "requireLock: false", "requireLock: true ")
    said = spoke("reconcile", "--format", "json")
    assert (said.code, rows(said)["churn-1"]) == (4, "blocked")


def test_what_was_never_promoted_is_not_half_done_by_the_hub(
    pushing: Repo, spoke: Command, live: Command, serving: Serving, hand: Hands
) -> None:
    serving.world.fault(operation="CreateModelPackage", do="fail", status=400, code="AccessDeniedException", times=9)
    assert spoke("reconcile").code == 5  # copied and recorded, not registered
    hub = live("reconcile", "--scope", "spoke=churn-lab", "--format", "json")
    assert (hub.code, set(rows(hub).values())) == (0, {"deferred"})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--as", "churn-lab"), "is not spoke=NAME"),
        (("--as", "spoke=other"), "there is no Spoke of that name"),
        (("--as", "spoke=vision-lab"), "it is read by the hub's run (pattern: pull)"),
        (("--as", "spoke=churn-lab", "--scope", "spoke=vision-lab"), "does nothing for --scope spoke=vision-lab"),
    ],
)
def test_wrong_words_are_usage_errors(pushing: Repo, live: Command, arguments: tuple[str, ...], said: str) -> None:
    found = live("plan", *arguments)
    assert (found.code, said in found.err) == (64, True)


def test_other_credentials_than_the_spokes_are_refused(pushing: Repo, live: Command, serving: Serving) -> None:
    found = live("reconcile", "--as", "spoke=churn-lab")
    assert (found.code, "account 222222222222 was expected" in found.err) == (1, True)
    assert not serving.world.mutations()


def test_followed_versions_are_pushed_too(pushing: Repo, spoke: Command, live: Command, hand: Hands) -> None:
    pushing.commit(
        teams__growth__follow="apiVersion: hubwright.io/v1beta1\nkind: Subscription\nmetadata: {name: follow}\n"
        "spec:\n  from: {spoke: churn-lab, group: churn-experiments, versions: '>=3'}\n  to: {group: churn}\n"
    )
    hub = live("reconcile", "--scope", "promotion=follow", "--format", "json")
    assert (hub.code, [(item["about"], item["standing"]) for item in hub.json["findings"]]) == (
        0,
        [("follow", "deferred")],
    )
    assert (spoke("reconcile", "--scope", "promotion=follow").code, list(status(hand, "churn").values())) == (
        0,
        ["PendingManualApproval"],
    )


LOCK = "manifests/teams/growth/churn-3.lock.yaml"


def test_the_spoke_promotes_and_locks_what_nobody_else_reads(
    pushing: Repo, spoke: Command, live: Command, serving: Serving
) -> None:
    asked = ["churn-lab/churn-experiments/3", "--to", "churn"]
    said = live("promote", *asked)
    assert said.code == 1
    assert said.out.splitlines() == [
        "churn-3: deferred: the spoke churn-lab pushes: it is not read from here",
        "    hint: with the spoke's own credentials: --as spoke=churn-lab",
        "nothing was written",
    ]
    assert spoke("promote", *asked).out == f"written: {LOCK.replace('.lock', '')}\nwritten: {LOCK}\n"
    written = (pushing.top / LOCK).read_text()
    (pushing.top / LOCK).unlink()
    said = spoke("lock")
    assert [line.split(":")[0] for line in said.out.splitlines()] == ["churn-1", "churn-2", "churn-3"]
    assert said.code == 0
    assert taken(written) == taken((pushing.top / LOCK).read_text())
    assert spoke("lock", "--check").code == 0
    assert {call.account for call in serving.world.mutations()} == set()
    pushing.edit("platform/guardrails-production.yaml", "requireLock: false", "requireLock: true ")
    assert rows(spoke("reconcile", "--format", "json"))["churn-3"] == "converged"


def taken(lock: str) -> list[str]:
    """A lock without the time at which it was made."""
    return [line for line in lock.splitlines() if "resolved:" not in line]


def test_a_lock_as_a_spoke_needs_the_spokes_credentials(pushing: Repo, live: Command) -> None:
    said = live("lock", "--as", "spoke=churn-lab")
    assert (said.code, said.out) == (1, "")
    assert f"account {CHURN} was expected, but the credentials are of account {HUB}" in said.err
    assert not (pushing.top / LOCK).exists()
