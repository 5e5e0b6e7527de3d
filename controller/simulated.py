"""IAM's own word on what roles may do: asked briefly, because a run can do without it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial

from controller.core.access.beforehand import ALIAS, Need, Question
from controller.core.errors import CloudError, HubwrightError
from controller.core.model import Action, Target
from controller.kinds.base import Cloud

ANY_KEY = ":key/*"
"""What a key's ARN ends in where only its alias is known."""


@dataclass(frozen=True, slots=True)
class Decision:
    """IAM's word, and the keys of conditions that it had no values for."""

    word: str
    unknown: tuple[str, ...] = ()


Answers = Mapping[tuple[str, str], Decision]
"""Decisions by (action, resource)."""


def simulations(cloud: Cloud, asked: Iterable[Question], pool: Executor) -> dict[Question, Answers | HubwrightError]:
    """The answer to each question, or why there is none.

    IAM is the same for an account's every region, and out of reach for all of them or none: an account that gives no
    answer to its first question is asked no other, so that what cannot be reached costs a run seconds.
    """
    questions = tuple(asked)
    firsts = {question.target.account: question for question in reversed(questions)}
    found = _answers(cloud, firsts.values(), pool)
    silent = {account: found[question] for account, question in firsts.items() if unanswered(found[question])}
    rest = [question for question in questions if question not in found and question.target.account not in silent]
    found |= _answers(cloud, rest, pool)
    return {one: found[one] if one in found else silent[one.target.account] for one in questions}


def unanswered(answer: object) -> bool:
    """Whether no answer came at all; a refusal is one."""
    return isinstance(answer, CloudError) and not answer.status


def by_name(cloud: Cloud, needs: Mapping[Need, list[Action]], pool: Executor) -> dict[Need, list[Action]]:
    """The needs, with keys that are known by an alias under their own ARN: IAM knows no other.

    Where that cannot be told, as any key of that account and region: the policy says which by the alias.
    """
    aliases = {need.resource: need.target.account for need in needs if ALIAS in need.resource}
    asked = {arn: pool.submit(partial(_key, cloud, account, arn)) for arn, account in aliases.items()}
    named = {arn: future.result() for arn, future in asked.items()}
    return {replace(need, resource=named.get(need.resource, need.resource)): items for need, items in needs.items()}


def _key(cloud: Cloud, account: str, arn: str) -> str:
    client = cloud.client(Target(account, arn.split(":")[3]), "kms", brief=True)
    try:
        return str(client.call("DescribeKey", KeyId=arn)["KeyMetadata"]["Arn"])
    except HubwrightError:
        return arn.partition(ALIAS)[0] + ANY_KEY


def _answers(cloud: Cloud, asked: Iterable[Question], pool: Executor) -> dict[Question, Answers | HubwrightError]:
    futures = {question: pool.submit(partial(_tried, cloud, question)) for question in asked}
    return {question: future.result() for question, future in futures.items()}


def _tried(cloud: Cloud, question: Question) -> Answers | HubwrightError:
    try:
        return _simulated(cloud, question)
    except HubwrightError as error:
        return error


def _simulated(cloud: Cloud, question: Question) -> Answers:
    entries = [
        {"ContextKeyName": name, "ContextKeyValues": [value], "ContextKeyType": _TYPES.get(name, "string")}
        for name, value in question.context
    ]
    rows = cloud.client(question.target, "iam", brief=True).pages(
        "SimulatePrincipalPolicy",
        "EvaluationResults",
        PolicySourceArn=question.arn,
        ActionNames=list(question.deeds),
        ResourceArns=list(question.resources),
        ContextEntries=entries,
    )
    found: dict[tuple[str, str], Decision] = {}
    for row in rows:
        each = row.get("ResourceSpecificResults") or []
        places = [(item["EvalResourceName"], item["EvalResourceDecision"], item) for item in each]
        for name, word, said in places or [(question.resources[0], row["EvalDecision"], row)]:
            found[row["EvalActionName"], name] = Decision(word, tuple(said.get("MissingContextValues") or ()))
    return found


_TYPES = {"kms:ResourceAliases": "stringList"}
