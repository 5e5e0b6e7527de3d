"""Writes docs/access.md: what access consists of for an example fleet; `--check` only compares."""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from controller.core.access.derive import derive  # noqa: E402
from controller.core.access.document import LIMITS, Document  # noqa: E402
from controller.core.access.statement import policy  # noqa: E402
from controller.source.load import load  # noqa: E402

PAGE = ROOT / "docs" / "access.md"
FLEET = "tests/cases/access/full/manifests"
HUB, CHURN, VISION, EDGE = "111111111111", "222222222222", "333333333333", "444444444444"
Shown = tuple[str, str, str, str]  # account, kind, name, what it is

HEAD = f"""# Access

<!-- Written by scripts/docs_access.py from the manifests in {FLEET}; do not edit. -->

Nobody writes a policy for Hubwright by hand. `hubwright access` derives all of them from the manifests, compares them
with what is live, and brings them about, beside whatever others have put into the same documents.

```
hubwright access plan                           # what is missing; reads only; --detailed-exitcode: 2 when something is
hubwright access apply --account 111111111111   # bring it about, with that account's administrator's own credentials
hubwright access render --format terraform --out access   # or cloudformation, json: for others to apply; offline
```

- `access plan --out FILE` and `access apply --plan FILE` do exactly what was reviewed: whatever else is needed by then
  is *stale* (6). The documents are published: `schemas/access-plan.v1.json`, `access-result.v1.json`, `access.v1.json`.
- While a manifest is invalid, what it asks for is not known: no statement is taken out or narrowed then, what only adds
  goes on, and the command ends with 5. `render` writes what the valid manifests need, and ends with 5 too.
- By default a command is about the account of the credentials at hand. `--role-name NAME` assumes a role of that name
  in every account instead.
- Our statements carry a Sid that begins with `Hubwright` and ends in a mark of the fleet. Statements of others keep
  their bytes and their order; a statement that somebody else has written already, in other words, is not repeated.
- Other accounts are named as accounts, and their roles by `aws:PrincipalArn`: a grant to a role by its ARN is refused
  while the role does not exist, and dies with it when it is made anew.
- Statements that differ in one list only are one statement with both lists' entries. Where a hub's role would name very
  many sources, it names their accounts (`aws:ResourceAccount`); the spokes' own policies name each thing.
- `organization:` on the Fleet adds `aws:PrincipalOrgID` to every grant to another account. `iam:` gives the path, the
  permissions boundary and further callers of the roles; `ci:` makes roles for GitHub, GitHub Enterprise and GitLab.
- `manage: render` or `observe` (Fleet, Hub, Spoke): others bring the account's documents about; `plan` shows how they
  differ, `apply` never writes them.
- A policy belongs to something: a bucket, repository, group or key that is not there yet is *waiting*, and the next
  `apply` lets its readers in. Repositories in the hub are made by the first promotion that needs them.
- CloudFormation can only make the policy of a repository, a package group or a key together with the thing itself.
  These are in the template's metadata, to be added to their owners; in Terraform that is so of keys alone.

What follows is for the fleet in [`{FLEET}`](../{FLEET}).
"""

