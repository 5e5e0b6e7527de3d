"""Fleet, hubs, spokes, guardrails and waivers on their own and with each other."""

from __future__ import annotations

import datetime as dt

from controller.core.arn import partition_of
from controller.core.checks.book import Book, repeated
from controller.core.globs import path_matches
from controller.core.limits import image_room, in_range, parse_moment, store_room
from controller.core.manifest import Access, Fleet, Guardrails, Hub, Spoke, Waiver
from controller.core.manifests import AnyEntry, Entry
from controller.core.problems import Where, did_you_mean, shown

MINIMAL_KEY = 8  # characters that every source's bucket and key have at least


def check_fleet(book: Book) -> None:
    """The version that is wanted, and the default access."""
    for entry in book.of("Fleet"):
        fleet: Fleet = entry.spec
        if fleet.requires and not in_range(book.version, fleet.requires):
            hint = "install a version that does, or change the range"
            book.fault(
                entry,
                "requires",
                ("spec", "requires"),
                f"this is Hubwright {book.version}, not {fleet.requires}",
                hint=hint,
            )
        for index, rule in enumerate(fleet.drift.ignore):
            _moment(book, entry, ("spec", "drift", "ignore", index, "until"), rule.until)


def check_hubs(book: Book) -> None:
    """Roles, stores, lengths; no two hubs in one place."""
    seen: dict[tuple[str, str], str] = {}
    for entry in book.of("Hub"):
        hub: Hub = entry.spec
        _check_access(book, entry, entry.spec.access, hub.account, hub.region)
        _check_stores(book, entry)
        if hub.audit is not None and hub.audit.bucket in {store.bucket for store in hub.stores}:
            message = "is the bucket of a store: who may write models must not be able to write history"
            book.fault(entry, "audit", ("spec", "audit", "bucket"), message, expected="a bucket of its own")
        if image_room(hub.account, hub.region, hub.images.prefix, "0" * 12) < 2:
            book.fault(
                entry,
                "length",
                ("spec", "images", "prefix"),
                "no room is left for the name of a repository",
                expected="a shorter prefix",
            )
        other = seen.setdefault((hub.account, hub.region), entry.name)
        if other != entry.name:
            book.fault(
                entry, "duplicate", ("spec", "account"), f"the Hub {shown(other)} is in the same account and region"
            )


def check_spokes(book: Book) -> None:
    """Region and roles; no two spokes in one place."""
    seen: dict[tuple[str, str], str] = {}
    for entry in book.of("Spoke"):
        spoke: Spoke = entry.spec
        if spoke.region is None:
            hint = "or give spec.defaults.spoke.region in the Fleet"
            book.fault(entry, "region", ("spec",), "region is missing", hint=hint, key=True)
            continue
        if spoke.access is not None:
            _check_access(book, entry, spoke.access, spoke.account, spoke.region)
        other = seen.setdefault((spoke.account, spoke.region), entry.name)
        if other != entry.name:
            book.fault(
                entry, "duplicate", ("spec", "account"), f"the Spoke {shown(other)} is in the same account and region"
            )


def _check_access(book: Book, entry: AnyEntry, access: Access, account: str, region: str) -> None:
    for purpose in ("read", "register", "approve"):
        arn: str | None = getattr(access, purpose)
        if arn is None:
            continue
        written = "role" if ("spec", "access", "role") in entry.values else purpose
        where: Where = ("spec", "access", written)
        _, said, _, _, owner, _ = arn.split(":", 5)
        if owner != account:
            book.fault(entry, "role-account", where, f"the role is of account {owner}", expected=f"a role of {account}")
        elif said != partition_of(region):
            book.fault(
                entry, "role-partition", where, f"the role is of partition {said}", expected=partition_of(region)
            )
        else:
            continue
        if written == "role":
            return


