"""How many spokes one hub has room for: AWS's limits on documents, as `validate` counts them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.core.access.derive import derive
from controller.core.access.document import LIMITS, Document
from controller.core.access.troubles import troubles
from controller.core.manifests import Manifests
from controller.core.model import Target
from tests import bed as beds
from tests.bed import HUB, REGION
from tests.flows import MAIN, ci
from tests.granted import PLATFORM, role, spoke

ROOT = "arn:aws:iam::{}:root"
PUSHES = {"pattern": "push", "ci": ci({"push": [MAIN]})}
READER = "arn:aws:iam::555555555555:role/scoring-number-{:03}-of-very-many-in-one-account"
KEY = f"arn:aws:kms:{REGION}:{{}}:key/11111111-1111-4111-8111-111111111111"


def account(number: int) -> str:
    return f"{300_000_000_000 + number}"


def labs(count: int, buckets: int = 1, first: int = 0, **more: Any) -> dict[str, Any]:
    """Spokes that are alike but for their names, with a pattern of groups and one of repositories each."""
    made = {}
    for number in range(first, first + count):
        shape = {name: make(account(number)) if callable(make) else make for name, make in more.items()}
        lab = made[f"lab-{number:02}"] = spoke(f"lab-{number:02}", account(number), **shape)
        lab["spec"]["allow"]["buckets"] = [f"lab-{number:02}-models-{index}" for index in range(buckets)]
    return made


def fleet(folder: Any, spokes: dict[str, Any], *documents: dict[str, Any], **platform: Any) -> Manifests:
    others = {name: item for name, item in PLATFORM.items() if item["kind"] != "Spoke"}
    made = beds.manifests(folder, *documents, platform=others | platform | spokes)
    assert made.problems == ()
    return made


def mixed(folder: Any) -> Manifests:
    """Many with a role, many without, many that push; readers of every kind."""
    found = labs(25, 2, access=role) | labs(25, 2, 25) | labs(50, 2, 50, **PUSHES)
    for lab in found.values():
        lab["spec"]["allow"]["kmsKeyArns"] = [KEY.format(lab["spec"]["account"])]
    return fleet(folder, found, churn=readers([*found][:40]))


def readers(names: list[str]) -> dict[str, Any]:
    return {"kind": "ModelGroup", "metadata": {"name": "churn"}, "spec": {"readers": names}}


def follows(names: list[str]) -> list[dict[str, Any]]:
    return [
        {
            "kind": "Subscription",
            "metadata": {"name": f"follow-{name}"},
            "spec": {"from": {"spoke": name, "group": f"{name}-experiments"}, "to": {"group": "churn"}},
        }
        for name in names
    ]


def document(made: Manifests, kind: str, name: str) -> Document:
    return at_hub(derive(made))[kind, name]


def at_hub(documents: tuple[Document, ...]) -> dict[tuple[str, str], Document]:
    return {(item.key.kind, item.key.name): item for item in documents if item.key.target == Target(HUB, REGION)}


def purposes(item: Document) -> dict[str, Any]:
    return {sid.removeprefix("Hubwright")[:-6]: said for sid, said in item.statements.items()}


@pytest.mark.parametrize(
    "spokes",
    [
        pytest.param({"count": 60, "buckets": 3, "access": role}, id="with a role"),
        pytest.param({"count": 60}, id="without"),
        pytest.param({"count": 100, "buckets": 3}, id="without, and three buckets each"),
        pytest.param({"count": 60, "buckets": 3, **PUSHES}, id="that push"),
    ],
)
def test_so_many_spokes_have_one_hub(tmp_path, spokes):
    assert troubles(fleet(tmp_path, labs(**spokes))) == []


def test_all_kinds_of_spokes_are_beside_each_other(tmp_path):
    assert troubles(mixed(tmp_path)) == []


def test_spokes_that_push_are_principals_of_one_statement(tmp_path):
    register = document(fleet(tmp_path, labs(25, **PUSHES)), "role", "hubwright-register")
    said = purposes(register)
    own = {"aws:RequestTag/hubwright-spoke": ["${aws:PrincipalAccount}"]}
    assert set(said) == {f"TrustsHub{HUB}", "TrustsPush", "TagsPush"}
    assert said["TrustsPush"] == {
        "Action": ["sts:AssumeRole"],
        "Condition": {
            "ArnLike": {"aws:PrincipalArn": ["arn:aws:iam::*:role/hubwright-push"]},
            "StringEquals": {
                **own,
                "aws:PrincipalOrgID": ["o-hubwright01"],
                "sts:ExternalId": ["growth-central"],
            },
        },
        "Effect": "Allow",
        "Principal": {"AWS": [ROOT.format(account(number)) for number in range(25)]},
    }
    assert said["TagsPush"] == {
        "Action": ["sts:TagSession"],
        "Condition": {
            "StringEquals": {**own, "aws:PrincipalOrgID": ["o-hubwright01"]},
            "StringNotEquals": {"aws:PrincipalAccount": [HUB]},
        },
        "Effect": "Allow",
        "Principal": {"AWS": ["*"]},
    }
    assert len(register.origins) == 26


def test_where_principals_have_no_room_the_accounts_are_a_condition(tmp_path):
    said = purposes(document(fleet(tmp_path, labs(60, **PUSHES)), "role", "hubwright-register"))["TrustsPush"]
    assert said["Principal"] == {"AWS": ["*"]}
    assert said["Condition"]["StringEquals"] == {
        "aws:PrincipalAccount": [account(number) for number in range(60)],
        "aws:PrincipalOrgID": ["o-hubwright01"],
        "aws:RequestTag/hubwright-spoke": ["${aws:PrincipalAccount}"],
        "sts:ExternalId": ["growth-central"],
    }


def test_without_an_external_id_the_tag_is_let_set_with_the_role(tmp_path):
    hub = {**PLATFORM["central"], "spec": {**PLATFORM["central"]["spec"]}}
    hub["spec"]["access"] = {name: arn for name, arn in hub["spec"]["access"].items() if name != "externalId"}
    said = purposes(document(fleet(tmp_path, labs(25, **PUSHES), central=hub), "role", "hubwright-register"))
    assert set(said) == {f"TrustsHub{HUB}", "TrustsPush"}
    assert said["TrustsPush"]["Action"] == ["sts:AssumeRole", "sts:TagSession"]


def test_a_spoke_of_the_hubs_own_account_is_never_one_of_many(tmp_path):
    """In its own account a role needs nobody's leave: each of its buckets is named, and its pushers alone set the tag."""
    made = fleet(tmp_path, labs(60, 3, **PUSHES) | {"own": spoke("own", HUB, **PUSHES)})
    trust, may = (purposes(document(made, kind, "hubwright-register")) for kind in ("role", "role_policy"))
    named = {word: said for word, said in trust.items() if ROOT.format(HUB) in said["Principal"]["AWS"]}
    pushers = {"aws:PrincipalArn": ["arn:aws:iam::*:role/hubwright-push"]}
    assert {word: said["Condition"].get("ArnLike") for word, said in named.items()} == {
        f"TrustsHub{HUB}": None,
        "TrustsPush2": pushers,
        "TagsPush2": pushers,
    }
    tagged = {"aws:ResourceAccount": ["${aws:PrincipalTag/hubwright-spoke}"]}
    assert {word: (said["Resource"], said["Condition"]) for word, said in may.items() if "CopiesPushed" in word} == {
        "CopiesPushed": (
            ["arn:aws:s3:::*/*"],
            {"StringEquals": tagged, "StringNotEquals": {"aws:ResourceAccount": [HUB]}},
        ),
        "CopiesPushed2": (["arn:aws:s3:::own-models/*"], {"StringEquals": tagged}),
        "CopiesPushedLists": (
            ["arn:aws:s3:::*"],
            {"StringEquals": tagged, "StringNotEquals": {"aws:ResourceAccount": [HUB]}},
        ),
        "CopiesPushedLists2": (["arn:aws:s3:::own-models"], {"StringEquals": tagged}),
    }


