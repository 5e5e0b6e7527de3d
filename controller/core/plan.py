"""What to do: changes become actions with ids and edges; holds, conflicts and blindness keep theirs back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from controller.core.canonical import stable_id
from controller.core.model import Action, Change, Key, Resource
from controller.core.reasons import REASONS, Standing
from controller.core.wish import Finding, Hold, Wish, Wishes


@dataclass(frozen=True, slots=True)
class Plan:
    """The actions of a run in an order that respects their needs, and what is not to be done.

    `changes` are those that are not `keep`, `kept` counts the others; `findings` say what is held back, unknown or in
    conflict; `complete` is false when something could not be read.
    """

    revision: str
    actions: tuple[Action, ...]
    changes: tuple[Change, ...]
    findings: tuple[Finding, ...] = ()
    kept: int = 0
    complete: bool = True


def action_id(verb: str, key: Key, before: object, after: object) -> str:
    return stable_id([verb, str(key), before, after])


def plan(
    revision: str, desired: Mapping[Key, Resource], changes: Sequence[Change], wishes: Wishes, kinds: Sequence[str]
) -> Plan:
    """The plan of a run, with the findings that follow from the changes; `kinds` has each after those it needs."""
    rank = {kind: place for place, kind in enumerate(kinds)}
    held = {wish.subject.name: wish.holds for wish in wishes.promotions if wish.holds}
    groups = {wish.subject.name: _group(wish) for wish in wishes.promotions}
    by_key = {change.key: change for change in changes}
    out = _Sorted(desired, by_key, held, groups)
    for change in sorted(changes, key=lambda change: (rank[change.key.kind], change.key)):
        out.add(change)
    return Plan(
        revision=revision,
        # Revocations first, so that nothing can keep them waiting and nobody can miss them.
        actions=tuple(sorted(out.actions.values(), key=lambda action: not action.facts.get("revokes"))),
        changes=tuple(change for change in changes if change.verb != "keep"),
        findings=(*out.findings, *out.blocked),
        kept=sum(change.verb == "keep" for change in changes),
        complete=not any(change.verb == "unknown" for change in changes),
    )


def _group(wish: Wish) -> str:
    return f"{wish.subject.place.target}/{wish.subject.group_name}"


class _Sorted:
    """Sorts changes into actions and findings, in the order of their needs."""

    def __init__(
        self,
        desired: Mapping[Key, Resource],
        changes: Mapping[Key, Change],
        held: Mapping[str, tuple[Hold, ...]],
        groups: Mapping[str, str],
    ) -> None:
        self.actions: dict[Key, Action] = {}
        self.findings: list[Finding] = []
        self._blocked: dict[Finding, None] = {}
        self._seen: set[Key] = set()
        self._desired = desired
        self._changes = changes
        self._held = held
        self._groups = groups

    def add(self, change: Change) -> None:
        """Sorts a change, and before it those that it needs."""
        if change.key in self._seen:
            return
        self._seen.add(change.key)
        for need in self._desired[change.key].needs:
            if need in self._changes:
                self.add(self._changes[need])
        if change.verb == "keep":
            return
        if change.verb in ("unknown", "conflict"):
            self._say(change)
            return
        wish = self._desired[change.key]
        free = [origin for origin in wish.origins if not self._hold(origin, wish)]
        if wish.origins and not free:
            self._block(wish)
        elif all(self._will_be(need) for need in wish.needs):
            self.actions[change.key] = self._action(change, wish)
        else:
            self._withhold(wish)

    @property
    def blocked(self) -> tuple[Finding, ...]:
        """Why actions are withheld, once for each promotion and rule."""
        return tuple(self._blocked)

    def _say(self, change: Change, origins: Iterable[str] | None = None) -> None:
        why = REASONS.get(change.reason, change.reason)
        standing: Standing = "unknown" if change.verb == "unknown" else "conflict"
        for origin in change.origins if origins is None else origins:
            self.findings.append(Finding(origin, standing, f"{change.key.kind} {change.key.name}: {why}"))

    def _withhold(self, wish: Resource) -> None:
        """Says what is in the way where nobody has told these origins: another manifest's group, mostly."""
        for need in wish.needs:
            change = self._changes.get(need)
            if change is not None and change.verb in ("unknown", "conflict"):
                self._say(change, sorted({*wish.origins} - {*change.origins}))

    def _hold(self, origin: str, wish: Resource) -> tuple[Hold, ...]:
        if wish.facts.get("revokes"):
            return ()
        covers = {"group"} if wish.facts.get("supersedes") else {"group", "all"}
        if wish.key.kind == "approval" and "all" in covers:
            covers.add("approval")
        return tuple(hold for hold in self._held.get(origin, ()) if hold.covers in covers)

    def _block(self, wish: Resource) -> None:
        for origin in wish.origins:
            for hold in self._hold(origin, wish):
                self._blocked.setdefault(Finding(origin, hold.standing, hold.why, hold.hint))

    def _will_be(self, need: Key) -> bool:
        change = self._changes.get(need)
        return change is not None and (change.verb == "keep" or need in self.actions)

    def _action(self, change: Change, wish: Resource) -> Action:
        needs = tuple(self.actions[need].id for need in wish.needs if need in self.actions)
        groups = {self._groups[origin] for origin in wish.origins if origin in self._groups}
        if change.key.kind == "group":
            groups.add(f"{change.key.target}/{change.key.name}")
        return Action(
            id=action_id(change.verb, change.key, change.before, change.after),
            verb=change.verb,
            key=change.key,
            before=change.before,
            after=change.after,
            needs=needs,
            origins=wish.origins,
            groups=tuple(sorted(groups)),
            reason=change.reason,
            facts=wish.facts,
        )


