"""Tells apart why the documents of access are not live as Git says: Git is ahead, or somebody changed them. Pure.

Policies carry no revision. So the revision that an account's documents were last brought about from is the newest one
that most of them still agree with: what differs from that was changed, what differs only from Git now is to come.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from controller.core.access.document import Document
from controller.core.access.settings import Manage
from controller.core.drift import Evidence, Item, Mend, Severity
from controller.core.manifest import Mode
from controller.core.model import Change, Json, Key

_COMING = ("group_policy", "repository_policy")
"""Of what comes into being by promotions: none of ours in one may mean that access was not applied since."""
_MODES: Mapping[Manage, Mode] = {"apply": "enforce", "render": "warn", "observe": "observe"}


@dataclass(frozen=True, slots=True)
class Account:
    """One account as it was looked at. `wished` are its documents that could be read, `changes` those of them that are
    not as wished; `unread` maps what could not be to why not. `hub` is the name of the hub there, if one is."""

    number: str
    wished: Mapping[Key, Document]
    changes: Mapping[Key, Change]
    unread: Mapping[str, str] = field(default_factory=dict)
    manage: Manage = "apply"
    hub: str = ""

    def live(self, key: Key) -> Json:
        """What is live of a document, None when nothing is."""
        return self.changes[key].before if key in self.changes else self.wished[key].spec

    @property
    def applied(self) -> bool:
        """Whether anything of the fleet's was ever brought about here, and is there still."""
        return any((self.live(key) or {}).get("statements") for key in self.wished)


def items(account: Account, before: Iterable[Mapping[Key, Document]]) -> Iterator[Item]:
    """What there is to say of an account. `before` are its documents as earlier revisions had them, newest first; they
    are asked for only where something differs. Where nothing of the fleet's is, nothing can have drifted."""
    if account.applied and account.changes:
        once = _last(account, before)
        coming = [change for change in account.changes.values() if _to_come(change, once)]
        for key, change in account.changes.items():
            if change not in coming:
                yield _item(account, key, change)
        if coming:
            yield _pending(account, coming)
    if account.unread:
        yield _unread(account)


def _last(account: Account, before: Iterable[Mapping[Key, Document]]) -> Mapping[Key, Document] | None:
    """The documents as they were last brought about; None: as they are wished now."""
    best, most = None, len(account.wished) - len(account.changes)
    for documents in before:
        agreeing = sum(_of(documents, key) == account.live(key) for key in account.wished)
        if agreeing > most:
            best, most = documents, agreeing
    return best


def _of(documents: Mapping[Key, Document], key: Key) -> Json:
    return documents[key].spec if key in documents else None


def _to_come(change: Change, once: Mapping[Key, Document] | None) -> bool:
    if once is not None and _of(once, change.key) == change.before:
        return True
    return change.before is None and change.key.kind in _COMING


def _pending(account: Account, coming: Iterable[Change]) -> Item:
    rows = tuple(Evidence(named(change.key), _short(change.after), _short(change.before)) for change in coming)
    why = f"Git is ahead of {len(rows)} of its access documents: access was not applied since"
    return Item(
        "pending", "info", account.number, "access", why, account.hub, evidence=rows, mend=_mend(account),
        mode=_MODES[account.manage],
    )  # fmt: skip


def _item(account: Account, key: Key, change: Change) -> Item:
    rows = tuple(_rows(change))
    return Item(
        "drift",
        _severity(change, rows),
        str(key),
        key.kind.replace("_", "-"),
        _why(change, rows),
        account.hub,
        key.name if key.kind == "group_policy" and account.hub else "",
        evidence=rows,
        mend=Mend() if change.verb == "conflict" else _mend(account),
        mode=_MODES[account.manage],
    )


def _mend(account: Account) -> Mend:
    words = {"apply": f"apply --account {account.number}", "render": f"render --account {account.number}"}
    return Mend((f"hubwright access {words[account.manage]}",)) if account.manage in words else Mend()


def _rows(change: Change) -> Iterator[Evidence]:
    """What differs: statement by statement, and field by field of what is no policy."""
    before, after = change.before or {}, change.after
    was, wished = before.get("statements", {}), after.get("statements", {})
    for sid in sorted({*was, *wished}):
        if was.get(sid) != wished.get(sid):
            yield Evidence(sid, wished.get(sid), was.get(sid))
    for name in sorted({*before, *after} - {"statements"}):
        if before.get(name) != after.get(name):
            yield Evidence(name, after.get(name), before.get(name))


def _why(change: Change, rows: Iterable[Evidence]) -> str:
    what = change.key.kind.replace("_", " ")
    if change.verb == "conflict":
        return "another role stands in its place: name the role as it is called, or remove it"
    if _gone(change):
        return f"the {what} is gone"
    if all(row.found is None for row in rows):
        return f"somebody took out of the {what} what the fleet has put there"
    return f"somebody changed what the fleet says in the {what}"


def _severity(change: Change, rows: Iterable[Evidence]) -> Severity:
    """Critical is what grants something else, no longer denies, or is gone; a grant that is missing only fails."""
    if change.verb == "conflict" or _gone(change):
        return "critical"
    loud = any(row.found is not None or (row.expected or {}).get("Effect") == "Deny" for row in rows)
    return "critical" if loud else "warning"


def _gone(change: Change) -> bool:
    """Whether the thing itself is not there: a policy belongs to something that others make."""
    return change.before is None and not change.key.kind.endswith("_policy")


def _unread(account: Account) -> Item:
    rows = tuple(Evidence(name, None, why) for name, why in sorted(account.unread.items()))
    why = "not all of its access documents could be looked at: they may be as Git says, or not"
    return Item("blind", "info", account.number, "access", why, account.hub, evidence=rows)


def named(key: Key) -> str:
    """A document within its account."""
    return f"{key.kind} {key.name}"


def _short(spec: Json) -> Json:
    """Of a policy how many statements it has; the rest as it is."""
    if spec is None or "statements" not in spec:
        return spec
    return {"statements": len(spec["statements"])}