SECTIONS: tuple[tuple[str, str, tuple[Shown, ...]], ...] = (
    (
        "Bucket policies: the hub reads a spoke, readers read the hub",
        (
            "The article's was no JSON (typographic quotes, a double prime after the version), had an ARN "
            "without its partition (`arn::s3:::`), and matched `*model.tar.gz`: any object that ends so, but "
            "no metrics, baselines or prefixes. It had no GetObjectVersion, so no copy could be pinned; no "
            "ListBucket, so what is absent looked forbidden; no key; and it stood on the hub's bucket for "
            "the spoke's role, though the copy reads the spoke's bucket."
        ),
        (
            (CHURN, "bucket_policy", "churn-lab-models", "on the spoke's bucket"),
            (HUB, "bucket_policy", "acme-model-store", "on the store: written once, and read by the group's readers"),
        ),
    ),
    (
        "Repository policy: the hub pulls",
        (
            "The article's lacked the comma after its list of actions, carried the Sid of the S3 policy, "
            "left out that `ecr:GetAuthorizationToken` must be granted to the caller, on `*`. It named no "
            "organization. For readers, the hub's repositories also let the service SageMaker pull, for the "
            "reader's account only: without that an endpoint of another account cannot start."
        ),
        ((VISION, "repository_policy", "vision/serve", "on the repository of a spoke without a role of its own"),),
    ),
    (
        "Registry permissions: registering apart from approving",
        (
            "The article's was on `Resource: *`; its `CreateModelPackage*` also made groups; no "
            "UpdateModelPackage was there, so nobody could approve, and no condition on the approval status, "
            "so a spoke could register a version as Approved. Here the register role registers only as "
            "PendingManualApproval, and only the approve role updates."
        ),
        (
            (HUB, "role_policy", "hubwright-register", "what the register role may do"),
            (HUB, "role_policy", "hubwright-approve", "what the approve role may do"),
        ),
    ),
    (
        "Group policies, both ways",
        (
            "The article's two were Python literals with mixed quotes and a comma too many, and gave a "
            "mapping where the API takes text. They named a `service-role/` path, which has to be the role's "
            "real one. They cannot be made in the console; Hubwright reconciles them."
        ),
        (
            (HUB, "group_policy", "churn", "in the hub: readers deploy"),
            (VISION, "group_policy", "defects-lab", "in a spoke without a role of its own: the hub reads"),
        ),
    ),
    (
        "Assuming the hub's role, and being trusted with it",
        (
            "The article showed the caller's half only. The other half is the role's trust: with the "
            "external id, the organization, and the session tag that confines a push spoke to its own prefix "
            "and repositories."
        ),
        (
            (EDGE, "role_policy", "hubwright-push", "in the push spoke: its job's role"),
            (HUB, "role", "hubwright-register", "in the hub: whom the register role trusts"),
        ),
    ),
    (
        "Events: bus, rule and role",
        (
            "The article's bus policy gave `events:*` to the spoke's account: whoever has it there could "
            "change the hub's rules and put events of any source. Its pattern had a comma too many and "
            "matched every change of an approved version, its own metadata included. Here it is PutEvents, "
            "of SageMaker's source, by the forwarding role; only followed groups and states are forwarded, "
            "and what cannot be delivered is kept."
        ),
        (
            (HUB, "bus_policy", "model-registry", "on the hub's bus"),
            (CHURN, "rule", "hubwright-forward-central", "the rule in a followed spoke"),
            (CHURN, "role_policy", "hubwright-forward-central", "what its role may do"),
        ),
    ),
)


def shown(item: Document) -> str:
    """A document as indented JSON."""
    body = policy(item.statements) if "statements" in item.spec else dict(item.spec)
    return json.dumps(body, indent=1, sort_keys=True)


def page() -> str:
    """The page as text."""
    documents = derive(load(ROOT, worktree=True, path=FLEET, attribution=False))
    found = {(item.key.target.account, item.key.kind, item.key.name): item for item in documents}
    lines = [HEAD]
    for title, faults, items in SECTIONS:
        lines += [f"## {title}", "", faults, ""]
        for account, kind, name, what in items:
            head = f"<details><summary>{what} (<code>{name}</code> in {account})</summary>"
            lines += [head, "", "```json", shown(found[account, kind, name]), "```", "", "</details>", ""]
    lines += ["## All documents of this fleet", ""]
    lines += ["| account | kind | name | what for | characters | AWS takes |", "|---|---|---|---|---:|---:|"]
    for (account, kind, name), item in sorted(found.items()):
        size = str(item.size) if item.size else ""
        limit = f"{LIMITS[kind]:,}" if kind in LIMITS and item.size else ""
        lines.append(f"| {account} | {kind.replace('_', ' ')} | `{name}` | {item.why} | {size} | {limit} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    text = page()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(text)
    if PAGE.read_text() != text:
        print(f"{PAGE.relative_to(ROOT)} is not what the code says: run scripts/docs_access.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
