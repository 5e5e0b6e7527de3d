"""Groups, promotions and subscriptions: the names they use, and what SageMaker or the platform would refuse."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from controller.core.arn import partition_of
from controller.core.checks.book import Book, circles
from controller.core.globs import any_matches
from controller.core.limits import parse_moment
from controller.core.manifest import Follow, ModelGroup, Promotion, Subscription
from controller.core.manifests import AnyEntry, Entry
from controller.core.problems import Where, shown

_FROM: Where = ("spec", "from")
_TO: Where = ("spec", "to", "group")


def check_groups(book: Book) -> None:
    """Hub, unique name in the hub, readers, tags, and the current promotion."""
    seen: dict[tuple[str | None, str | None], list[Entry[ModelGroup]]] = defaultdict(list)
    for entry in book.of("ModelGroup"):
        group: ModelGroup = entry.spec
        if group.hub is None:
            book.fault(
                entry,
                "hub",
                ("spec",),
                "hub is missing",
                expected="one of the hubs' names, as there are several",
                key=True,
            )
        else:
            book.named(entry, "Hub", group.hub, ("spec", "hub"))
        seen[group.hub, group.group].append(entry)
        for index, reader in enumerate(group.readers):
            _check_reader(book, entry, reader, ("spec", "readers", index))
        if group.current is not None:
            _check_current(book, entry, group.current)
    for twins in seen.values():
        for entry, other in zip(twins, [*twins[1:], twins[0]], strict=True):
            if other is not entry:
                book.fault(
                    entry,
                    "duplicate",
                    ("spec", "group"),
                    f"{other.path} declares the same group {shown(entry.spec.group)} of the hub",
                )


def _check_reader(book: Book, entry: Entry[ModelGroup], reader: str, where: Where) -> None:
    if not reader.startswith("arn:"):
        book.named(entry, "Spoke", reader, where)
        return
    hub = book.get("Hub", entry.spec.hub)
    if hub is not None and reader.split(":")[1] != partition_of(hub.spec.region):
        book.fault(
            entry,
            "role-partition",
            where,
            "the role is of another partition than the hub",
            expected=partition_of(hub.spec.region),
        )


def _check_current(book: Book, entry: Entry[ModelGroup], current: str) -> None:
    where: Where = ("spec", "current")
    promotion = book.named(entry, "Promotion", current, where)
    if promotion is None:
        return
    if promotion.spec.to.group != entry.name:
        book.fault(
            entry,
            "current",
            where,
            f"the Promotion {shown(current)} goes to {shown(promotion.spec.to.group)}",
            expected="one of this group",
        )
    elif promotion.spec.approval != "Approved":
        book.fault(
            entry,
            "current",
            where,
            f"the Promotion {shown(current)} says {promotion.spec.approval}",
            expected="one that says Approved",
        )


def check_promotions(book: Book) -> None:
    """Source, target, reserved and limited texts, soaks, and no two of one source to one group."""
    for entry in book.of("Promotion"):
        promotion: Promotion = entry.spec
        target = book.named(entry, "ModelGroup", promotion.to.group, _TO)
        if promotion.source.promotion is not None:
            before = book.named(entry, "Promotion", promotion.source.promotion, (*_FROM, "promotion"))
            _check_regions(book, entry, _hub(book, before), _hub(book, entry))
        elif promotion.source.spoke is not None and promotion.source.group is not None:
            _check_source(book, entry, promotion.source.spoke, promotion.source.group, target)
        if promotion.after is not None:
            book.named(entry, "Promotion", promotion.after.promotion, ("spec", "after", "promotion"))
        if promotion.adopts is not None:
            _check_adopts(book, entry)
        if promotion.overrules is not None:
            _check_moment(book, entry, promotion.overrules)
    _check_circles(book)
    _check_same(book)
    _check_adopted_once(book)


def _check_moment(book: Book, entry: AnyEntry, text: str) -> None:
    try:
        parse_moment(text)
    except ValueError as error:
        book.fault(entry, "time", ("spec", "overrules"), f"{shown(text)} is not valid", expected=str(error))


def _check_adopts(book: Book, entry: AnyEntry) -> None:
    """What is adopted stands in the hub already, and is proven by what stands in a spoke."""
    where: Where = ("spec", "adopts")
    promotion: Promotion = entry.spec
    if promotion.attempt > 1:
        book.fault(entry, "adopts", where, "an attempt above 1 registers a new version", hint="take `adopts` away")
    if promotion.source.promotion is not None:
        book.fault(entry, "adopts", where, "what comes from another promotion is not adopted", expected="from.spoke")
    if "reference" in (promotion.artifacts, promotion.images):
        book.fault(entry, "adopts", where, "what is adopted stands in the hub, and refers to nothing", expected="copy")


def _check_adopted_once(book: Book) -> None:
    seen: dict[tuple[str, int], list[AnyEntry]] = defaultdict(list)
    for entry in book.of("Promotion"):
        if entry.spec.adopts is not None:
            seen[entry.spec.to.group, entry.spec.adopts].append(entry)
    for twins in seen.values():
        for entry, other in zip(twins, [*twins[1:], twins[0]], strict=True):
            if other is not entry:
                book.fault(entry, "duplicate", ("spec", "adopts"), f"{other.path} adopts the same version")


def _hub(book: Book, entry: AnyEntry | None) -> AnyEntry | None:
    group = book.get("ModelGroup", entry.spec.to.group) if entry is not None else None
    return book.get("Hub", group.spec.hub) if group is not None else None


def _check_source(book: Book, entry: AnyEntry, spoke: str, group: str, target: AnyEntry | None) -> None:
    """A spoke's group: whether it may leave, and whether the hub can take it."""
    found = book.named(entry, "Spoke", spoke, (*_FROM, "spoke"))
    if found is None:
        return
    allowed = found.spec.allow.groups
    revoked = getattr(entry.spec, "approval", "") == "Rejected"  # whatever may leave the spoke by now
    if not revoked and not any_matches([glob.casefold() for glob in allowed], group.casefold()):
        expected = f"one of {', '.join(allowed)}" if allowed else "none"
        hint = f"spec.allow.groups in {found.path}"
        book.fault(
            entry,
            "allow",
            (*_FROM, "group"),
            f"the Spoke {shown(spoke)} does not let {shown(group)} leave",
            expected=expected,
            hint=hint,
        )
    hub = book.get("Hub", target.spec.hub) if target is not None else None
    _check_regions(book, entry, found, hub)


