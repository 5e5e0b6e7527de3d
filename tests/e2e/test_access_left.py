"""What stays behind: a spoke that is Retired or gone, readers and groups that are no longer asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from controller.core.access.left import remains
from controller.core.access.statement import is_ours
from controller.core.canonical import canonical
from controller.sandbox.world import Account
from tests import flows
from tests.admins import Admins
from tests.bed import CHURN, HUB, REGION, STORE, VISION, manifests, promotion, standing
from tests.flows import EDGE, READER, SCORING
from tests.granted import PLATFORM, Granted, role, spoke


def platform(**more: dict[str, Any] | None) -> dict[str, Any]:
    """A spoke without a role that is followed, one with a role, one that pushes; a group with a reader."""
    hub = json.loads(json.dumps(PLATFORM["central"]))
    hub["spec"]["events"] = {"bus": "models"}
    found: dict[str, Any] = PLATFORM | {
        "central": hub,
        "churn": group("churn", READER),
        "churn-lab": spoke("churn-lab", CHURN),
        "edge-lab": spoke("edge-lab", EDGE, access=role(EDGE)),
        "vision-lab": spoke("vision-lab", VISION, pattern="push"),
    }
    return {name: item for name, item in (found | more).items() if item is not None}


def group(name: str, *readers: str) -> dict[str, Any]:
    return {"kind": "ModelGroup", "metadata": {"name": name}, "spec": {"readers": list(readers)}}


def retired(name: str) -> dict[str, Any]:
    found = json.loads(json.dumps(platform()[name]))
    found["spec"]["state"] = "Retired"
    return dict(found)


def wish(name: str) -> dict[str, Any]:
    return promotion(f"{name}-1", spoke=name, source=f"{name}-experiments")


FOLLOW = {
    "kind": "Subscription",
    "metadata": {"name": "follow"},
    "spec": {"from": {"spoke": "churn-lab", "group": "churn-lab-experiments", "versions": ">=9"}, "to": {"group": "churn"}},
}  # fmt: skip
TEAM = (wish("churn-lab"), wish("edge-lab"), wish("vision-lab"), FOLLOW)


@pytest.fixture(scope="module")
def first(tmp_path_factory) -> Granted:
    patch = pytest.MonkeyPatch()
    patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    patch.delenv("AWS_SESSION_TOKEN", raising=False)
    admins = Admins(Account(EDGE, "edge-lab"), Account(SCORING, "scoring"))
    found = Granted(tmp_path_factory.mktemp("fleet"), TEAM, platform(), admins)
    admins.bucket(HUB, STORE)
    for name, account in (("churn-lab", CHURN), ("edge-lab", EDGE), ("vision-lab", VISION)):
        found.source(name, account)
    flows._scoring(admins)
    found.apply(HUB, CHURN, VISION, EDGE)
    found.push("vision-lab")
    report = found.run()
    assert [standing(report, f"{name}-lab-1") for name in ("churn", "edge", "vision")] == ["converged"] * 3
    found.apply(HUB)
    patch.undo()
    return found


@pytest.fixture
def made(first) -> Iterator[Granted]:
    with first.tried() as found:
        yield found


def live(world: Granted) -> dict[tuple[str, str], Any]:
    """All statements of ours in the hub's account, by where they stand and their Sid."""
    state = world.admins.world
    iam = state.iam_of(HUB)
    texts = {f"trust {name}": found.trust for name, found in iam.roles.items()}
    texts |= {f"role {name}": text for name, found in iam.roles.items() for text in found.inline.values()}
    texts |= {
        f"bucket {name}": found.settings.get("policy", b"").decode()
        for name, found in state.buckets.items()
        if found.owner == HUB
    }
    texts |= {f"repository {name}": found.policy for name, found in state.registry_of(HUB, REGION).repositories.items()}
    texts |= {f"group {name}": found.policy for name, found in state.models_of(HUB, REGION).groups.items()}
    texts |= {f"bus {name}": found.policy for name, found in state.buses_of(HUB, REGION).buses.items()}
    texts |= {
        f"queue {name}": found.attributes.get("Policy")
        for (account, _, name), found in state.queues.items()
        if account == HUB
    }
    return {
        (place, said["Sid"]): said
        for place, text in texts.items()
        for said in (json.loads(text)["Statement"] if text else ())
        if is_ours(said.get("Sid"), "growth")
    }


def about(world: Granted, *words: str) -> set[str]:
    """Where in the hub something is said of an account, or of what is in it."""
    return {place for (place, _), said in live(world).items() if any(word in canonical(said) for word in words)}


SAID = {
    "churn-lab": {"role hubwright-read", "role hubwright-register", "bus models"},
    "edge-lab": {"role hubwright-register", "role hubwright-worker"},
    "vision-lab": {"role hubwright-register", "trust hubwright-register"},
}
ACCOUNTS = {"churn-lab": CHURN, "edge-lab": EDGE, "vision-lab": VISION}


