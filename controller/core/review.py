"""A pull request's review as it is handed in, because Git's own names of authors prove nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from controller.core.rules import Approvals


@dataclass(frozen=True, slots=True)
class Approver:
    """One person who approved, and the teams they are in."""

    login: str
    teams: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Review:
    """Who approved a pull request at which commit.

    `vouched` are the promotions that are now as they were at its `head`; `unbound` says why it vouches for none.
    `hands` are those who wrote or pushed a commit of it, beside `author`, who opened it, as far as it says.
    """

    pr: str
    head: str
    author: str
    approvers: tuple[Approver, ...]
    merged_by: str
    vouched: frozenset[str] = frozenset()
    unbound: str = ""
    hands: frozenset[str] = frozenset()


def lacking(rule: Approvals, review: Review | None, promotion: str) -> tuple[str, str]:
    """What is missing for a promotion's approvals, and what to do; both empty when nothing is."""
    who = f"{rule.count} of {', '.join(rule.from_)}" if rule.from_ else f"{rule.count}"
    if review is None:
        return f"{who} must approve, and no review was given", "give it with --review review.json"
    if review.unbound:
        return f"the review of pull request {review.pr} does not count: {review.unbound}", ""
    if promotion not in review.vouched:
        why = f"the review of pull request {review.pr} is of another state of it (at {review.head[:12]})"
        return why, "have what is there now reviewed"
    counted = sorted({item.login.casefold() for item in review.approvers if _counts(rule, review, item)})
    if len(counted) >= rule.count:
        return "", ""
    said = f"approved by {', '.join(counted)}" if counted else "approved by nobody who counts"
    return f"{who} must approve; pull request {review.pr} is {said}", ""


def told(review: Review | None, promotion: str) -> dict[str, Any]:
    """What a review says of a promotion, for its lineage; empty where it does not vouch for it."""
    if review is None or review.unbound or promotion not in review.vouched:
        return {}
    return {
        "pr": review.pr,
        "head": review.head,
        "author": review.author,
        "approvers": [{"login": one.login, "teams": list(one.teams)} for one in review.approvers],
        "mergedBy": review.merged_by or None,
    }


def given_by(review: Review, rule: Approvals) -> str:
    """Who of a review's approvers count, in one line."""
    counted = sorted({item.login for item in review.approvers if _counts(rule, review, item)})
    return f"approved by {', '.join(counted)} in pull request {review.pr}"


def _counts(rule: Approvals, review: Review, approver: Approver) -> bool:
    own = {review.author.casefold(), *(login.casefold() for login in review.hands)}
    if rule.exclude_author and approver.login.casefold() in own:
        return False
    names = {approver.login.casefold(), *(team.casefold() for team in approver.teams)}
    return not rule.from_ or any(name.casefold() in names for name in rule.from_)
