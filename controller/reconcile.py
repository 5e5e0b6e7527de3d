"""The straight line: manifests → observe → judge → diff → plan → apply → report. Everything else is a call of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace

from controller.apply import Tell, apply
from controller.core.compare import comparisons
from controller.core.diff import diff, merged
from controller.core.follow import Followed, followed_of
from controller.core.gates import Evidence
from controller.core.given import Given
from controller.core.guards import capped, guarded
from controller.core.hold import held_groups
from controller.core.identify import matched_all, place_of, question, referred, subject_of
from controller.core.judge import Answer, judge, orphans, told_orphans
from controller.core.last import lasting
from controller.core.manifests import Manifests
from controller.core.metrics import Measured
from controller.core.model import Change, Key, Outcome, Resource, Target
from controller.core.plan import Plan, plan, within
from controller.core.pushed import pushed_versions
from controller.core.report import Report, Row, rows, unmatched
from controller.core.scope import Scope, check_scope
from controller.core.view import View
from controller.core.wish import Finding, GroupWish, Place, Subject, Wish, Wishes
from controller.follow import follow
from controller.gather import gather
from controller.kinds import BY_NAME, KINDS
from controller.kinds.base import Cloud, World
from controller.observe import confirm, observe, revocable, snapshot
from controller.resolve import resolve

Step = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Thought:
    """All that was concluded without touching anything: the wishes, the plan, and what there is to say.

    `unmatched` says of each promotion without a subject why it has none.
    """

    views: Mapping[Target, View]
    subjects: Mapping[str, Subject]
    wishes: Wishes
    plan: Plan
    findings: tuple[Finding, ...]
    unmatched: tuple[Finding, ...] = ()

    def report(self, manifests: Manifests, measured: Mapping[str, Measured] | None = None) -> Report:
        """The plan as a report; `measured` are the models' metric reports, where they were read."""
        models = comparisons(self.wishes.promotions, self.views, manifests, measured)
        return replace(self.reported("plan", manifests, self.plan), models=models)

    def reported(self, kind: str, manifests: Manifests, chosen: Plan, outcomes: tuple[Outcome, ...] = ()) -> Report:
        """A report on `chosen`, the plan or a part of it, and on what became of it."""
        others = tuple(item for item in (*self.findings, *chosen.findings) if item.about not in self.subjects)
        matched = rows(self.wishes.promotions, self.subjects, self.findings, chosen, outcomes)
        table = sorted((*matched, *unmatched(self.unmatched, manifests)), key=lambda row: row.name)
        return Report(kind, chosen, tuple(table), others, manifests.problems, outcomes, places=manifests.places)

    def report_rows(self) -> tuple[Row, ...]:
        """How every promotion that could be matched stands before anything is done."""
        return rows(self.wishes.promotions, self.subjects, self.findings, self.plan)


def think(
    cloud: Cloud, manifests: Manifests, scope: Scope, pool: Executor, step: Step, given: Given | None = None
) -> Thought:
    """Reads what is live and concludes what to do. Writes nothing; `cloud` may be one that cannot.

    `given` is the time and the review; without it, guards that need them hold back what they cover.
    """
    told = given or Given()
    check_scope(scope, manifests)
    subjects, unresolved = _subjects(manifests, scope)
    following, unfollowed = followed_of(manifests, scope)
    step("reading the hub")
    views = observe(cloud, _places(manifests, scope, subjects, following), pool)
    followed, unseen = follow(cloud, following, views, manifests, pool)
    subjects |= followed
    views = revocable(cloud, views, subjects.values(), pool)
    step("reading the sources of what is not promoted yet")
    answers = _answers(cloud, subjects, views, pool)
    first = _conclude(cloud, manifests, scope, subjects, views, answers, told, pool)
    step("confirming what is to change")
    sure = confirm(cloud, views, first.changes, first.wishes, pool)
    if sure != views:
        known = answers
        answers = known | _answers(cloud, subjects, sure, pool, known)
        first = _conclude(cloud, manifests, scope, subjects, sure, answers, told, pool)
    made = plan(manifests.revision, first.desired, first.changes, first.wishes, tuple(BY_NAME))
    findings = (
        *first.findings,
        *_orphans(manifests, scope, first.matched, sure),
        *unfollowed,
        *unseen,
        *_descriptions(first.wishes.groups, sure),
    )
    complete = made.complete and all(item.standing != "unknown" for item in findings)
    return Thought(sure, first.matched, first.wishes, replace(made, complete=complete), findings, tuple(unresolved))


def think_of(
    cloud: Cloud, manifests: Manifests, subject: Subject, answer: Answer, pool: Executor, given: Given
) -> Thought:
    """As `think`, of one subject that no manifest names and whose source was read already."""
    scope, subjects, answers = Scope(frozenset({subject.name})), {subject.name: subject}, {subject.name: answer}
    views = observe(cloud, [subject.place], pool)
    first = _conclude(cloud, manifests, scope, subjects, views, answers, given, pool)
    sure = confirm(cloud, views, first.changes, first.wishes, pool)
    first = _conclude(cloud, manifests, scope, subjects, sure, answers, given, pool)
    made = plan(manifests.revision, first.desired, first.changes, first.wishes, tuple(BY_NAME))
    return Thought(sure, first.matched, first.wishes, made, first.findings)


