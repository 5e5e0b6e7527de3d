"""What a run has to say: each promotion's standing, the plan, the outcomes, and the exit code they come to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from controller.core.compare import Comparison
from controller.core.draft import Draft
from controller.core.manifests import Manifests
from controller.core.model import INTERRUPTED, Action, Outcome
from controller.core.plan import Plan
from controller.core.problems import Problem
from controller.core.reasons import EXITS, Standing, exit_code
from controller.core.scene import Scene
from controller.core.view import Package
from controller.core.wish import Finding, Subject, Wish

_WORST: tuple[Standing, ...] = (
    "failed",
    "conflict",
    "mismatch",
    "refused",
    "invalid",
    "unknown",
    "stale",
    "blocked",
    "duplicate",
    "waiting",
    "deferred",
    "pending",
    "converged",
)


@dataclass(frozen=True, slots=True)
class Row:
    """One promotion in a report. `version` is its number in the hub, None before it is registered; `bytes` what its
    planned copies hold."""

    name: str
    standing: Standing
    why: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    source: str = ""
    group: str = ""
    wish: str = ""
    is_now: str = ""
    release: str = ""
    locked: bool = False
    version: int | None = None
    arn: str = ""
    bytes: int = 0
    images: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """A run as data. `kind` is `plan` or `result`; a plan has no outcomes, only a plan has `models` (by promotion).

    `places` says where each promotion and subscription is declared: path, line, column, the latter from 1.
    `brought` names the promotions, and the paths of group manifests, that a branch changes; None when nobody asked.
    """

    kind: str
    plan: Plan
    rows: tuple[Row, ...] = ()
    others: tuple[Finding, ...] = ()  # about what is no promotion: orphans, groups that are stale, subscriptions
    problems: tuple[Problem, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    models: Mapping[str, Comparison] = field(default_factory=dict)
    brought: frozenset[str] | None = None
    places: Mapping[str, tuple[str, int, int]] = field(default_factory=dict)
    scene: Scene = field(default_factory=Scene)  # only a page shows it

    @property
    def counts(self) -> dict[str, int]:
        """How many promotions stand how, and what the plan does."""
        standings = [row.standing for row in self.rows]
        verbs = [action.verb for action in self.plan.actions]
        return {name: standings.count(name) for name in _WORST if name in standings} | {
            verb: verbs.count(verb) for verb in ("create", "update") if verb in verbs
        }

    def exit_code(self, *, detailed: bool = False) -> int:
        """The run's exit code; `detailed` counts pending changes as 2."""
        standings = [row.standing for row in self.rows] + [finding.standing for finding in self.others]
        codes = [EXITS[name] for name in standings if name in EXITS]
        codes += [5 for outcome in self.outcomes if outcome.status == "failed" or outcome.facts.get("duplicates")]
        codes += [5] * bool(self.problems)
        if detailed and self.kind.endswith("plan") and self.plan.actions:
            codes.append(2)
        return exit_code(codes)


def rows(
    wishes: Iterable[Wish],
    subjects: Mapping[str, Subject],
    findings: Sequence[Finding],
    plan: Plan,
    outcomes: Sequence[Outcome] = (),
) -> tuple[Row, ...]:
    """One row for each promotion, by name."""
    by_name = {wish.subject.name: wish for wish in wishes}
    said: dict[str, list[Finding]] = {}
    for finding in (*findings, *plan.findings):
        said.setdefault(finding.about, []).append(finding)
    asked: dict[str, list[Action]] = {}
    for action in plan.actions:
        for origin in action.origins:
            asked.setdefault(origin, []).append(action)
    done = {outcome.action: outcome for outcome in outcomes}
    return tuple(
        _row(subjects[name], by_name.get(name), said.get(name, []), asked.get(name, []), done)
        for name in sorted(subjects)
    )


def unmatched(findings: Iterable[Finding], manifests: Manifests) -> tuple[Row, ...]:
    """Rows of promotions that could not be matched with anything live: what they name is invalid, or not there yet."""
    return tuple(_unmatched(finding, manifests) for finding in findings)