def within(whole: Plan, saved: Iterable[str]) -> Plan:
    """The part of a plan that saved plans allow: a group with any other new action is left untouched and stale."""
    ids = set(saved)
    new = [action for action in whole.actions if action.id not in ids and not action.facts.get("revokes")]
    stale = {group for action in new for group in action.groups}
    kept = tuple(
        action
        for action in whole.actions
        if action.facts.get("revokes") or (action.id in ids and not stale.issuperset(action.groups))
    )
    done = {action.id for action in kept}
    dropped = [action for action in whole.actions if action.id not in done and action.key.kind != "group"]
    promotions = {origin for action in dropped for origin in action.origins}
    return replace(whole, actions=kept, findings=(*whole.findings, *map(_stale, sorted(stale) + sorted(promotions))))


Why = tuple[str, str]


def without(whole: Plan, refused: Mapping[str, Why]) -> Plan:
    """The plan without what is sure to be refused (by action id: why, and what to do about it).

    Of a promotion that cannot be finished nothing is begun, and what others need too is left to them. Revoking stays.
    """
    gone: dict[str, Why] = dict(refused)
    stopped: dict[str, Why] = {}
    for _ in whole.actions:  # each round stops at least one more
        known = len(gone) + len(stopped)
        for item in whole.actions:
            why = _stopped(item, gone, stopped)
            if why is not None and not item.facts.get("revokes"):
                gone.setdefault(item.id, why)
                stopped |= {name: why for name in item.origins if name not in stopped}
        if len(gone) + len(stopped) == known:
            break
    kept = tuple(item for item in whole.actions if item.id not in gone)
    findings = (Finding(name, "refused", f"nothing was begun: {why}", hint) for name, (why, hint) in stopped.items())
    return replace(whole, actions=kept, findings=(*whole.findings, *findings))


def _stopped(item: Action, gone: Mapping[str, Why], stopped: Mapping[str, Why]) -> Why | None:
    """Why an action is not to be begun: it is refused, needs what is, or all who ask for it are stopped."""
    needed = next((gone[name] for name in (item.id, *item.needs) if name in gone), None)
    if needed is None and item.origins and all(name in stopped for name in item.origins):
        return stopped[item.origins[0]]
    return needed


def ahead(whole: Plan, names: Iterable[str]) -> Plan:
    """The part of a plan that only copies, for the promotions of these names: nothing registered, nothing approved."""
    chosen = set(names)
    kept = tuple(
        action
        for action in whole.actions
        if action.key.kind in ("repository", "image", "artifact") and not chosen.isdisjoint(action.origins)
    )
    return replace(whole, actions=kept, findings=())


def only(whole: Plan, saved: Iterable[str]) -> Plan:
    """Exactly the actions that saved plans have. Every other one is stale, and so is what needs such a one."""
    ids = set(saved)
    kept: dict[str, Action] = {}
    for item in whole.actions:
        if item.id in ids and all(need in kept for need in item.needs):
            kept[item.id] = item
    left = sorted(str(item.key) for item in whole.actions if item.id not in kept)
    return replace(whole, actions=tuple(kept.values()), findings=(*whole.findings, *map(_stale, left)))


def _stale(about: str) -> Finding:
    why = "it needs actions that the saved plan does not have"
    return Finding(about, "stale", why, "plan it again, and have that reviewed")
