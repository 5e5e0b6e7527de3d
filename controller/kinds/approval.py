"""How versions in the hub stand: approval, its description, lifecycle stage and metadata, in one update.

A version is never created as Approved. Its only verb is update: an absent version counts as it will be just after
its creation. Revoking needs nothing but the version itself; approving needs everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from controller.core.derived import terms_of
from controller.core.errors import PreconditionError, SafetyError
from controller.core.manifest import Stage, Superseded
from controller.core.marks import LINEAGE, MAX_ENTRIES, PREFIX, REVISION, compared, is_keys_mark, keys_marks, owned_keys
from controller.core.model import Action, Key, Resource, Target
from controller.core.record import record_key
from controller.core.view import Package, View
from controller.core.wish import Subject, Wish, Wishes
from controller.kinds import artifact, image, versions
from controller.kinds.base import Client, Facts, World
from controller.kinds.group import check_hold
from controller.kinds.verify import verified

NAME = "approval"
_OWN_LATER = ("superseded-by", "duplicate-of")
_RETIRED = Stage("Retired", "Superseded")


def spec_of(live: Package) -> dict[str, Any]:
    """How a live version stands."""
    return _spec(live.approval, live.description, live.stage, compared(live.metadata))


def _spec(
    approval: str, description: str | None, stage: Mapping[str, str] | None, metadata: Mapping[str, str]
) -> dict[str, Any]:
    return {
        "approval": approval,
        "description": description,
        "stage": dict(stage) if stage else None,
        "metadata": dict(metadata),
    }


def _fresh(wish: Wish) -> dict[str, Any] | None:
    """How the version will stand just after its creation or adoption; None when there can be neither."""
    live = wish.subject.adopts
    if live is not None and wish.in_place is not None and wish.metadata is not None:
        return _spec(live.approval, live.description, live.stage, compared(wish.metadata))
    return _spec("PendingManualApproval", None, None, wish.metadata) if wish.metadata is not None else None


def desire(wishes: Wishes) -> Iterator[Resource]:
    names = {(wish.subject.place.target, wish.subject.name): wish for wish in wishes.promotions}
    for wish in wishes.promotions:
        current = names.get((wish.subject.place.target, wish.subject.stands_by))
        yield from _own(wish) if not wish.subject.stands_by else _standing_by(wish, current)
        subject = wish.subject
        beside = {"group": subject.group_name, "revokes": True}
        for item in wish.rejected:
            yield Resource(
                wish.key_beside(item), _wished(subject, spec_of(item)), (), (subject.name,), _known(beside, item)
            )
        for item in wish.duplicates:
            spec = _aside(spec_of(item), "Rejected", None, {"duplicate-of": _number(subject.live)})
            yield Resource(
                wish.key_beside(item), spec, (), (subject.name,), {**_known(beside, item), "duplicate": True}
            )
        for item in wish.superseded:
            spec = _superseded(item, subject.group.superseded, subject.identity)
            facts = {**_known(beside, item), "revokes": False, "supersedes": True}
            if first := current if subject.stands_by else wish:
                yield Resource(wish.key_beside(item), spec, (first.approval_key,), (subject.name,), facts)


def _standing_by(wish: Wish, current: Wish | None) -> Iterator[Resource]:
    """Beside the group's current promotion: superseded once that one is Approved, and never approved itself."""
    subject, live = wish.subject, wish.subject.live
    if live is None or not (live.approval == "Approved" or live.superseded):
        yield from _own(wish)
        return
    known = _known({"group": subject.group_name, "revokes": False, "supersedes": True}, live)
    if current is None:  # it cannot be told, or is not in this run's scope
        yield Resource(wish.approval_key, spec_of(live), (), (subject.name,), known)
        return
    spec = _superseded(live, subject.group.superseded, current.subject.identity or subject.stands_by)
    yield Resource(wish.approval_key, spec, (current.approval_key,), (subject.name,), known)