def _check_regions(book: Book, entry: AnyEntry, source: AnyEntry | None, hub: AnyEntry | None) -> None:
    if source is None or hub is None or source.spec.region is None:
        return
    here, there = source.spec.region, hub.spec.region
    if partition_of(here) != partition_of(there):
        book.fault(
            entry,
            "partition",
            _FROM,
            f"from {here} to {there} leads into another partition",
            hint="AWS has no way between partitions",
        )
    elif here != there:
        for what in ("artifacts", "images"):
            if getattr(entry.spec, what) == "reference":
                message = f"a reference from {here} to {there}: SageMaker reads within one region"
                book.fault(entry, "region", ("spec", what), message, expected="copy")


def _check_circles(book: Book) -> None:
    promotions: list[Entry[Promotion]] = book.every("Promotion")
    chains = {entry.name: entry.spec.source.promotion for entry in promotions}
    soaks = {entry.name: entry.spec.after.promotion for entry in promotions if entry.spec.after is not None}
    places: tuple[tuple[Mapping[str, str | None], Where], ...] = (
        (chains, (*_FROM, "promotion")),
        (soaks, ("spec", "after", "promotion")),
    )
    for links, where in places:
        for name in circles({name: to for name, to in links.items() if to is not None}):
            book.fault(book.entries["Promotion", name], "circle", where, "leads back to this promotion")


def _check_same(book: Book) -> None:
    seen: dict[tuple[object, ...], list[AnyEntry]] = defaultdict(list)
    for entry in book.of("Promotion"):
        origin = book.origin(entry.spec.source)
        spoke = book.get("Spoke", origin.spoke) if origin is not None else None
        if origin is not None and spoke is not None and origin.group is not None:
            place = (spoke.spec.account, spoke.spec.region)
            seen[(*place, origin.group.casefold(), origin.version, entry.spec.to.group)].append(entry)
    _fault_twins(book, seen, "promotes the same version to the same group")


def _fault_twins(book: Book, seen: Mapping[tuple[object, ...], list[AnyEntry]], what: str) -> None:
    for twins in seen.values():
        for entry, other in zip(twins, [*twins[1:], twins[0]], strict=True):
            if other is not entry:
                book.fault(entry, "duplicate", _FROM, f"{other.path} {what}", hint="remove one of them", key=True)


def check_subscriptions(book: Book) -> None:
    """Source and target, and no two for one pair of groups."""
    seen: dict[tuple[object, ...], list[AnyEntry]] = defaultdict(list)
    for entry in book.of("Subscription"):
        subscription: Subscription = entry.spec
        source: Follow = subscription.source
        target = book.named(entry, "ModelGroup", subscription.to.group, _TO)
        _check_source(book, entry, source.spoke, source.group, target)
        spoke = book.get("Spoke", source.spoke)
        if spoke is not None:
            seen[(spoke.spec.account, spoke.spec.region, source.group.casefold(), subscription.to.group)].append(entry)
    _fault_twins(book, seen, "follows the same group into the same group")