def keyed(count: int, first: int = 0, **more: Any) -> dict[str, Any]:
    """Spokes whose buckets are encrypted with one key of an account that is no spoke."""
    found = labs(count, 3, first, **more)
    for lab in found.values():
        lab["spec"]["allow"]["kmsKeyArns"] = [KEY.format(account(999))]
    return found


@pytest.mark.parametrize("count", [2, 60])
def test_a_key_of_another_account_is_named_however_many_use_it(tmp_path, count):
    """That a thing is in the spoke's account is true of none of its uses."""
    made = fleet(tmp_path, keyed(count, **PUSHES) | keyed(count, 100))
    via = {"kms:ViaService": [f"s3.{REGION}.amazonaws.com"]}
    tagged = {"aws:PrincipalTag/hubwright-spoke": [account(number) for number in range(count)]}
    pulls = purposes(document(made, "role_policy", "hubwright-read"))["ReadsObjectsKeys"]
    copies = purposes(document(made, "role_policy", "hubwright-register"))
    key = [KEY.format(account(999))]
    assert (pulls["Resource"], pulls["Condition"]) == (key, {"StringEquals": via})
    assert (copies["CopiesFromKeys"]["Resource"], copies["CopiesFromKeys"]["Condition"]) == (
        key, {"StringEquals": via, "Null": {"aws:PrincipalTag/hubwright-spoke": ["true"]}},
    )  # fmt: skip
    assert (copies["CopiesPushedKeys"]["Resource"], copies["CopiesPushedKeys"]["Condition"]) == (
        key, {"StringEquals": via | tagged},
    )  # fmt: skip


