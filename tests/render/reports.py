"""Reports to render, made by hand: everything that can be said, nothing, a run that went wrong, and hostile words."""

from __future__ import annotations

from typing import Any

from controller.core.compare import Comparison, Difference
from controller.core.model import Action, Change, Key, Outcome, Target
from controller.core.plan import Plan, action_id
from controller.core.problems import Problem
from controller.core.report import Report, Row
from controller.core.wish import Finding

HUB = Target("111111111111", "eu-west-1")
REVISION = "0123456789abcdef0123456789abcdef01234567"
PROMOTION = "6f1f0f4e-7f0c-5f0a-9c5e-2f1d1b7f9a10"


def stands(approval: str, **more: Any) -> dict[str, Any]:
    return {"approval": approval, "description": None, "stage": None, "metadata": {}} | more


def action(verb: str, kind: str, name: str, before: Any, after: Any, *origins: str, **more: Any) -> Action:
    key = Key(HUB, kind, name)
    return Action(
        action_id(verb, key, before, after), verb, key, before, after, origins=origins, groups=(f"{HUB}/churn",), **more
    )


def revoke(name: str, number: int) -> Action:
    before = stands("Approved", metadata={"hubwright/approval": "Approved", "ticket": "ML-1"})
    after = stands("Rejected", description="Leaks ages", metadata={"hubwright/approval": "Rejected"})
    key = f"churn/222222222222/churn-experiments/{number}"
    return action("update", "approval", key, before, after, name, reason="approval", facts={"revokes": True})


def approve(name: str, number: int) -> Action:
    before = stands("PendingManualApproval", metadata={"hubwright/fleet": "growth"})
    after = stands("Approved", description="Two points better", stage={"Stage": "Production", "StageStatus": "Active"})
    key = f"churn/222222222222/churn-experiments/{number}"
    return action("update", "approval", key, before, after, name, reason="approval")


def making(name: str) -> tuple[Action, ...]:
    release = {"objects": [["s3://lab/model.tar.gz", 12_000_000, "e1", "v1"], ["s3://lab/auc.json", 345, "e2", None]]}
    copied = {
        "release": release,
        "objects": [[], []],
        "prefix": "models/222222222222/churn/churn-experiments/4-0123456789ab",
    }
    digest = "sha256:" + "ab" * 32
    repository = action("create", "repository", "models/222222222222/churn/serve", None, {}, name, reason="absent")
    image = action(
        "create",
        "image",
        f"models/222222222222/churn/serve:hw-{PROMOTION}-abababababab",
        None,
        {"digest": digest},
        name,
        reason="absent",
        needs=(repository.id,),
        facts={"source": "222222222222.dkr.ecr.eu-west-1.amazonaws.com/churn/serve", "bytes": 5_200_000_000},
    )
    artifact = action(
        "create",
        "artifact",
        f"222222222222/{PROMOTION}",
        None,
        {"promotion": PROMOTION},
        name,
        reason="absent",
        facts=copied,
    )
    package = action(
        "create",
        "package",
        "churn/222222222222/churn-experiments/4",
        None,
        {"promotion": PROMOTION, "inputs": "sha256:i", "spec": "sha256:s", "failed": False},
        name,
        reason="absent",
        needs=(image.id, artifact.id),
        facts={"body": {"Environment": {"PASSWORD": "canary-environment"}}},
    )
    return (repository, image, artifact, package)


def row(name: str, standing: Any, *why: str, **more: Any) -> Row:
    shown = {"source": "churn-lab/churn-experiments/4", "group": "churn", "wish": "Approved"} | more
    return Row(name, standing, why, **shown)


PLACES = {f"churn-{number}": (f"manifests/teams/growth/churn-{number}.yaml", 4, 9) for number in range(1, 10)}
DIFFERENCES = (
    Difference("metadata auc", "0.91", "0.934", "+0.024"),
    Difference("image", "serve@sha256:cdcdcdcdcdcd", "serve@sha256:abababababab"),
    Difference("environment", "LEVEL", ""),
    Difference("size", "12000000", "11999000", "-1000"),
)


