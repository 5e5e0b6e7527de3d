"""What a plan's caller lacks, said before anything is copied: who, which action, on what, and what would grant it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from controller.adoptable import unlike
from controller.core.access.beforehand import (
    ALIAS,
    Context,
    Need,
    Question,
    Source,
    needs_of,
    questions,
    source_of,
    sources_of,
)
from controller.core.access.derive import derive
from controller.core.access.document import Document
from controller.core.access.explain import Lack, advice, granting, lacks, place
from controller.core.errors import CloudError, HubwrightError, PreconditionError, told
from controller.core.manifests import Manifests
from controller.core.model import Action, Target
from controller.core.plan import Why, without
from controller.core.report import Report, Row
from controller.core.wish import Finding
from controller.kinds.base import Client, Cloud, Purpose
from controller.reconcile import Thought
from controller.simulated import ANY_KEY, Answers, Decision, by_name, simulations, unanswered
from controller.wiring import roles_of

_APPROVES = "approval"
_ALLOWED = Decision("allowed")


def explained(report: Report, manifests: Manifests) -> Report:
    """The report with a hint for every refusal that it tells of. Derives nothing where there is none."""
    texts = [*(item.why for item in report.others), *(text for row in report.rows for text in row.why)]
    if not any(lacks(text) for text in texts):
        return report
    documents = derive(manifests)
    rows = tuple(_row(row, documents) for row in report.rows)
    return replace(report, rows=rows, others=tuple(_finding(item, documents) for item in report.others))


def _row(row: Row, documents: Iterable[Document]) -> Row:
    found = [advice(lack, documents) for text in row.why for lack in lacks(text)]
    return replace(row, hints=tuple(dict.fromkeys((*found, *row.hints)))) if found else row


def _finding(item: Finding, documents: Iterable[Document]) -> Finding:
    found = list(dict.fromkeys(advice(lack, documents) for lack in lacks(item.why)))
    return replace(item, hint="; ".join(found)) if found else item


@dataclass(frozen=True, slots=True)
class Foresight:
    """What was found out before anything is done: what is to be said, and by its id which action is sure to be refused
    and why."""

    findings: tuple[Finding, ...] = ()
    refused: Mapping[str, Why] = field(default_factory=dict)


def foresee(
    cloud: Cloud,
    actions: Iterable[Action],
    manifests: Manifests,
    pool: Executor,
    *,
    enters: bool = True,
) -> Foresight:
    """What the roles that write lack for the actions, found out by reading alone; asked only where there are any.

    The roles are entered, an object of each bucket is looked at that is to be copied from, what is to be adopted is
    compared with its source, and IAM simulates what is to be written. What may not be asked holds nothing back. A run
    that only ever plans `enters` no role that writes.
    """
    wanted = [action for action in actions if not action.facts.get("revokes")]
    if not wanted:
        return Foresight()
    seen = _Seen(derive(manifests))
    read = [
        (source, items, pool.submit(partial(_read, cloud, source)))
        for source, items in sources_of(wanted).items()
        if enters or source.purpose == "read"
    ]
    needs = by_name(cloud, needs_of(wanted, manifests), pool)
    asked = questions(needs, manifests, _tags(manifests))
    for question, answers in simulations(cloud, asked, pool).items():
        if isinstance(answers, HubwrightError):
            seen.unasked(question, answers)
            continue
        for need in asked[question]:
            seen.simulated(question, need, answers, needs[need])
    for action, wrong in unlike(cloud, wanted, pool):
        seen.unlike(action, wrong)
    for source, items_of, tried in read:
        if (refusal := tried.result()) is not None:
            seen.read(refusal, source, _refused_too(cloud, items_of, pool))
    closed = _unentered(cloud, wanted) if enters else ()
    return Foresight((*closed, *seen.findings()), seen.refused)


def held_back(thought: Thought, foresight: Foresight) -> Thought:
    """The thought without what is sure to be refused, and with what there is to say of the rest."""
    if not foresight.refused and not foresight.findings:
        return thought
    plan = without(thought.plan, foresight.refused)
    return replace(thought, plan=plan, findings=(*thought.findings, *foresight.findings))


@dataclass(slots=True)
class _Seen:
    """Collects what is lacking, role by role."""

    documents: tuple[Document, ...]
    refused: dict[str, Why] = field(default_factory=dict)
    _said: dict[str, Finding] = field(default_factory=dict)
    _silent: dict[str, HubwrightError] = field(default_factory=dict)
    _lacking: dict[tuple[Target, str, bool], dict[Why, None]] = field(default_factory=dict)

    def simulated(self, question: Question, need: Need, answers: Answers, actions: Iterable[Action]) -> None:
        """Of one need: what IAM would refuse. Sure is what `access apply` mends, and what is denied by name, unless
        that hangs on what a simulation does not know, such as the network that a request comes from, or which key it
        is that an alias stands for."""
        resource = need.resource
        found = {deed: answers.get((deed, resource), _ALLOWED) for deed in question.deeds}
        denied = [deed for deed, decision in found.items() if decision.word != "allowed"]
        if not denied:
            return
        what = f"{question.arn} lacks {', '.join(denied)} on {need.scope if ALIAS in need.scope else resource}"
        lacking = [deed for deed in denied if found[deed].word != "explicitDeny"]
        grants = granting(Lack((lacking or denied)[0], question.arn, resource, "identity"), self.documents)
        sure = bool(lacking) and any(item.manage == "apply" for item in grants)
        if any(found[deed].word == "explicitDeny" and not found[deed].unknown for deed in denied):
            what, sure = what + ", which is denied explicitly", True
        elif unknown := sorted({name for deed in denied if deed not in lacking for name in found[deed].unknown}):
            what += f", which is denied unless {', '.join(unknown)} says otherwise, and the simulation does not know it"
        sure = sure and not resource.endswith(ANY_KEY)
        why = (what, f"it is granted by {' and '.join(map(place, grants))}" if grants else "")
        self._lacking.setdefault((question.target, question.arn, sure), {})[why] = None
        if sure:
            for action in actions:
                self.refused.setdefault(action.id, why)

    def unasked(self, question: Question, error: HubwrightError) -> None:
        """IAM could not be asked: AWS will say it."""
        if unanswered(error):
            self._silent.setdefault(question.target.account, error)
            return
        why = f"what {question.arn} may write is not known beforehand: {told(error)}"
        self._said.setdefault(question.arn, Finding(_about(question.target, question.arn), "deferred", why))

    def read(self, error: CloudError, source: Source, actions: Iterable[Action]) -> None:
        """Of one bucket to be copied from: that it could not be read by who copies it, and for which actions."""
        hints = dict.fromkeys(advice(lack, self.documents) for lack in lacks(str(error)))
        why = (str(error), "; ".join(hints))
        place = f"s3://{source.bucket}"
        self._said[place] = Finding(
            place, "refused", f"it could not be read by who is to copy from it: {why[0]}", why[1]
        )
        for action in actions:
            self.refused.setdefault(action.id, why)

    def unlike(self, action: Action, error: PreconditionError) -> None:
        """Of a version that is to be adopted: that it is not its source."""
        arn, why = str(action.facts["adopts"]["arn"]), f"it is not adopted: {error}"
        self._said[arn] = Finding(arn, "refused", why, error.hint)
        self.refused.setdefault(action.id, (why, error.hint))

    def findings(self) -> Iterator[Finding]:
        yield from self._said.values()
        if self._silent:
            where, error = ", ".join(sorted(self._silent)), next(iter(self._silent.values()))
            why = f"what is to be written there was not checked beforehand, IAM was out of reach: {error}"
            yield Finding(where, "deferred", why, "nothing is held back for it: AWS will say it")
        for (target, arn, sure), found in self._lacking.items():
            hints = dict.fromkeys(hint for _, hint in found if hint)
            why = "; ".join(what for what, _ in found) + ": by IAM's own simulation, nothing was tried"
            yield Finding(_about(target, arn), "refused" if sure else "deferred", why, "; ".join(hints))


def _tags(manifests: Manifests) -> Context:
    """The tags of the run's own sessions in the hubs, as IAM's policies see them."""
    tags = {tag for roles in roles_of(manifests).values() for tag in roles.tags}
    return tuple((f"aws:PrincipalTag/{name}", value) for name, value in sorted(tags))


def _about(target: Target, arn: str) -> str:
    return f"{target}/{arn.rpartition('/')[2]}"


def _refused_too(cloud: Cloud, actions: list[Action], pool: Executor) -> list[Action]:
    """The actions that cannot read theirs either: a bucket may lend a part of it alone."""
    first, *others = actions
    tried = [(item, pool.submit(partial(_read, cloud, source_of(item)))) for item in others]
    return [first, *(item for item, read in tried if read.result() is not None)]


def _read(cloud: Cloud, source: Source) -> CloudError | None:
    """The refusal to read an object; None when it can be read, or for another reason cannot.

    HeadObject asks for the same permission and sends no byte. It says nothing of a refusal, and not whether a key may
    be used: then a byte is asked for.
    """
    where: dict[str, Any] = {"Bucket": source.bucket, "Key": source.key, "ExpectedBucketOwner": source.owner}
    where |= {"VersionId": source.version} if source.version else {}
    try:
        client = cloud.client(source.target, "s3", source.purpose)
        if not _is_refused(client, where):
            return None
        with client.call("GetObject", **where, Range="bytes=0-0")["Body"] as body:
            body.read(1)
    except CloudError as error:
        return error if error.denied and error.operation.startswith("s3:") else None
    except HubwrightError:
        return None  # a role that cannot be entered is told of beside this
    return None


def _is_refused(client: Client, where: Mapping[str, Any]) -> bool:
    """Whether a look at the object is refused, or does not tell."""
    try:
        return "SSEKMSKeyId" in client.call("HeadObject", **where)
    except CloudError as error:
        if error.denied or error.status == 403:
            return True
        raise


def _unentered(cloud: Cloud, actions: Iterable[Action]) -> Iterator[Finding]:
    """The roles that the planned actions need and that cannot be entered."""
    needed: dict[tuple[Target, Purpose], None] = {}
    for action in actions:
        needed[action.key.target, "approve" if action.key.kind == _APPROVES else "register"] = None
    for target, purpose in needed:
        try:
            cloud.client(target, "sts", purpose).call("GetCallerIdentity")
        except HubwrightError as error:
            why = f"the role to {purpose} cannot be entered: {error}"
            yield Finding(f"{target}/{purpose}", "unknown", why, error.hint)