def test_few_sources_are_named_and_many_are_their_accounts(tmp_path):
    few = purposes(document(fleet(tmp_path / "few", labs(10)), "role_policy", "hubwright-read"))
    many = purposes(document(fleet(tmp_path / "many", labs(60)), "role_policy", "hubwright-read"))
    names = [f"lab-{number:02}" for number in range(10)]
    assert few["ReadsObjects"]["Resource"] == [f"arn:aws:s3:::{name}-models-0/*" for name in names]
    assert few["PullsSources"]["Resource"] == [
        f"arn:aws:ecr:{REGION}:{account(number)}:repository/{name}/*" for number, name in enumerate(names)
    ]
    assert {word: said["Resource"] for word, said in many.items() if "Condition" in said and "Store" not in word} == {
        "PullsSources": [f"arn:aws:ecr:{REGION}:*:repository/*"],
        "ReadsObjects": ["arn:aws:s3:::*/*"],
        "ReadsObjectsLists": ["arn:aws:s3:::*"],
        "ReadsSources": [f"arn:aws:sagemaker:{REGION}:*:model-package/*"],
    }
    owners = {"StringEquals": {"aws:ResourceAccount": [account(number) for number in range(60)]}}
    assert many["ReadsSources"]["Condition"] == many["ReadsObjects"]["Condition"] == owners


def test_pushers_that_are_called_otherwise_are_named_apart(tmp_path):
    """Each account lets in its own alone."""
    two = fleet(tmp_path, labs(2, pattern="push"))
    named = fleet(tmp_path / "b", labs(1, **PUSHES)).spokes["lab-00"]
    made = document(replace(two, spokes={**two.spokes, "lab-00": named}), "role", "hubwright-register")
    found = {
        tuple(said["Principal"]["AWS"]): said["Condition"].get("ArnLike", {}).get("aws:PrincipalArn")
        for word, said in purposes(made).items()
        if "TrustsPush" in word
    }
    assert found == {
        (ROOT.format(account(0)),): ["arn:aws:iam::*:role/hubwright-push"],
        (ROOT.format(account(1)),): None,
    }


def test_what_others_read_and_send_has_room_for_sixty(tmp_path):
    """The store's bucket and key, a group, a repository, and the bus: one statement a purpose, however many ask."""
    names = [f"lab-{number:02}" for number in range(60)]
    hub = {**PLATFORM["central"], "spec": {**PLATFORM["central"]["spec"], "events": {"bus": "models"}}}
    hub["spec"]["stores"] = [{"name": "main", "bucket": beds.STORE, "kmsKeyArn": KEY.format(HUB)}]
    group = readers([*names, *(f"arn:aws:iam::{account(100 + number)}:role/scoring" for number in range(60))])
    made = fleet(tmp_path, labs(60, access=role), *follows(names), central=hub, churn=group)
    repository = f"models/{account(0)}/lab-00/serve"
    found = at_hub(derive(made, {("repository", HUB, REGION): frozenset({repository})}))
    assert troubles(made) == []
    for kind, name, said in (
        ("bucket_policy", beds.STORE, {"NeverDeletedmain", "Readers", "ReadersRole", "ReadersList", "ReadersListRole", "WrittenOncemain"}),
        ("bus_policy", "models", {"EventsOf"}),
        ("group_policy", "churn", {"ReadersDeploy", "ReadersDeployRole", "ReadersSee", "ReadersSeeRole"}),
        ("key_policy", KEY.format(HUB), {"HubLends", "HubReads", "HubWrites", "LooksAtKey", "Readers", "ReadersRole"}),
        ("repository_policy", repository, {"ReadersPull", "ReadersPullRole", "SageMakerPulls"}),
    ):  # fmt: skip
        item = found[kind, name]
        assert (set(purposes(item)), item.size <= LIMITS[kind]) == (said, True), (kind, item.size)
    events = purposes(found["bus_policy", "models"])["EventsOf"]
    assert events["Principal"] == {"AWS": [ROOT.format(account(number)) for number in range(60)]}
    assert events["Condition"]["ArnLike"] == {"aws:PrincipalArn": ["arn:aws:iam::*:role/hubwright-forward-central"]}


def test_where_there_is_no_room_it_is_said_what_to_do(tmp_path):
    """Which document, how long, how long it may be, and what helps; with its place."""
    pushing = fleet(tmp_path / "pushing", labs(80, **PUSHES))
    reading = fleet(tmp_path / "reading", labs(140))
    crowded = fleet(tmp_path / "crowded", labs(1, access=role), churn=readers([READER.format(n) for n in range(300)]))
    found = [item for made in (pushing, reading, crowded) for item in troubles(made)]
    assert {item.where for item in found} == {"metadata.name"}
    assert [(item.message, item.expected, (item.hint or "").partition(";")[0]) for item in found] == [
        (
            "the role of hubwright-register in 111111111111 would have 2156 characters",
            "at most 2048",
            "fewer spokes that push to one hub, or pushers that are called alike in all of them",
        ),
        (
            "the role policy of hubwright-read in 111111111111 would have 11084 characters",
            "at most 10240",
            "spokes that are read in a role of their own (spec.access.read), or another hub for some of them",
        ),
        (
            "the bucket policy of acme-model-store in 111111111111 would have 49175 characters",
            "at most 20480",
            "fewer readers, buckets or spokes in one place: another store, or another hub",
        ),
        (
            "the group policy of churn in 111111111111 would have 48782 characters",
            "at most 20480",
            "fewer readers, buckets or spokes in one place: another store, or another hub",
        ),
    ]
    assert "quota `Role trust policy length`" in (found[0].hint or "")