def _unmatched(found: Finding, manifests: Manifests) -> Row:
    asked = manifests.promotions[found.about].spec
    source, group = asked.source, manifests.groups.get(asked.to.group)
    return Row(
        name=found.about,
        standing=found.standing,
        why=(found.why,),
        hints=(found.hint,) if found.hint else (),
        source=source.promotion or f"{source.spoke}/{source.group}/{source.version}",
        group=(group and group.spec.group) or asked.to.group,
        wish=asked.approval,
        locked=found.about in manifests.locks,
    )


def _row(
    subject: Subject, wish: Wish | None, found: list[Finding], actions: list[Action], outcomes: Mapping[str, Outcome]
) -> Row:
    ended = [outcomes[action.id] for action in actions if action.id in outcomes]
    standing = _standing(found, actions, ended)
    live = wish.subject.live if wish else subject.live
    known = wish.subject if wish else subject
    failures = tuple(dict.fromkeys(outcome.detail for outcome in ended if _to_be_said(outcome)))
    own = [action for action in actions if wish and action.key in (wish.key, wish.approval_key)]
    arn, is_now = _version(own, outcomes, live)
    draft = wish.draft if wish and wish.subject.new else None
    return Row(
        name=subject.name,
        standing=standing,
        why=tuple(finding.why for finding in found) + failures,
        hints=tuple(dict.fromkeys(finding.hint for finding in found if finding.hint)),
        differences=tuple(line for finding in found for line in finding.differences),
        source=f"{subject.spoke_name}/{subject.source.group}/{subject.source.number}",
        group=subject.group_name,
        wish=known.asks,
        is_now=is_now,
        release=known.release,
        locked=bool(subject.locked),
        version=int(arn.rpartition("/")[2]) if arn else None,
        arn=arn,
        bytes=_size(draft) if draft else 0,
        images=len(draft.images) if draft else 0,
    )


def _to_be_said(outcome: Outcome) -> bool:
    return outcome.status in ("failed", "waiting") or outcome.detail == INTERRUPTED


def _size(draft: Draft) -> int:
    return sum(item.source.size for item in draft.objects) + sum(copy.size or 0 for copy in draft.images)


def _version(own: list[Action], outcomes: Mapping[str, Outcome], live: Package | None) -> tuple[str, str]:
    """ARN and approval of the promotion's version: as it was read, or as this run left it."""
    arn, approval = (live.version.arn, live.approval) if live else ("", "")
    for action in own:  # a version is registered before it is approved
        done = outcomes.get(action.id)
        if done is not None and done.status == "done":
            arn = str(done.facts.get("arn", arn))
            approval = action.after.get("approval", "PendingManualApproval")
    return arn, approval


def _standing(found: list[Finding], actions: list[Action], ended: list[Outcome]) -> Standing:
    standings: set[Standing] = {finding.standing for finding in found}
    undone = [outcome for outcome in ended if outcome.status != "done"]
    if undone and all(outcome.detail == INTERRUPTED for outcome in undone):
        standings.add("pending")
    elif any(outcome.status in ("failed", "skipped") for outcome in ended):
        waits = all(outcome.status in ("skipped", "waiting", "done") for outcome in ended)
        standings.add("waiting" if waits and any(outcome.status == "waiting" for outcome in ended) else "failed")
    elif any(outcome.status == "waiting" for outcome in ended):
        standings.add("waiting")
    if any(outcome.facts.get("duplicates") for outcome in ended) or any(
        action.facts.get("duplicate") for action in actions
    ):
        standings.add("duplicate")
    if actions and not ended:
        standings.add("pending")
    return next((name for name in _WORST if name in standings), "converged")


def facts_of(action: Action) -> dict[str, Any]:
    """What of an action's facts may be shown: sizes and places, never bodies or environments."""
    if action.key.kind == "artifact" and "release" in action.facts:
        sizes = [item[1] for item in action.facts["release"]["objects"]]
        copied = bool(action.facts["objects"]) and not action.facts.get("adopts")
        return {
            "objects": len(sizes) if copied else 0,
            "bytes": sum(sizes) if copied else 0,
            "prefix": action.facts["prefix"],
            **({"relay": True} if action.facts.get("copy") == "relay" else {}),
        }
    if action.key.kind == "image":
        size = action.facts.get("bytes")
        return {"source": action.facts["source"], "relay": True, **({} if size is None else {"bytes": size})}
    if action.key.kind == "approval":
        said = {"passed": list(action.facts.get("passed", ())), "last": bool(action.facts.get("last"))}
        return {name: value for name, value in said.items() if value}
    return {}
