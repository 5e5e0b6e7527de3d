"""What a refusal of AWS lacks: who, which action, on what, and which document of the fleet would grant it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from controller.core.access.document import Document
from controller.core.globs import matches

_SAID = re.compile(
    r"(?:User: )?(?P<who>arn:\S+) is not authorized to perform: (?P<action>[a-z0-9-]+:[A-Za-z0-9]+)"
    r"(?: on resource: \"?(?P<resource>[^\s\"]+)\"?)?(?P<rest>[^;]*)"
)
_CALL = re.compile(r"(?P<action>[a-z0-9-]+:[A-Za-z0-9]+) in [0-9]{12}/[a-z0-9-]+ failed: (?:403|AccessDenied)")
_STORE = re.compile(r"the bucket (?P<bucket>\S+) of the store \S+ is not readable")
_NAMES = {
    "s3:HeadObject": "s3:GetObject",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:CopyObject": "s3:PutObject",
    "s3:UploadPartCopy": "s3:PutObject",
    "s3:CreateMultipartUpload": "s3:PutObject",
    "s3:CompleteMultipartUpload": "s3:PutObject",
    "s3:ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "s3:ListParts": "s3:ListMultipartUploadParts",
}
_VARIABLE = re.compile(r"\$\{[^}]*\}")


@dataclass(frozen=True, slots=True)
class Lack:
    """A permission that was refused. `who` and `resource` are empty where AWS does not say them; `side` is `identity`
    or `resource` where it says which kind of policy lacks it."""

    action: str
    who: str = ""
    resource: str = ""
    side: str = ""


def lacks(text: str) -> list[Lack]:
    """The refusals that a message tells of, each once."""
    found = [_lack(item) for item in _SAID.finditer(text)]
    if not found:
        found = [Lack(_NAMES.get(item["action"], item["action"])) for item in _CALL.finditer(text)]
        found += [Lack("s3:GetBucketVersioning", resource=f":::{item['bucket']}") for item in _STORE.finditer(text)]
    return list(dict.fromkeys(found))


def _lack(found: re.Match[str]) -> Lack:
    rest = found["rest"]
    side = "identity" if "identity-based" in rest else "resource" if "resource-based" in rest else ""
    return Lack(found["action"], found["who"], found["resource"] or "", side)


def advice(lack: Lack, documents: Iterable[Document]) -> str:
    """One line: what is missing, and what grants it."""
    who = lack.who or "the role"
    missing = f"{who} lacks {lack.action}" + (f" on {lack.resource}" if lack.resource else "")
    found = granting(lack, documents)
    if not found:
        return f"{missing}: nothing that this fleet's manifests ask for grants it"
    return f"{missing}: it is granted by {' and '.join(map(place, found))}"


def granting(lack: Lack, documents: Iterable[Document]) -> list[Document]:
    """The documents that would grant what is lacking."""
    found = list(documents)
    owner = _owner(lack.resource, found)
    return [item for item in found if grants(item, lack, owner)]


def _owner(resource: str, documents: Iterable[Document]) -> str:
    """The account of a resource; of a bucket as far as the fleet knows it, else empty."""
    named = resource.split(":")[4:5]
    if named and named[0]:
        return named[0]
    bucket = resource.rpartition(":::")[2].partition("/")[0]
    owners = {item.key.name: item.key.target.account for item in documents if item.key.kind == "bucket_policy"}
    return owners.get(bucket, "")


def place(item: Document) -> str:
    """A document, and how it is brought about."""
    account = item.key.target.account
    do = {
        "apply": f"hubwright access apply --account {account}",
        "render": f"its owner applies what hubwright access render --account {account} writes",
        "observe": "its owner has to add it",
    }[item.manage]
    return f"the {item.key.kind.replace('_', ' ')} of {item.key.name} in {account} ({do})"


def grants(item: Document, lack: Lack, owner: str) -> bool:
    """Whether a document would let the one who lacks do it, to what the account `owner` has."""
    if item.key.kind == "role":
        return lack.action.startswith("sts:") and item.spec["arn"] == lack.resource
    own = item.key.kind == "role_policy"
    if own and (lack.side == "resource" or (lack.who and not _is_role(lack.who, item))):
        return False
    if not own and lack.side == "identity":
        return False
    return any(
        said["Effect"] == "Allow"
        and lack.action in said["Action"]
        and _covers(item, said.get("Resource", ()), lack)
        and (not lack.resource or _owned(said, owner))
        for said in item.statements.values()
    )


def _owned(said: Mapping[str, Any], owner: str) -> bool:
    """Whether a statement is about what this account has, where it says whose; a session's tag says a spoke's."""
    tests = said.get("Condition", {})
    accounts = tests.get("StringEquals", {}).get("aws:ResourceAccount")
    others = tests.get("StringNotEquals", {}).get("aws:ResourceAccount", ())
    named = accounts is None or owner in accounts or (owner != "" and any(_VARIABLE.search(name) for name in accounts))
    return named and owner not in others


def _is_role(who: str, item: Document) -> bool:
    """Whether a principal is a session of the document's role, or the role itself."""
    named = re.search(r":(?:assumed-role|role)/(?:.*/)?([^/]+)(?:/[^/]*)?$", who)
    words = who.partition(":assumed-role/")[2].split("/") if ":assumed-role/" in who else []
    name = words[0] if words else (named[1] if named else "")
    return f":{item.key.target.account}:" in who and name == item.key.name


def _covers(item: Document, resources: Iterable[str], lack: Lack) -> bool:
    if not lack.resource:
        return True
    found = list(resources)
    if not found:  # of a repository: it speaks of itself
        return lack.resource.endswith(f"/{item.key.name}")
    if lack.resource.startswith(":::"):
        return any(name.endswith(lack.resource) for name in found)
    return any(matches(_VARIABLE.sub("*", name), lack.resource) for name in found)