def reconcile(
    world: World, thought: Thought, manifests: Manifests, pool: Executor, tell: Tell, saved: Iterable[str] | None = None
) -> Report:
    """Applies a plan, or the part of it that the saved ids allow, and reports what became of it."""
    chosen = thought.plan if saved is None else within(thought.plan, saved)
    outcomes = apply(world, chosen, pool, tell)
    return thought.reported("result", manifests, chosen, outcomes)


@dataclass(frozen=True, slots=True)
class _Conclusion:
    matched: Mapping[str, Subject]
    wishes: Wishes
    findings: tuple[Finding, ...]
    desired: Mapping[Key, Resource]
    changes: tuple[Change, ...]


def _subjects(manifests: Manifests, scope: Scope) -> tuple[dict[str, Subject], list[Finding]]:
    found = [subject_of(entry, manifests) for _, entry in sorted(manifests.promotions.items())]
    subjects = [item for item in found if isinstance(item, Subject)]
    findings = [item for item in found if isinstance(item, Finding) and _about(item, scope, manifests)]
    within_scope = {
        item.name: item
        for item in subjects
        if scope.covers(promotion=item.name, group=item.group_manifest, spoke=item.spoke_name)
    }
    return within_scope, findings


def _places(
    manifests: Manifests, scope: Scope, subjects: Mapping[str, Subject], following: Iterable[Followed]
) -> list[Place]:
    """The hubs that this run is about: all of them, or those of the groups in scope."""
    if scope.whole:
        return [Place(name, entry.spec, manifests.fleet.name) for name, entry in sorted(manifests.hubs.items())]
    found = {wish.place.name: wish.place for wish in _groups(manifests, scope, subjects)}
    found |= {item.place.name: item.place for item in following}
    found |= {place.name: place for subject in subjects.values() for place in referred(subject)}
    return [found[name] for name in sorted(found)]


def _about(finding: Finding, scope: Scope, manifests: Manifests) -> bool:
    entry = manifests.promotions[finding.about].spec
    return scope.covers(promotion=finding.about, group=entry.to.group, spoke=entry.source.spoke or "")


def _answers(
    cloud: Cloud,
    subjects: Mapping[str, Subject],
    views: Mapping[Target, View],
    pool: Executor,
    known: Mapping[str, Answer] | None = None,
) -> dict[str, Answer]:
    asked = [question(matched_all(item, views), views[item.place.target]) for item in subjects.values()]
    return resolve(cloud, (item for item in asked if item and item.subject.name not in (known or {})), views, pool)


def _conclude(
    cloud: Cloud,
    manifests: Manifests,
    scope: Scope,
    subjects: Mapping[str, Subject],
    views: Mapping[Target, View],
    answers: Mapping[str, Answer],
    given: Given,
    pool: Executor,
) -> _Conclusion:
    fitted = {name: matched_all(item, views) for name, item in subjects.items()}
    judged = [judge(item, views[item.place.target], answers.get(name), manifests) for name, item in fitted.items()]
    groups = tuple(item for item in _groups(manifests, scope, fitted) if item.group.mode != "observe")
    bare = [item.wish for item in judged if item.wish]
    evidence = gather(cloud, (wish.subject for wish in bare), views, answers, manifests, given, pool)
    wishes = Wishes(groups, tuple(_guarded(wish, views, manifests, given, evidence) for wish in bare))
    desired = merged(item for kind in KINDS for item in kind.desire(wishes))
    changes = diff(desired, snapshot(wishes, views), lambda key, old, new: BY_NAME[key.kind].reason(old, new))
    limited = capped(wishes, desired, changes, manifests, given, views)
    kept, ordered = lasting(limited, desired, changes, views, manifests)
    findings = tuple(finding for item in judged for finding in item.findings)
    return _Conclusion(fitted, kept, (*findings, *held_groups(groups, views, given.now)), ordered, changes)


def _guarded(
    wish: Wish, views: Mapping[Target, View], manifests: Manifests, given: Given, evidence: Mapping[str, Evidence]
) -> Wish:
    return guarded(wish, views[wish.subject.place.target], manifests, given, evidence)


def _groups(manifests: Manifests, scope: Scope, subjects: Mapping[str, Subject]) -> tuple[GroupWish, ...]:
    """The declared groups in scope: all of them, or those that the promotions in scope go to."""
    targets = {subject.group_manifest for subject in subjects.values()}
    wished = []
    for name, entry in sorted(manifests.groups.items()):
        place = place_of(entry, manifests)
        if place is not None and (scope.whole or name in targets or name in scope.groups):
            wished.append(GroupWish(entry.spec.group or name, name, entry.path, place, entry.spec))
    return tuple(wished)


def _orphans(
    manifests: Manifests, scope: Scope, subjects: Mapping[str, Subject], views: Mapping[Target, View]
) -> list[Finding]:
    """Only a whole run can tell what nobody names."""
    if not scope.whole:
        return []
    claimed = (item.version for subject in subjects.values() for item in subject.mine)
    pushed = pushed_versions(views.values(), manifests)
    return told_orphans(orphans(views.values(), (*claimed, *pushed), manifests.fleet.name), manifests)


def _descriptions(groups: Iterable[GroupWish], views: Mapping[Target, View]) -> list[Finding]:
    """What nobody can bring about: SageMaker sets a group's description when the group is created, and never again."""
    return [
        Finding(wish.path, "deferred", f"the description of the group {wish.name} is another than here")
        for wish in groups
        if (live := views[wish.place.target].groups.get(wish.name))
        and wish.group.description is not None
        and (live.description or "") != wish.group.description
    ]