def everything() -> Report:
    """A plan with something of every kind."""
    actions = (revoke("churn-3", 3), *making("churn-4"), approve("churn-5", 5))
    changes = tuple(Change(item.key, item.verb, item.before, item.after, item.origins, item.reason) for item in actions)
    unknown = Change(
        Key(HUB, "artifact", "222222222222/x"), "unknown", None, {"promotion": "x"}, ("churn-9",), "unreadable: no"
    )
    rows = (
        row("churn-1", "converged", version=1, is_now="Approved"),
        row("churn-2", "converged", version=2, is_now="Approved", locked=True),
        row("churn-3", "pending", version=3, is_now="Approved", wish="Rejected"),
        row("churn-4", "pending", bytes=12_000_345, images=1),
        row("churn-5", "pending", version=5, is_now="PendingManualApproval"),
        row("churn-6", "blocked", "production/requireLock: it has no lock", hints=("run: hubwright lock churn-6",)),
        row(
            "churn-7",
            "mismatch",
            "the source is not what its lock names",
            hints=("if the change is meant: hubwright lock churn-7, and commit the lock",),
            differences=("object s3://lab/model.tar.gz: 10 bytes, ETag a -> 11 bytes, ETag b",),
            locked=True,
        ),
        row("churn-8", "waiting", "SageMaker has not finished the source yet: it is InProgress"),
        row("churn-9", "unknown", "the spoke churn-lab could not be read: sts:AssumeRole failed: AccessDenied: no"),
    )
    others = (
        Finding(
            f"arn:aws:sagemaker:{HUB.region}:{HUB.account}:model-package/churn/77",
            "orphaned",
            "no manifest names it; it keeps its status",
        ),
        Finding("churn-follow", "blocked", "the subscription churn-follow is declared but not yet enforced"),
    )
    problem = Problem(
        "manifests/a.yaml",
        7,
        12,
        "spec.from.version",
        "a text",
        "a number",
        "leave out the quotes",
        "Promotion",
        "a",
        "type",
    )
    models = {
        "churn-4": Comparison(f"arn:aws:sagemaker:{HUB.region}:{HUB.account}:model-package/churn/2", DIFFERENCES),
        "churn-5": Comparison(
            "", (Difference("image", "", "serve@sha256:abababababab"), Difference("size", "", "345"))
        ),
    }
    whole = Plan(REVISION, actions, (*changes, unknown), (), 12, complete=False)
    return Report("plan", whole, rows, others, (problem,), models=models, places=PLACES)


def nothing() -> Report:
    """A converged plan."""
    return Report("plan", Plan(REVISION, (), (), kept=8), (row("churn-1", "converged", version=1, is_now="Approved"),))


def blind() -> Report:
    """A plan without actions, of a hub that could not be read."""
    why = "sts:AssumeRole in 111111111111/eu-west-1 failed: AccessDenied: no"
    return Report("plan", Plan(REVISION, (), (), complete=False), (row("churn-1", "unknown", why),))


def empty() -> Report:
    """A plan of a fleet that promotes nothing."""
    return Report("plan", Plan("worktree", (), ()))


def of_rows(*rows: Row) -> Report:
    """A plan that only says how these stand."""
    return Report("plan", Plan(REVISION, (), ()), rows)


def failed() -> Report:
    """A result in which something failed, something waited, and a duplicate was found."""
    actions = (revoke("churn-3", 3), *making("churn-4"), approve("churn-4", 4), approve("churn-5", 5))
    ends = ("done", "done", "failed", "done", "skipped", "skipped", "done")
    details = {
        2: "s3:CopyObject in 111111111111/eu-west-1 failed: AccessDenied: no",
        4: "something it needs did not happen",
        5: "something it needs did not happen",
    }
    arn = f"arn:aws:sagemaker:{HUB.region}:{HUB.account}:model-package/churn/"
    facts = {
        6: {"arn": arn + "5", "duplicates": [arn + "6"]},
        3: {"bytes": 12_000_000, "skipped": 345, "objects": 2, "began": 17.5, "seconds": 2.4},
        0: {"arn": arn + "3"},
    }
    outcomes = tuple(
        Outcome(item.id, end, details.get(index, ""), facts=facts.get(index, {}))
        for index, (item, end) in enumerate(zip(actions, ends, strict=True))
    )
    rows = (
        row("churn-3", "converged", version=3, is_now="Rejected", wish="Rejected", arn=arn + "3"),
        row("churn-4", "failed", details[2]),
        row("churn-5", "duplicate", version=5, is_now="Approved", arn=arn + "5"),
    )
    return Report("result", Plan(REVISION, actions, ()), rows, outcomes=outcomes)


def hostile(words: str) -> Report:
    """These words wherever others' words can stand."""
    key = Key(HUB, "group", words)
    before, after = stands("PendingManualApproval", description=words), stands("Approved", metadata={words: words})
    actions = (
        Action(
            action_id("create", key, None, words),
            "create",
            key,
            None,
            {"tags": {words: words}},
            origins=(words,),
            groups=(words,),
            reason="absent",
        ),
        action("update", "approval", words, before, after, words, reason="approval"),
    )
    rows = (
        row(words, "blocked", words, words, hints=(words,), differences=(words,), source=words, group=words, arn=words),
        row("b", "waiting", words),
    )
    finding = Finding(words, "stale", words, words, (words,))
    problem = Problem(words, 1, 1, words, words, words, words, words, words, words)
    outcomes = (Outcome(actions[0].id, "failed", words), Outcome(actions[1].id, "waiting", words))
    models = {words: Comparison(words, (Difference(words, words, words, words),))}
    return Report(
        "result", Plan(words, actions, ()), rows, (finding,), (problem,), outcomes, models, None, {words: (words, 1, 1)}
    )


def many(count: int) -> Report:
    """A plan too long for a comment."""
    actions = tuple(approve(f"churn-{number}", number) for number in range(count))
    return Report(
        "plan",
        Plan(REVISION, actions, ()),
        tuple(row(f"churn-{number}", "pending", version=number + 1) for number in range(count)),
    )
