"""The story: trained in two spokes, wished for in Git, planned, brought about, proved, disturbed, repaired, used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from controller.core.errors import HubwrightError
from controller.sandbox.demo.accounts import Team, enter
from controller.sandbox.demo.endpoint import fetch, invoke
from controller.sandbox.demo.seed import plant
from controller.sandbox.demo.stage import Stage, actions, stage
from controller.sandbox.demo.step import Record, Step, StepError
from controller.sandbox.demo.voice import Voice

_SOURCE = "hubwright/source"
_HELD = "arn:aws:sagemaker:eu-west-1:222222222222:model-package/churn-experiments/2"
_READER = "arn:aws:sagemaker:eu-west-1:333333333333:model-package/ocr-experiments/1"
_WELCOME = (
    "Two teams train models in their own AWS accounts. A third account, the hub, is where models are deployed from. "
    "What the hub holds is written in Git, and Hubwright brings it about. Everything here happens on this machine: "
    "the three accounts are a sandbox on loopback."
)


def run(record_file: Path | None, keep: Path | None) -> int:
    """Tells the story on stdout; 0 if every step ended as expected, else 1. The record is written in both cases."""
    voice, record = Voice(), Record()
    voice.say(_WELCOME)
    try:
        with stage(keep, voice, record) as where:
            tell(where)
    except HubwrightError as error:
        if not record.steps:
            raise
        record.failure = f"step {len(record.steps)}, {record.steps[-1].title}: {error}"
    if record_file is not None:
        _save(record, record_file)
    return _end(voice, record, keep)


def _save(record: Record, file: Path) -> None:
    try:
        record.save(file)
    except OSError as error:
        raise HubwrightError(f"the record cannot be written to {file}: {error.strerror}") from error


def _end(voice: Voice, record: Record, keep: Path | None) -> int:
    voice.say("")
    if record.failure:
        voice.say(f"The demo went astray in {record.failure}.", "red")
        return 1
    voice.say(f"All {len(record.steps)} steps ended as they should, in {record.seconds:.0f} seconds.", "green")
    if keep is not None:
        voice.say(f"The repository is in {keep}.")
    voice.say("To play on: hubwright sandbox --seed demo --ready-file ready.json")
    return 0


def tell(where: Stage) -> None:
    """All chapters; `StepError` at the first step that does not end as expected."""
    prepare(where)
    promote(where)
    disturb(where)
    predict(where)


def prepare(where: Stage) -> None:
    where.deed(
        "Two teams train models",
        "churn-lab guesses which customers will leave; vision-lab finds scratches and reads serial numbers. Each "
        "version is registered with its artifact, container image, metrics and a sample request.",
        "hubwright sandbox --seed demo",
        lambda step: _trained(where, step),
    )
    where.git(
        "The wishes go into Git",
        "Some small YAML files say which accounts there are, and which versions the hub should have.",
        ("init", "--quiet", "--initial-branch", "main"),
        ("add", "."),
        ("commit", "--quiet", "--message", "Promote the first models"),
        ("ls-files",),
    )
    where.hubwright("Are they right?", "Checked without any account: this is what a pull request runs.", "validate")
    where.hubwright(
        "Which bytes exactly?",
        "The lock pins every object and image of each source, so that what was reviewed is what is promoted.",
        "lock",
    )
    where.git(
        "The locks belong to the change",
        "They stand beside the promotions.",
        ("add", "."),
        ("commit", "--quiet", "--message", "Pin their sources"),
        ("show", "--stat=72", "--format=%s"),
    )


def promote(where: Stage) -> None:
    planned = where.hubwright(
        "What would be done?",
        "A plan only reads: it cannot write, neither in the hub nor in a spoke.",
        *("plan", "--detailed-exitcode", "--out", "plan.json"),
        expect=2,
    )
    _expect(bool(actions(planned)), "the plan has no actions")
    where.hubwright(
        "Then do exactly that",
        "Artifacts and images are copied to the hub, the versions registered, checked, and only then approved.",
        *("reconcile", "--plan", "plan.json"),
        most=1,
    )
    _nothing_to_do(where, "And again?", "What is as it should be is left alone.")


def disturb(where: Stage) -> None:
    at_home = promoted(where.hub)
    _expect({_HELD, _READER} <= at_home.keys(), f"the hub has only {sorted(at_home)}")
    churn, ocr = at_home[_HELD], at_home[_READER]
    where.deed(
        "Somebody clicks in the console",
        "Git holds churn-2 back until the November holdout. Somebody approves it all the same, and changes the ticket "
        "of ocr-1.",
        f"aws sagemaker update-model-package --model-package-arn {churn} --model-approval-status Approved\n"
        f"aws sagemaker update-model-package --model-package-arn {ocr} --customer-metadata-properties ticket=ML-9",
        lambda _: _click(where.hub, churn, ocr),
    )
    where.hubwright(
        "It does not go unseen",
        "What differs from Git is told apart, with who and when, and with the command that mends it.",
        "drift",
        expect=3,
    )
    planned = where.hubwright(
        "What would mend it?",
        "The plan names both changes.",
        *("plan", "--detailed-exitcode", "--out", "plan.json"),
        expect=2,
    )
    _expect({action["verb"] for action in actions(planned)} == {"update"}, "the plan does not consist of updates")
    where.hubwright("And it does not stay", "Hubwright puts back what Git says.", "reconcile", "--plan", "plan.json")
    _nothing_to_do(where, "A second look", "Quiet again.")
    approval, ticket = _state(where.hub, churn)[0], _state(where.hub, ocr)[1]
    _expect((approval, ticket) == ("PendingManualApproval", "ML-1432"), f"the hub has {approval} and {ticket}")


def _nothing_to_do(where: Stage, title: str, words: str) -> None:
    step = where.hubwright(title, words, "plan", "--detailed-exitcode", "--out", "plan.json")
    _expect(not actions(step), "the plan has actions")


def predict(where: Stage) -> None:
    where.hubwright(
        "Where does it come from?",
        "Every version leads back to its training job, data and commit, and says whether all evidence still agrees.",
        *("trace", promoted(where.hub)[_READER]),
    )
    where.deed(
        "Do they still think the same?",
        "As an endpoint would: the image's entry point and the artifact's inference code, both fetched from the hub, "
        "answer the sample request. Beside it, what the original in the spoke says.",
        "python3 /opt/program/serve.py /opt/ml/model CONTENT_TYPE ACCEPT < request",
        lambda step: _compared(where, step),
    )


def _trained(where: Stage, step: Step) -> str:
    plant(where.world)
    rows = []
    for account in ("222222222222", "333333333333"):
        team = enter(where.world, account)
        for arn in versions(team):
            found = team.call("sagemaker", "DescribeModelPackage", ModelPackageName=arn)
            containers = len(found["InferenceSpecification"]["Containers"])
            step.facts[arn] = found["CustomerMetadataProperties"]["quality"]
            rows.append((arn.partition("/")[2], f"quality {step.facts[arn]}", _count(containers, "container"), account))
    return table(rows)


def _click(hub: Team, churn: str, ocr: str) -> str:
    hub.call("sagemaker", "UpdateModelPackage", ModelPackageArn=churn, ModelApprovalStatus="Approved")
    hub.call("sagemaker", "UpdateModelPackage", ModelPackageArn=ocr, CustomerMetadataProperties={"ticket": "ML-9"})
    return table([(arn.partition("/")[2], *_state(hub, arn)) for arn in (churn, ocr)])


def _state(hub: Team, arn: str) -> tuple[str, str]:
    """(approval, ticket) of a live version."""
    found = hub.call("sagemaker", "DescribeModelPackage", ModelPackageName=arn)
    return found["ModelApprovalStatus"], found.get("CustomerMetadataProperties", {}).get("ticket", "")


def _compared(where: Stage, step: Step) -> str:
    """Asks the original and the copy of each approved version the same; `StepError` if the answers differ."""
    rows = [("in the spoke", "says", "in the hub", "says")]
    for source, copy in sorted(promoted(where.hub).items()):
        if _state(where.hub, copy)[0] != "Approved":
            continue
        spoke = enter(where.world, source.split(":")[4])
        original, promise = _answer(spoke, source), _answer(where.hub, copy)
        step.facts[source] = {"spoke": original, "hub": promise}
        rows.append((source.partition("/")[2], original, copy.partition("/")[2], promise))
        _expect(original == promise, f"{source} says {original}, and {copy} says {promise}")
    _expect(len(rows) == 4, f"{len(rows) - 1} versions are approved in the hub, and 3 were expected")
    return table(rows)


def _answer(team: Team, arn: str) -> str:
    """What a package answers to its own sample request, in one line."""
    found = team.call("sagemaker", "DescribeModelPackage", ModelPackageName=arn)
    request = fetch(team, found["SamplePayloadUrl"]).decode()
    content_type = found["InferenceSpecification"]["SupportedContentTypes"][0]
    return " ".join(invoke(team, arn, request, content_type).split())


def promoted(hub: Team) -> dict[str, str]:
    """The ARN in the hub by the source's ARN, of all that Hubwright brought there."""
    found = {}
    for arn in versions(hub):
        marks = hub.call("sagemaker", "DescribeModelPackage", ModelPackageName=arn).get(
            "CustomerMetadataProperties", {}
        )
        if _SOURCE in marks:
            found[marks[_SOURCE]] = arn
    return found


def versions(team: Team) -> list[str]:
    """The ARNs of all versions in an account."""
    listed = team.pages("sagemaker", "ListModelPackages", "ModelPackageSummaryList", ModelPackageType="Versioned")
    return sorted(item["ModelPackageArn"] for item in listed)


def table(rows: list[tuple[Any, ...]]) -> str:
    """Columns of text."""
    widths = [max(len(str(cell)) for cell in column) for column in zip(*rows, strict=True)]
    lines = ("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "".join(line.rstrip() + "\n" for line in lines)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("s" if number != 1 else "")


def _expect(held: bool, otherwise: str) -> None:  # noqa: FBT001  (reads as an assertion)
    if not held:
        raise StepError(otherwise)
