"""How many spokes one hub has room for: AWS's limits on a role's documents, as `validate` counts them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.core.access.derive import derive
from controller.core.access.troubles import troubles
from controller.core.manifests import Manifests
from tests import bed as beds
from tests.flows import MAIN, ci
from tests.granted import PLATFORM, role, spoke


def fleet(folder: Any, count: int, **more: Any) -> Manifests:
    platform = {name: item for name, item in PLATFORM.items() if item["kind"] != "Spoke"}
    for number in range(count):
        account = f"{300_000_000_000 + number}"
        shape = {name: make(account) if callable(make) else make for name, make in more.items()}
        platform[f"lab-{number:02}"] = spoke(f"lab-{number:02}", account, **shape)
    made = beds.manifests(folder, platform=platform)
    assert made.problems == ()
    return made


def test_ten_spokes_may_push_to_one_hub(tmp_path):
    pushing = fleet(tmp_path, 10, pattern="push", ci=ci({"push": [MAIN]}))
    assert troubles(pushing) == []
    (register,) = [item for item in derive(pushing) if (item.key.kind, item.key.name) == ("role", "hubwright-register")]
    said = {sid.removeprefix("Hubwright")[:-6]: wished for sid, wished in register.statements.items()}
    assert set(said) == {"TrustsHub111111111111", "TrustsPush", "TagsPush"}
    assert len(said["TrustsPush"]["Principal"]["AWS"]) == 10
    assert said["TrustsPush"]["Condition"]["ArnLike"] == {"aws:PrincipalArn": ["arn:aws:iam::*:role/hubwright-push"]}
    assert len(register.origins) == 11


def test_pushers_that_are_called_otherwise_are_named_apart(tmp_path):
    """Each account lets in its own alone."""
    two = fleet(tmp_path, 2, pattern="push")
    named = fleet(tmp_path / "b", 1, pattern="push", ci=ci({"push": [MAIN]})).spokes["lab-00"]
    mixed = replace(two, spokes={**two.spokes, "lab-00": named})
    (register,) = [item for item in derive(mixed) if (item.key.kind, item.key.name) == ("role", "hubwright-register")]
    found = {
        tuple(said["Principal"]["AWS"]): said["Condition"].get("ArnLike", {}).get("aws:PrincipalArn")
        for sid, said in register.statements.items()
        if "TrustsPush" in sid
    }
    root = "arn:aws:iam::{}:root"
    assert found == {
        (root.format("300000000000"),): ["arn:aws:iam::*:role/hubwright-push"],
        (root.format("300000000001"),): None,
    }


@pytest.mark.parametrize(("more", "most"), [({"access": role}, 25), ({}, 10)], ids=["with a role", "without"])
def test_so_many_spokes_are_pulled(tmp_path, more, most):
    assert troubles(fleet(tmp_path, most, **more)) == []
