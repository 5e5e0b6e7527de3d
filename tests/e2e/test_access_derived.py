"""What a second hub and gates are granted, as derived."""

from __future__ import annotations

import json

import pytest

from controller.core.access.derive import derive
from tests import bed as beds
from tests.bed import CHURN, HUB, REGION, VISION, promotion
from tests.granted import PLATFORM, role, spoke

SECOND = "555555555555"


@pytest.mark.parametrize("state", ["Active", "Frozen", "Retired"])
def test_a_second_hub_reads_the_first_ones_store_and_gates_what_they_look_at(tmp_path, state):
    """Whatever became of the spoke: it goes on from what the first hub has."""
    mirror = json.loads(json.dumps(PLATFORM["central"]).replace(HUB, SECOND).replace('"central"', '"mirror"'))
    mirror["spec"]["stores"] = [{"name": "main", "bucket": "mirror-store"}]
    gates = [
        {"name": "scanned", "imageScan": {"below": "HIGH"}},
        {"name": "proven", "evidence": "s3://proofs/churn/"},
    ]
    group = {"kind": "ModelGroup", "metadata": {"name": "churn"}, "spec": {"hub": "central"}}
    other = {"kind": "ModelGroup", "metadata": {"name": "onward"}, "spec": {"hub": "mirror"}}
    rules = {
        "kind": "Guardrails",
        "metadata": {"name": "rules"},
        "spec": {"select": {"groups": ["churn"]}, "gates": gates},
    }
    platform = PLATFORM | {"rules": rules} | {
        "mirror": mirror, "churn": group, "onward": other,
        "churn-lab": spoke("churn-lab", CHURN, access=role(CHURN), state=state),
    }  # fmt: skip
    first = promotion("churn-lab-1", spoke="churn-lab", source="churn-lab-experiments")
    onward = json.loads(json.dumps(first))
    onward["metadata"]["name"] = "onward-1"
    onward["spec"] |= {"from": {"promotion": "churn-lab-1"}, "to": {"group": "onward"}}
    fleet = beds.manifests(tmp_path, first, onward, platform=platform)
    assert fleet.problems == ()
    found = {
        (item.key.target.account, item.key.kind, item.key.name, sid.removesuffix(sid[-6:])): said
        for item in derive(fleet)
        for sid, said in item.statements.items()
    }
    store = f"arn:aws:s3:::{beds.STORE}/models/*"
    copies = found[SECOND, "role_policy", "hubwright-register", "HubwrightCopiesHub"]
    handed = found[HUB, "bucket_policy", beds.STORE, "HubwrightHandsOn"]
    assert (copies["Action"], copies["Resource"]) == (["s3:GetObjectVersion"], [store])
    assert handed["Condition"]["ArnEquals"]["aws:PrincipalArn"] == [f"arn:aws:iam::{SECOND}:role/hubwright-register"]
    assert (handed["Action"], handed["Resource"]) == (copies["Action"], [store])
    assert (SECOND, "bucket_policy", "mirror-store", "HubwrightHandsOn") not in found
    scans = found[HUB, "role_policy", "hubwright-read", "HubwrightSeesScans"]
    proofs = found[HUB, "role_policy", "hubwright-read", "HubwrightReadsProofs"]
    assert scans["Resource"] == [f"arn:aws:ecr:{REGION}:{HUB}:repository/models/*"]
    assert (proofs["Action"], proofs["Resource"]) == (["s3:GetObject"], ["arn:aws:s3:::proofs/churn/*"])
    assert (SECOND, "role_policy", "hubwright-read", "HubwrightSeesScans") not in found


def test_a_push_spokes_session_at_a_second_hub_reads_of_the_first_ones_store_its_own_alone(tmp_path):
    mirror = json.loads(json.dumps(PLATFORM["central"]).replace(HUB, SECOND).replace('"central"', '"mirror"'))
    mirror["spec"]["stores"] = [{"name": "main", "bucket": "mirror-store"}]
    platform = PLATFORM | {
        "mirror": mirror,
        "churn": {"kind": "ModelGroup", "metadata": {"name": "churn"}, "spec": {"hub": "central"}},
        "onward": {"kind": "ModelGroup", "metadata": {"name": "onward"}, "spec": {"hub": "mirror"}},
        "churn-lab": spoke("churn-lab", CHURN, access=role(CHURN)),
        "vision-lab": spoke("vision-lab", VISION, pattern="push"),
    }
    first = promotion("churn-lab-1", spoke="churn-lab", source="churn-lab-experiments")
    onward = promotion("onward-1", to="onward")
    onward["spec"]["from"] = {"promotion": "churn-lab-1"}
    fleet = beds.manifests(tmp_path, first, onward, platform=platform)
    assert fleet.problems == ()
    (policy,) = (
        item for item in derive(fleet)
        if (item.key.target.account, item.key.kind, item.key.name) == (SECOND, "role_policy", "hubwright-register")
    )  # fmt: skip
    tag = "aws:PrincipalTag/hubwright-spoke"
    store = f"arn:aws:s3:::{beds.STORE}/models"
    assert [
        (said["Resource"], said["Condition"]) for sid, said in sorted(policy.statements.items()) if "CopiesHub" in sid
    ] == [
        ([f"{store}/${{{tag}}}/*"], {"Null": {tag: ["false"]}}),
        ([f"{store}/*"], {"Null": {tag: ["true"]}}),
    ]
