"""Writes docs/manifests.md from the schemas and the example fleet; `--check` only says whether it is up to date."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from controller.core.manifest import PLATFORM_KINDS, TEAM_KINDS  # noqa: E402

TARGET = ROOT / "docs" / "manifests.md"
EXAMPLES = {
    "Fleet": "manifests/platform/fleet.yaml",
    "Hub": "manifests/platform/hub-central.yaml",
    "Spoke": "manifests/platform/spoke-churn-lab.yaml",
    "Guardrails": "manifests/platform/guardrails-production.yaml",
    "ModelGroup": "manifests/teams/growth/churn.yaml",
    "Promotion": "manifests/teams/vision/ocr-1.yaml",
}

HEAD = """# Manifests

<!-- Written by scripts/docs_manifests.py from schemas/*.json; do not edit. -->

What a repository declares, kind by kind. The example fleet in [`manifests/`](../manifests) uses most of it.

## Files

- Manifests are the `*.yaml` and `*.yml` files below one folder (`--path`, by default `manifests`) of a Git revision,
  one document per file. Other files in the folder are not looked into. How files are called and sorted into folders
  means nothing, except to `owners` (see Guardrails) and to locks: a lock is `NAME.lock.yaml` beside its promotion.
- They are read from Git's object database, or with `--worktree` as they lie on the disk. Only regular files are read:
  symbolic links, submodules, executable files and files of more than 256 KiB are refused by name (on the disk the
  executable bit is not looked at: some file systems set it everywhere). So are two names that are one where upper
  and lower case are not told apart. More than 20,000 files, or 128 MiB in all of them, is an error.
- A folder without any manifest, or without exactly one Fleet, is an error: it never means that nothing is wanted. Of
  two Fleets neither is preferred.
- Names (`metadata.name`) are unique per kind. Two documents of one name are both invalid: neither is preferred.
- A wrong team document is left out, with whatever names it; everything else goes on (exit 5). A wrong platform document
  blocks what depends on it. `hubwright validate` shows every problem as `file:line:column`.
- `--platform REV` takes the platform kinds from another revision of this repository, `--platform DIR[@REV]` from
  another repository. A folder is written with `/`, `./`, `../` or `~` at the beginning; anything else is a revision,
  so that a change cannot bring a folder that is called like a branch. The platform kinds at hand are then ignored.

## YAML

Plain data: no anchors, aliases, tags, merge keys, directives or second documents, no key twice, at most 64 levels and
20,000 values, UTF-8 without control characters (not as escapes either).

| Written | Read as |
|---|---|
| `true` `True` `TRUE` `false` … | true and false; `yes`, `no`, `on`, `off`, `NO` stay text |
| `null` `Null` `NULL` `~`, or nothing | no value |
| `8` `-7` `0`, up to 18 digits | a whole number; longer ones are refused: quote them |
| `0.85` `.5` `1.5e3` | a number; without a dot (`1e5`) it stays text; infinite ones are refused |
| `012` `0x1F` `1_000` `12:30` `2026-11-22` `2026-11-20T09:14:03Z` | text, as written |
| `0o14` `.inf` `.nan` | refused |
| keys | text, whatever they look like |

An account is text: `account: "111111111111"`. Without the quotes it is a number and is refused with a hint.

## Roles

`access` says which roles the controller assumes in an account. `role` is one for reading, registering and approving;
`read`, `register` and `approve` are three; `roleName` is one by its name, for defaults that fit every account. Only one
of these ways may be used. A role must be of its Hub's or Spoke's account. A Spoke's own `access` replaces the Fleet's
default whole; `access: {}` means that the caller's own credentials are used although there is a default.
"""

OWNERS = """### How owners work

Paths are those below the manifests folder. `*` stays within one folder, `**` stands for any number of folders, and
`teams/growth/**` is everything below `teams/growth`. Letters count as they are written.

1. A path that any `owners` entry covers belongs to a team: **only team kinds** may be written there. A Waiver or
   Guardrails in a team's folder is refused and has no effect. (When two Guardrails claim each other's own files,
   neither can be trusted: both block what they could cover. Guardrails that claim their own file are invalid.)
2. A team document about a group must be covered by one entry of **every** Guardrails that select the group and have
   owners: by its path, its kind, the group's name in the hub and, for Promotions and Subscriptions, the spoke that the
   version comes from (through `from: {promotion: …}` too). An entry without `kinds`, `groups` or `spokes` allows all.
3. Groups that no Guardrails with owners select may be written anywhere.

The check says who may write what; who may merge what is the business of the repository's own rules (CODEOWNERS).
"""

MORE = {
    "Guardrails": OWNERS,
    "Waiver": """```yaml
apiVersion: hubwright.io/v1beta1
kind: Waiver
metadata:
  name: inc-991
spec:
  of: production/freezes/q4
  for: [churn-9]
  until: 2026-12-24T18:00Z
  reason: INC-991 hotfix
```
""",
    "Subscription": """```yaml
apiVersion: hubwright.io/v1beta1
kind: Subscription
metadata:
  name: churn-follow
spec:
  from: {spoke: churn-lab, group: churn-experiments, approval: [Approved], versions: ">=5"}
  to: {group: churn}
  approval: PendingManualApproval
```
""",
    "Promotion": """Two promotions of one source version to one group are both invalid. `metadata` may have at most 37
entries (SageMaker takes 50, Hubwright writes 13, and more to note long keys), with keys of 1 to 128 and values of 1 to
256 letters, digits, spaces and `_ . : / = + - @`.
""",
    "Lock": """A lock must be in its promotion's folder, be called `NAME.lock.yaml` and be for the promotion's source. A
promotion whose lock is wrong is not acted on: it is never taken for an unlocked one.
""",
}


def main() -> int:
    """0 when the document is up to date or has been written, 1 when `--check` finds it is not."""
    text = "\n".join(document())
    if "--check" in sys.argv[1:]:
        same = TARGET.exists() and TARGET.read_text("utf-8") == text
        print(
            "docs/manifests.md is up to date"
            if same
            else "docs/manifests.md is out of date: run scripts/docs_manifests.py",
            file=sys.stderr,
        )
        return 0 if same else 1
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(text, "utf-8")
    return 0


def document() -> Iterator[str]:
    """The document's lines."""
    yield from HEAD.splitlines()
    for title, kinds in (("Platform kinds", PLATFORM_KINDS), ("Team kinds", TEAM_KINDS), ("Locks", ("Lock",))):
        yield from ("", f"## {title}")
        for kind in kinds:
            yield from section(kind)
    yield ""


def section(kind: str) -> Iterator[str]:
    """One kind: what it is, an example, its fields."""
    schema = json.loads((ROOT / "schemas" / f"{kind.lower()}.json").read_text("utf-8"))
    yield from ("", f"### {kind}", "", schema["description"])
    if kind in EXAMPLES:
        lines = (ROOT / EXAMPLES[kind]).read_text("utf-8").splitlines()
        yield from ("", f"[`{EXAMPLES[kind]}`](../{EXAMPLES[kind]})", "", "```yaml")
        yield from (line for line in lines if not line.startswith("#"))
        yield "```"
    if kind in MORE:
        yield from ("", *MORE[kind].splitlines())
    yield from ("", "| Field | Value | Needed | Meaning |", "|---|---|---|---|")
    yield from fields(schema["properties"]["spec"], schema, "spec")


def fields(node: dict[str, Any], root: dict[str, Any], where: str) -> Iterator[str]:
    """A table row for every field below an object."""
    node = follow(node, root)
    for name, written in node.get("properties", {}).items():
        child = follow(written, root)
        place = f"{where}.{name}"
        needed = "yes" if name in node.get("required", ()) else default(child)
        yield f"| `{place}` | {value(child, root)} | {needed} | {cell(child['description'])} |"
        if child.get("type") == "array":
            yield from fields(child["items"], root, f"{place}[]")
        else:
            yield from fields(child, root, place)


def follow(node: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """The node that a local reference stands for."""
    if "$ref" not in node:
        return node
    found: dict[str, Any] = root["$defs"][node["$ref"].rpartition("/")[2]]
    return {**found, **{key: value for key, value in node.items() if key != "$ref"}}


def default(node: dict[str, Any]) -> str:
    """What holds without the field."""
    known = node.get("default")
    if isinstance(known, bool):
        return f"`{str(known).lower()}`"
    return f"`{known}`" if isinstance(known, str | int) else ""


def value(node: dict[str, Any], root: dict[str, Any]) -> str:
    """What may be written, in words."""
    if "enum" in node:
        return " · ".join(f"`{word}`" for word in node["enum"])
    if node.get("type") == "array":
        return f"list: {value(follow(node['items'], root), root)}"
    if "patternErrorMessage" in node:
        return cell(node["patternErrorMessage"]) + length(node)
    names = {"object": "mapping", "string": "text", "integer": "whole number", "boolean": "`true` · `false`"}
    kinds = node["type"] if isinstance(node["type"], list) else [node["type"]]
    return " or ".join(str(names.get(name, name)) for name in kinds) + length(node)


def length(node: dict[str, Any]) -> str:
    """The limits that words do not give."""
    if "maxLength" in node:
        return f", up to {node['maxLength']:,} characters"
    if "maximum" in node:
        return f", {node.get('minimum', 0)} to {node['maximum']:,}"
    return f", at least {node['minimum']}" if "minimum" in node else ""


def cell(text: str) -> str:
    """Text that stays within a table's cell."""
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    sys.exit(main())