@pytest.mark.parametrize("gone", ["Retired", "removed"])
@pytest.mark.parametrize("name", ACCOUNTS)
def test_nothing_in_the_hub_is_for_a_spoke_that_is_gone(made, tmp_path, name, gone):
    words = (ACCOUNTS[name], f"{name}-models")
    assert about(made, *words) == SAID[name]
    team = TEAM if gone == "Retired" else [item for item in TEAM if name not in json.dumps(item)]
    made.fleet = manifests(tmp_path, *team, platform=platform(**{name: retired(name) if gone == "Retired" else None}))
    assert made.fleet.problems == ()
    made.apply(HUB)
    assert about(made, *words) == set()
    assert made.admins.plan(HUB, made.fleet).plan.actions == ()


def test_what_was_promoted_from_a_retired_spoke_is_still_deployed(made, tmp_path):
    """Its versions are judged from the hub as before, and their readers go on reading."""
    gone = {name: retired(name) for name in ACCOUNTS}
    made.fleet = manifests(tmp_path, *TEAM, platform=platform(**gone))
    made.apply(HUB)
    flows.deployed_by_readers(made)
    report = made.run()
    assert [standing(report, f"{name}-lab-1") for name in ("churn", "edge", "vision")] == ["converged"] * 3


@pytest.mark.parametrize("group_left", [group("churn"), None], ids=["readers", "group"])
def test_readers_that_are_no_longer_asked_for_read_nothing(made, tmp_path, group_left):
    assert len(about(made, SCORING)) == 5, "the store, the group, and a repository of each spoke"
    team = TEAM if group_left else ()
    made.fleet = manifests(tmp_path, *team, platform=platform(churn=group_left))
    made.apply(HUB)
    assert about(made, SCORING) == set()
    assert made.admins.plan(HUB, made.fleet).plan.actions == ()


REMAINS = {
    "churn-lab": "the policies of the groups churn-lab-*; the policies of the repositories churn-lab/*; the policy of the "
    "bucket churn-lab-models; the queue hubwright-forward-central-dead; the role hubwright-forward-central; the rule "
    "hubwright-forward-central",
    "edge-lab": "the policy of the bucket edge-lab-models; the role hubwright-read",
    "vision-lab": "the policy of the bucket vision-lab-models",
}  # fmt: skip


@pytest.mark.parametrize("name", ACCOUNTS)
def test_what_stays_in_a_retired_spokes_account_is_named_in_one_line(tmp_path, name):
    assert remains(manifests(tmp_path / "a", *TEAM, platform=platform())) == ()
    (said,) = remains(manifests(tmp_path / "b", *TEAM, platform=platform(**{name: retired(name)})))
    assert (said.about, said.standing) == (ACCOUNTS[name], "deferred")
    assert said.why == f"the spoke {name} is Retired and not looked at; what access made there stays: {REMAINS[name]}"


def test_a_promotion_whose_manifest_is_removed_stays_deployed(made, tmp_path):
    """To remove a manifest takes nothing away: the reader that the group still names goes on pulling the image."""
    before = live(made)
    made.fleet = manifests(tmp_path / "a", platform=platform())
    made.apply(HUB)
    kept = {place: said for place, said in live(made).items() if place[0].startswith("repository ")}
    assert kept == {place: said for place, said in before.items() if place[0].startswith("repository ")}
    assert len(kept) == 6
    flows.deployed_by_readers(made)
    assert made.admins.plan(HUB, made.fleet).plan.actions == ()
    made.fleet = manifests(tmp_path / "b", platform=platform(churn=group("churn")))
    made.apply(HUB)
    assert about(made, SCORING) == set()


def test_a_reader_whom_the_group_names_no_more_pulls_no_more_whatever_other_groups_it_reads(made, tmp_path):
    """The other group has no version from these spokes."""
    both = platform(other=group("other", READER))
    made.fleet = manifests(tmp_path / "a", *TEAM, platform=both)
    made.apply(HUB)
    made.fleet = manifests(tmp_path / "b", *TEAM, platform=both | {"churn": group("churn")})
    made.apply(HUB)
    assert about(made, SCORING) == {f"bucket {STORE}"}
    assert made.admins.plan(HUB, made.fleet).plan.actions == ()


def test_where_versions_cannot_be_read_nobody_stops_pulling(made, tmp_path):
    made.fleet = manifests(tmp_path, platform=platform(other=group("other")))
    made.admins.world.fault(operation="Search", do="fail", status=400, code="AccessDeniedException", times=0)
    report = made.admins.apply(HUB, made.fleet)
    assert [(item.about, item.standing) for item in report.others] == [(f"{HUB}/{REGION}", "unknown")]
    assert "which images are of live versions is not known" in report.others[0].why
    made.admins.world.faults.clear()
    flows.deployed_by_readers(made)
