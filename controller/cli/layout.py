"""`init` and `new`: the files of a repository, written whole or not at all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.cli.files import write_new
from controller.cli.output import write
from controller.cli.reading import read_manifests
from controller.cli.settings import Settings
from controller.core.arn import partition_of
from controller.core.errors import UsageError
from controller.core.manifest import API_VERSION
from controller.core.manifests import Manifests
from controller.core.problems import shown
from controller.render.escape import terminal
from controller.source.base import top_of
from controller.source.write import to_yaml

_STARTER = Path(__file__).parents[1] / "starter"
_HERE = Path(__file__).parents[2]
_NAME = re.compile(r"[a-z0-9](-*[a-z0-9]){0,62}")
_ACCOUNT = re.compile(r"[0-9]{12}", re.ASCII)
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]{1,2}", re.ASCII)
_GITHUB = re.compile(r"[A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100}", re.ASCII)
_ISSUER = "https://token.actions.githubusercontent.com"


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a repository begins with. `github` is OWNER/NAME, or empty: then no role is bound to a repository."""

    fleet: str
    account: str
    region: str
    bucket: str
    team: str
    spoke: str
    spoke_account: str
    ci: str
    github: str = ""


def begin(settings: Settings, asked: Beginning) -> int:
    """Writes the layout; `UsageError` when any of its files is there already."""
    _check(asked)
    top = top_of(Path(settings.repo))
    texts = {f"{settings.path}/{name}": text for name, text in _manifests(asked).items()} | _around(settings, asked)
    _write(top, texts)
    write("\nNext: set the accounts and roles right, commit, then: hubwright validate, hubwright doctor\n")
    return 0


def _check(asked: Beginning) -> None:
    for option, value in (("--fleet", asked.fleet), ("--team", asked.team), ("--spoke", asked.spoke)):
        _matches(_NAME, value, option, "1 to 63 lower-case letters, digits and inner hyphens")
    for option, value in (("--account", asked.account), ("--spoke-account", asked.spoke_account)):
        _matches(_ACCOUNT, value, option, "the 12 digits of an AWS account")
    _matches(_REGION, asked.region, "--region", "a region such as eu-west-1")
    if asked.github:
        _matches(_GITHUB, asked.github, "--github", "OWNER/NAME")


def _matches(pattern: re.Pattern[str], value: str, option: str, form: str) -> None:
    if not pattern.fullmatch(value):
        raise UsageError(f"{option} {shown(value)} is not {form}")


def _manifests(asked: Beginning) -> dict[str, str]:
    partition = partition_of(asked.region)
    roles = {
        purpose: f"arn:{partition}:iam::{asked.account}:role/hubwright-{purpose}"
        for purpose in ("read", "register", "approve")
    }
    hub: dict[str, Any] = {"account": asked.account, "region": asked.region, "access": roles}
    hub["stores"] = [{"name": "main", "bucket": asked.bucket, "prefix": "models"}]
    hub["images"] = {"prefix": "models"}
    if asked.github:
        subjects = {
            "plan": [f"repo:{asked.github}:pull_request", f"repo:{asked.github}:ref:refs/heads/main"],
            "reconcile": [f"repo:{asked.github}:environment:production"],
        }
        hub["ci"] = {"issuer": _ISSUER, "audience": "sts.amazonaws.com", "subjects": subjects}
    spoke = {"region": asked.region, "access": {"roleName": "hubwright-read"}}
    owner = {
        "paths": [f"teams/{asked.team}/**"],
        "kinds": ["ModelGroup", "Promotion", "Subscription"],
        "groups": [f"{asked.team}*"],
        "spokes": [asked.spoke],
    }
    guardrails = {"owners": [owner], "requireLock": True, "allowReference": False}
    return {
        "platform/fleet.yaml": _document("Fleet", asked.fleet, {"requires": ">=0.1,<2", "defaults": {"spoke": spoke}}),
        "platform/hub-central.yaml": _document("Hub", "central", hub),
        f"platform/spoke-{asked.spoke}.yaml": _spoke(asked.spoke, asked.spoke_account, asked.team),
        "platform/guardrails-production.yaml": _document("Guardrails", "production", guardrails),
        f"teams/{asked.team}/{asked.team}.yaml": _document("ModelGroup", asked.team, {"tags": {"team": asked.team}}),
    }


_SAYS: Mapping[str, str] = {
    "Fleet": "One for the whole repository: its name is the mark on everything that is made.",
    "Hub": "The account whose registry says what may go to production, its roles and its store of artifacts.",
    "Spoke": "An account that models come from, and what may leave it.",
    "Guardrails": "What must hold for all groups: who may ask for what, and how.",
    "ModelGroup": "A group of versions in the hub. Promotions into it stand beside this file.",
}