def _check_stores(book: Book, entry: Entry[Hub]) -> None:
    hub = entry.spec
    stores: Where = ("spec", "stores")
    for index in repeated(store.name for store in hub.stores):
        book.fault(
            entry, "duplicate", (*stores, index, "name"), f"two stores are named {shown(hub.stores[index].name)}"
        )
    for index in repeated((store.bucket, store.prefix) for store in hub.stores):
        book.fault(entry, "duplicate", (*stores, index, "bucket"), "another store has the same bucket and prefix")
    for index, store in enumerate(hub.stores):
        where = (*stores, index)
        if store_room(store.bucket, store.prefix, hub.account, "g" * 63, "g" * 63, 1) < MINIMAL_KEY:
            book.fault(
                entry,
                "length",
                (*where, "prefix"),
                "no room is left for the name of an object",
                expected="a shorter prefix",
            )
        if store.kms_key_arn is not None:
            _, said, _, region, *_ = store.kms_key_arn.split(":", 5)
            if (said, region) != (partition_of(hub.region), hub.region):
                book.fault(
                    entry,
                    "key-region",
                    (*where, "kmsKeyArn"),
                    f"the key is of {region}",
                    expected=f"a key of {hub.region}",
                )


def check_guardrails(book: Book) -> None:
    """Names within, time zones and times, owners."""
    for entry in book.of("Guardrails"):
        rules: Guardrails = entry.spec
        for section, items in (("gates", rules.gates), ("freezes", rules.freezes)):
            for index in repeated(item.name for item in items):
                book.fault(
                    entry,
                    "duplicate",
                    ("spec", section, index, "name"),
                    f"two of the {section} are named {shown(items[index].name)}",
                )
        _check_freezes(book, entry)
        for index, owner in enumerate(rules.owners):
            for at, spoke in enumerate(owner.spokes):
                book.named(entry, "Spoke", spoke, ("spec", "owners", index, "spokes", at))
            for at, glob in enumerate(owner.paths):
                if not book.apart and path_matches(glob, entry.below):
                    message = "covers these guardrails themselves: only team kinds may be written where teams own"
                    book.fault(entry, "owners", ("spec", "owners", index, "paths", at), message)


def _check_freezes(book: Book, entry: Entry[Guardrails]) -> None:
    for index, freeze in enumerate(entry.spec.freezes):
        where: Where = ("spec", "freezes", index)
        begin = _moment(book, entry, (*where, "from"), freeze.from_)
        end = _moment(book, entry, (*where, "until"), freeze.until)
        if begin and end and begin >= end:
            book.fault(entry, "time", (*where, "until"), "ends before it begins")
        if book.zones and freeze.zone not in book.zones:
            hint = did_you_mean(freeze.zone, [zone for zone in book.zones if zone[:1] == freeze.zone[:1]])
            book.fault(entry, "time", (*where, "zone"), f"there is no time zone {shown(freeze.zone)}", hint=hint)


def _moment(book: Book, entry: AnyEntry, where: Where, text: str) -> dt.datetime | None:
    try:
        return parse_moment(text)
    except ValueError as error:
        book.fault(entry, "time", where, f"{shown(text)} is not valid", expected=str(error))
        return None


def check_waivers(book: Book) -> None:
    """What they lift, for whom, until when."""
    for entry in book.of("Waiver"):
        waiver: Waiver = entry.spec
        _moment(book, entry, ("spec", "until"), waiver.until)
        guardrails, section, name = waiver.of.split("/")
        covering = book.named(entry, "Guardrails", guardrails, ("spec", "of"))
        known = _waivable(covering.spec, section) if covering is not None else [name]
        if name not in known:
            message = f"{guardrails} has no {shown(name)} among its {section}"
            book.fault(entry, "unknown-name", ("spec", "of"), message, hint=did_you_mean(name, known))
        if not book.elsewhere:  # a platform shared by several repositories does not know all promotions
            for index, promotion in enumerate(waiver.for_):
                book.named(entry, "Promotion", promotion, ("spec", "for", index))


def _waivable(rules: Guardrails, section: str) -> list[str]:
    if section == "caps":
        given = [part for part in (rules.caps, rules.caps and rules.caps.per_spoke) if part]
        names = ("approvals", "creates", "bytes", "percent")
        return [name for name in names if any(getattr(part, name, None) is not None for part in given)]
    return [item.name for item in getattr(rules, section)]