def _own(wish: Wish) -> Iterator[Resource]:
    subject = wish.subject
    live = subject.live
    before = spec_of(live) if live is not None else _fresh(wish)
    if before is None:
        return
    facts: dict[str, Any] = {"group": subject.group_name, "promotion": subject.identity, "revokes": False}
    if live is not None:
        facts |= {"arn": live.version.arn, "promotion": live.mark("promotion")}
    wish_is = subject.asks
    after = before if subject.kept else _wished(subject, before)
    if live is not None and live.rejected_by_person and wish_is != "Approved":
        after = before  # a person's Rejected satisfies a hold, and while it stands nothing updates the version
    needs: tuple[Key, ...] = ()
    if wish_is == "Rejected" and live is not None:
        facts["revokes"] = True
    elif wish_is == "Approved":
        needs = (wish.key, artifact.key(wish), *(image.key(subject.place.target, copy) for copy in wish.images))
        facts |= {**_evidence(wish), "passed": list(wish.passed)}
    elif live is None or before["approval"] != "Approved":  # an approval is taken away from whatever stands there
        needs = (wish.key,)
    yield Resource(wish.approval_key, after, needs, (subject.name,), facts)


def _evidence(wish: Wish) -> dict[str, Any]:
    """Where to look before approving."""
    subject, store = wish.subject, wish.store
    record = record_key(store.prefix, subject.source.account, subject.recorded_as)
    images = [[copy.repository, copy.digest] for copy in wish.images]
    deep = store.verify == "deep"
    facts = {"bucket": store.bucket, "record": record, "locked": subject.locked, "images": images, "deep": deep}
    return {**facts, "terms": terms_of(subject, store)}


def _known(facts: Mapping[str, Any], item: Package) -> dict[str, Any]:
    return {**facts, "arn": item.version.arn, "promotion": item.mark("promotion")}


def _number(live: Package | None) -> str:
    return str(live.number) if live is not None else "1"


def _wished(subject: Subject, before: Mapping[str, Any]) -> dict[str, Any]:
    """What Git asks for, where it is silent as it stands."""
    promotion = subject.promotion
    owned = owned_keys(before["metadata"]) - set(promotion.metadata)
    later = {PREFIX + name for name in _OWN_LATER}
    metadata = {
        name: value
        for name, value in before["metadata"].items()
        if name not in owned and name not in later and not is_keys_mark(name)
    }
    metadata |= {**promotion.metadata, **keys_marks(promotion.metadata), PREFIX + "approval": subject.asks}
    if subject.asks == "Approved":
        metadata[PREFIX + "approved"] = "yes"
    if subject.asks == "Rejected" and len(metadata) > MAX_ENTRIES:  # no stranger's entries stop a revocation
        metadata = {name: value for name, value in metadata.items() if name in before["metadata"]}
    description = promotion.reason if promotion.reason is not None else before["description"]
    return _spec(subject.asks, description, _stage(promotion.stage) or before["stage"], metadata)


def _stage(stage: Stage | None) -> dict[str, str] | None:
    if stage is None:
        return None
    named = {"Stage": stage.name, "StageStatus": stage.status}
    return named | ({"StageDescription": stage.description} if stage.description else {})


def _superseded(item: Package, rule: Superseded, by: str) -> dict[str, Any]:
    if item.approval == "Rejected":
        return spec_of(item)  # whoever rejected it, that is enough
    marks = {"superseded-by": item.mark("superseded-by") or by}  # by the first one: later ones change nothing for it
    return _aside(spec_of(item), rule.approval, _stage(rule.stage or _RETIRED), marks)


def _aside(
    before: Mapping[str, Any], approval: str, stage: Mapping[str, str] | None, marks: Mapping[str, str]
) -> dict[str, Any]:
    own = {PREFIX + name: value for name, value in {**marks, "approval": approval}.items()}
    return _spec(approval, before["description"], stage or before["stage"], {**before["metadata"], **own})


def observe(wishes: Wishes, views: Mapping[Target, View]) -> Iterator[Resource]:
    for wish in wishes.promotions:
        live = wish.subject.live
        stands = spec_of(live) if live is not None else _fresh(wish)
        if stands is not None:
            yield Resource(wish.approval_key, stands)
        for item in (*wish.rejected, *wish.duplicates, *wish.superseded):
            yield Resource(wish.key_beside(item), spec_of(item))


def reason(before: Any, after: Any) -> str:
    marks = {name for name, value in after["metadata"].items() if before["metadata"].get(name) != value}
    if PREFIX + "duplicate-of" in marks:
        return "duplicate"
    if PREFIX + "superseded-by" in marks:
        return "superseded"
    if before["approval"] != after["approval"]:
        return "approval"
    plain = all(before[name] == after[name] for name in ("description", "stage"))
    return "marked" if plain and PREFIX + "approval" in marks else "described"


