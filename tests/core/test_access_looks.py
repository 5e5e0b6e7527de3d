"""Who may look at what access has brought about: the role that reads an account, at that account's documents."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from controller.core.access.derive import derive
from controller.core.access.document import LIMITS
from controller.core.access.troubles import troubles
from controller.core.manifests import Manifests
from tests import bed as beds
from tests.admins import full
from tests.bed import CHURN, HUB, REGION, VISION
from tests.granted import PLATFORM, role, spoke

FAR = "999999999999"
KEY = f"arn:aws:kms:{REGION}:{{}}:key/11111111-1111-4111-8111-111111111111"


def looks(manifests: Manifests) -> dict[tuple[str, str, str], tuple[list[str], list[str]]]:
    """The statements by (account, document, purpose): actions and resources, or principals' conditions."""
    found = {}
    for item in derive(manifests):
        for sid, said in item.statements.items():
            purpose = sid.removeprefix("Hubwright")[:-6]
            if purpose.startswith("LooksAt"):
                assert said.get("Principal", {"AWS": [root(item.key.target.account)]}) == {
                    "AWS": [root(item.key.target.account)]
                }
                who = said.get("Condition", {}).get("ArnEquals", {}).get("aws:PrincipalArn")
                found[item.key.target.account, item.key.name, purpose] = (said["Action"], who or said["Resource"])
    return found


def root(account: str) -> str:
    return f"arn:aws:iam::{account}:root"


def fleet(tmp_path: Any, **more: dict[str, Any]) -> Manifests:
    made = beds.manifests(tmp_path, platform=PLATFORM | more)
    assert made.problems == ()
    return made


def hub(**more: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(PLATFORM["central"]))
    found["spec"] |= more
    return found


def test_each_account_is_looked_at_by_its_own_reader_exactly(tmp_path):
    churn = spoke("churn-lab", CHURN, access=role(CHURN))
    churn["spec"]["allow"]["kmsKeyArns"] = [KEY.format(CHURN), KEY.format(FAR)]
    readers = {"kind": "ModelGroup", "metadata": {"name": "churn"}, "spec": {"readers": ["churn-lab"]}}
    store = {"name": "main", "bucket": beds.STORE, "kmsKeyArn": KEY.format(HUB)}
    made = fleet(tmp_path, central=hub(stores=[store]), churn=readers, **{"churn-lab": churn})
    roles = [f"arn:aws:iam::{HUB}:role/hubwright-{word}" for word in ("approve", "read", "register")]
    own, theirs = "hubwright-read", f"arn:aws:iam::{CHURN}:role/hubwright-read"
    assert looks(made) == {
        (HUB, own, "LooksAtBuckets"): (["s3:GetBucketPolicy"], [f"arn:aws:s3:::{beds.STORE}"]),
        (HUB, own, "LooksAtRepositories"): (
            ["ecr:GetRepositoryPolicy"],
            [f"arn:aws:ecr:{REGION}:{HUB}:repository/models/*"],
        ),
        (HUB, own, "LooksAtGroups"): (
            ["sagemaker:GetModelPackageGroupPolicy"],
            [f"arn:aws:sagemaker:{REGION}:{HUB}:model-package-group/churn"],
        ),
        (HUB, own, "LooksAtKeys"): (["kms:GetKeyPolicy"], [KEY.format(HUB)]),
        (HUB, own, "LooksAtRoles"): (["iam:GetRole", "iam:GetRolePolicy"], roles),
        (HUB, KEY.format(HUB), "LooksAtKey"): (["kms:GetKeyPolicy"], [roles[1]]),
        (CHURN, own, "LooksAtBuckets"): (["s3:GetBucketPolicy"], ["arn:aws:s3:::churn-lab-models"]),
        (CHURN, own, "LooksAtKeys"): (["kms:GetKeyPolicy"], [KEY.format(CHURN)]),
        (CHURN, own, "LooksAtRoles"): (["iam:GetRole", "iam:GetRolePolicy"], [theirs]),
        (CHURN, KEY.format(CHURN), "LooksAtKey"): (["kms:GetKeyPolicy"], [theirs]),
    }


@pytest.mark.parametrize("more", [{}, {"pattern": "push"}])
def test_nobody_of_another_account_looks_into_a_spoke_without_a_reader_of_its_own(tmp_path, more):
    made = fleet(tmp_path, **{"vision-lab": spoke("vision-lab", VISION, **more)})
    assert {account for account, _, _ in looks(made)} == {HUB}


def test_a_spoke_in_the_hubs_account_is_looked_at_with_the_hubs_role_and_no_repository_without_readers(tmp_path):
    own = role(HUB) | {"read": f"arn:aws:iam::{HUB}:role/local-read"}
    found = looks(fleet(tmp_path, local=spoke("local", HUB, access=own)))
    assert sorted(found) == [
        (HUB, "hubwright-read", "LooksAtBuckets"),
        (HUB, "hubwright-read", "LooksAtGroups"),
        (HUB, "hubwright-read", "LooksAtRoles"),
    ]
    assert own["read"] in found[HUB, "hubwright-read", "LooksAtRoles"][1]


def test_a_key_by_its_alias_is_resolved_under_that_alias_alone(tmp_path):
    alias = f"arn:aws:kms:{REGION}:{HUB}:alias/models"
    made = fleet(tmp_path, central=hub(stores=[{"name": "main", "bucket": beds.STORE, "kmsKeyArn": alias}]))
    policy = next(one for one in derive(made) if one.key.kind == "role_policy" and one.key.name == "hubwright-read")
    found = next(said for sid, said in policy.statements.items() if "LooksAtKeysNamed" in sid)
    assert found == {
        "Action": ["kms:DescribeKey", "kms:GetKeyPolicy"],
        "Condition": {"ForAnyValue:StringEquals": {"kms:ResourceAliases": ["alias/models"]}},
        "Effect": "Allow",
        "Resource": [f"arn:aws:kms:{REGION}:{HUB}:key/*"],
    }


def test_many_groups_are_not_named_one_by_one(tmp_path):
    groups = {f"g{n}": {"kind": "ModelGroup", "metadata": {"name": f"g{n}"}, "spec": {}} for n in range(20)}
    found = looks(fleet(tmp_path, **groups))[HUB, "hubwright-read", "LooksAtGroups"]
    assert found[1] == [f"arn:aws:sagemaker:{REGION}:{HUB}:model-package-group/*"]


def test_where_a_role_has_no_room_promoting_goes_before_looking():
    made = full()
    one = made.spokes["vision-lab"]  # without a role; in the hub's own account all of it is named, however much it is
    seen = []
    for count in range(45, 90):
        allow = replace(one.spec.allow, groups=tuple(f"vision-lab-{number:02}" for number in range(count)))
        spokes = {**made.spokes, "vision-lab": replace(one, spec=replace(one.spec, account=HUB, allow=allow))}
        crowded = replace(made, spokes=spokes)
        assert [item for item in troubles(crowded) if "role policy" in item.message] == []
        policy = next(
            item for item in derive(crowded)
            if (item.key.kind, item.key.name, item.key.target.account) == ("role_policy", "hubwright-read", HUB)
        )  # fmt: skip
        seen.append(({account for account, _, _ in looks(crowded)}, policy.size))
    room = [size for accounts, size in seen if accounts == {HUB, CHURN}]
    none = [size for accounts, size in seen if accounts == {CHURN}]
    step = room[1] - room[0]
    assert [*room, *none] == [size for _, size in seen]
    assert LIMITS["role_policy"] - 2 * step < room[-1] <= LIMITS["role_policy"]
    assert none[0] < room[-1] - 1_500