def _document(kind: str, name: str, spec: Mapping[str, Any]) -> str:
    body = {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": dict(spec)}
    return f"# {_SAYS[kind]}\n{to_yaml(body)}"


def _spoke(name: str, account: str, team: str) -> str:
    allow = {"groups": [f"{team}-*"], "buckets": [f"{name}-models"], "repositories": [f"{team}/*"]}
    return _document("Spoke", name, {"account": account, "allow": allow})


def _around(settings: Settings, asked: Beginning) -> dict[str, str]:
    """CODEOWNERS and what the code host runs."""
    partition = partition_of(asked.region)
    values = {
        "PLAN_ROLE": f"arn:{partition}:iam::{asked.account}:role/hubwright-ci-plan",
        "APPLY_ROLE": f"arn:{partition}:iam::{asked.account}:role/hubwright-ci-reconcile",
        "REGION": asked.region,
        "PATH": settings.path,
        "TEAM": asked.team,
        "TEAM_OWNER": f"@{asked.github.partition('/')[0] or 'acme'}/{asked.team}",
        "PLATFORM_TEAM": f"@{asked.github.partition('/')[0] or 'acme'}/platform",
    }
    if asked.ci == "none":
        return {}
    if asked.ci == "gitlab":
        owners = {"CODEOWNERS": _filled("CODEOWNERS", values).replace("/.github/", "/.gitlab-ci.yml")}
        return owners | {".gitlab-ci.yml": _filled("gitlab-ci.yml", values)}
    inside = _STARTER / "workflows"
    folder = inside if inside.is_dir() else _HERE / ".github" / "workflows"
    called = {f".github/workflows/{path.name}": path.read_text() for path in sorted(folder.glob("hubwright-*.yaml"))}
    caller = {".github/workflows/hubwright.yaml": _filled("hubwright.yaml", values)}
    return {".github/CODEOWNERS": _filled("CODEOWNERS", values)} | caller | called


def _filled(name: str, values: Mapping[str, str]) -> str:
    text = (_STARTER / name).read_text()
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    return text


def new_spoke(settings: Settings, name: str, account: str, team: str) -> int:
    """Writes a spoke's manifest beside the others."""
    _matches(_NAME, name, "NAME", "1 to 63 lower-case letters, digits and inner hyphens")
    _matches(_ACCOUNT, account, "--account", "the 12 digits of an AWS account")
    _matches(_NAME, team, "--team", "1 to 63 lower-case letters, digits and inner hyphens")
    return _add(settings, f"platform/spoke-{name}.yaml", _spoke(name, account, team))


def new_group(settings: Settings, name: str, team: str, description: str | None) -> int:
    """Writes a group's manifest into the folder of its team."""
    _matches(_NAME, name, "NAME", "1 to 63 lower-case letters, digits and inner hyphens")
    _matches(_NAME, team, "--team", "1 to 63 lower-case letters, digits and inner hyphens")
    spec = ({"description": description} if description else {}) | {"tags": {"team": team}}
    try:
        text = _document("ModelGroup", name, spec)
    except ValueError as error:
        raise UsageError(f"the manifest cannot be written: {error}") from error
    return _add(settings, f"teams/{team}/{name}.yaml", text)


def _add(settings: Settings, below: str, text: str) -> int:
    """Writes one manifest, if it brings no fault that was not there before."""
    path = f"{settings.path}/{below}"
    before = read_manifests(settings)
    fresh = _fresh(before, read_manifests(settings, {path: text.encode()}))
    if fresh:
        raise UsageError("\n".join(fresh), f"{path} was not written")
    _write(top_of(Path(settings.repo)), {path: text})
    return 0


def _fresh(before: Manifests, after: Manifests) -> list[str]:
    old = set(before.problems)
    return [str(problem) for problem in after.problems if problem not in old]


def _write(top: Path, texts: Mapping[str, str]) -> None:
    """Writes the files, none of which may be there; folders that were made for nothing are taken away again."""
    there = [name for name in texts if (top / name).exists() or (top / name).is_symlink()]
    if there:
        raise UsageError(f"{there[0]} is there already", "nothing was written")
    made = _folders(top, texts)
    try:
        write_new({top / name: text for name, text in texts.items()})
    except (UsageError, OSError):
        for folder in reversed(made):
            folder.rmdir()
        raise
    write("".join(f"written: {terminal(name)}\n" for name in texts))


def _folders(top: Path, texts: Mapping[str, str]) -> list[Path]:
    made: list[Path] = []
    for name in texts:
        parents = [item for item in reversed((top / name).parents) if item.is_relative_to(top)]
        for folder in parents:
            if folder.is_symlink():
                raise UsageError(f"{folder.relative_to(top)} is a symbolic link", "nothing was written through it")
            if not folder.exists():
                folder.mkdir()
                made.append(folder)
    return made