def create(world: World, action: Action) -> Facts:
    raise SafetyError(f"an approval is only ever updated: {action.key}")


def update(world: World, action: Action) -> Facts:
    client = world.cloud.client(action.key.target, "sagemaker", "approve")
    arn = action.facts.get("arn") or world.made.of(action.needs, "arn")
    if arn is None:
        raise PreconditionError(f"{action.key.name} has not been registered")
    live = versions.finished(world, client, arn)
    doubled: list[str] = []
    if action.after["approval"] == "Approved":
        if live.status != "Completed":
            raise PreconditionError(f"{arn} is {live.status}: {live.failure or 'SageMaker gives no reason'}")
        live, doubled = _one(world, client, action, live)
    _unmoved(action, live)
    if spec_of(live) != action.after:
        if action.after["approval"] == "Approved":
            verified(world, action, live)
            live = _again(client, action, live)
        if not action.facts["revokes"]:
            check_hold(world, action.key.target, action.facts["group"])
        _write(world, client, action.after, live)
        _settled(client, action, live.version.arn)
    return {"arn": live.version.arn, "duplicates": doubled}


def _again(client: Client, action: Action, live: Package) -> Package:
    """The version as it stands once all was verified, which may have taken long: what people said meanwhile counts."""
    now = versions.describe(client, live.version.arn)
    if now is None:
        raise PreconditionError(f"{live.version.arn} is gone")
    _unmoved(action, now)
    if now.spec != live.spec:
        raise PreconditionError(f"{live.version.arn} was changed while its bytes were verified: somebody changed it")
    return now


def _unmoved(action: Action, live: Package) -> None:
    """Refuses when the version stands neither as planned from nor as planned to: somebody changed it meanwhile."""
    stands = spec_of(live)
    if stands not in (action.before, action.after):
        raise PreconditionError(
            f"{live.version.arn} was changed while this ran (now {live.approval}, by {live.modified_by or 'somebody'})",
            "run it again: it plans from what is there now",
        )


def _one(world: World, client: Client, action: Action, live: Package) -> tuple[Package, list[str]]:
    """The one version of this promotion that may be approved: the lowest. The others are rejected and named."""
    number = live.number
    promotion = action.facts["promotion"]
    same = versions.siblings(world, client, action.key.target, action.facts["group"], promotion, number)
    usable = [item for item in same if not item.mark("duplicate-of")]
    first = min(usable, key=lambda item: item.number, default=live)
    others = [item for item in usable if item.number != first.number and item.approval != "Rejected"]
    for item in others:
        ready = versions.finished(world, client, item.version.arn)
        spec = _aside(spec_of(ready), "Rejected", None, {"duplicate-of": str(first.number)})
        _write(world, client, spec, ready)
    if first.number != number:
        first = versions.finished(world, client, first.version.arn)
    return first, [item.version.arn for item in others]


def _write(world: World, client: Client, after: Mapping[str, Any], live: Package) -> None:
    """One update: what differs, with the full metadata map, which is right whether AWS merges or replaces it."""
    shown = {name: value for name, value in live.metadata.items() if name == LINEAGE}
    if len(after["metadata"]) + len(shown) < MAX_ENTRIES:
        shown[REVISION] = world.revision
    request: dict[str, Any] = {"CustomerMetadataProperties": {**after["metadata"], **shown}}
    gone = sorted(set(live.metadata) - set(request["CustomerMetadataProperties"]))
    if gone:
        request["CustomerMetadataPropertiesToRemove"] = gone
    if after["approval"] != live.approval:
        request["ModelApprovalStatus"] = after["approval"]
    if after["description"] != live.description:
        request["ApprovalDescription"] = after["description"]
    if after["stage"] != (dict(live.stage) if live.stage else None):
        request["ModelLifeCycle"] = after["stage"]
    client.call("UpdateModelPackage", ModelPackageArn=live.version.arn, **request)


def _settled(client: Client, action: Action, arn: str) -> None:
    """UpdateModelPackage has no compare-and-swap: look once whether somebody else wrote at the same moment."""
    now = versions.describe(client, arn)
    if now is None or now.approval != action.after["approval"]:
        stands = now.approval if now else "gone"
        raise PreconditionError(f"{arn} was changed at the same moment and is now {stands}")


def delete(world: World, action: Action) -> Facts:
    raise SafetyError(f"an approval is never deleted: {action.key}")
