"""The closed lists of words that reports use: why a change, how a promotion stands, and what that means for a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

REASONS: Mapping[str, str] = {
    "": "nothing to do",
    "absent": "it does not exist yet",
    "approval": "its approval status is not the one Git asks for",
    "described": "its description, stage or metadata is not the one Git asks for",
    "tags": "its tags are not the ones Git asks for",
    "superseded": "another version of the same source is the current one",
    "duplicate": "it was registered twice; the lower number stays",
    "marked": "the status is already there and only has to be marked as ours",
    "unreadable": "it could not be read, so nothing is assumed about it",
    "inputs": "what the promotion changes about the model differs; raise `attempt` to register it anew",
    "adopted": "its bytes are its source's, and it only has to be marked as ours",
    "failed": "SageMaker could not finish it; raise `attempt` to register it anew",
    "changed": "what is registered is not what was registered: somebody changed it",
    "taken": "something that is not ours stands in its place; find out whose it is, as nothing of others is replaced",
    "access": "what it says is not what the manifests ask for",
    "lost": "it is gone from where the hub's manifest says, and cannot be made there again from what can be read",
}

#: Differences that no update can mend: people decide.
CONFLICTS = frozenset({"inputs", "failed", "changed", "taken", "lost"})

Standing = Literal[
    "converged",
    "pending",
    "waiting",
    "deferred",
    "orphaned",
    "duplicate",
    "blocked",
    "unknown",
    "conflict",
    "mismatch",
    "refused",
    "invalid",
    "stale",
    "failed",
]

#: Exit codes by how something stands; with several, the first of `EXIT_ORDER` decides.
EXITS: Mapping[str, int] = {
    "duplicate": 5,
    "blocked": 4,
    "unknown": 5,
    "conflict": 5,
    "mismatch": 5,
    "refused": 5,
    "invalid": 5,
    "failed": 5,
    "stale": 6,
    "held": 7,
}
EXIT_ORDER = (64, 1, 6, 7, 5, 4, 3, 2)


def exit_code(codes: Iterable[int]) -> int:
    """The one exit code of a run out of all that apply."""
    present = set(codes)
    return next((code for code in EXIT_ORDER if code in present), 0)
