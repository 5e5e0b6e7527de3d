"""Every command in the docs is run: page by page, in their order, as they are written, against the sandbox.

Where a page leaves something open (`sha256:…`), its stage says what it is here. What cannot run here stands in
`ELSEWHERE`, with what runs it instead or why nothing does.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from controller.sandbox.server import Serving
from tests.cli.conftest import Repo
from tests.cli.conftest import _environment as _environment
from tests.cli.conftest import _made as _made
from tests.cli.conftest import _serving as _serving
from tests.cli.conftest import repo as repo
from tests.cli.conftest import serving as serving
from tests.cli.spokes import CHURN, HUB, VISION
from tests.docs.pages import PAGES, TOP, named, written
from tests.docs.stage import Stage

#: Pages, or single commands, that this test does not run: what does, as `FILE: words that stand in it`, or why not.
ELSEWHERE = {
    "quickstart.md": "scripts/docs_tutorial.py: docs/quickstart.md",
    "tutorial.md": ".ci/run: scripts/docs_recording.py --check",
    "hubwright promote edge-lab/edge-models/3 --to edge --as spoke=edge-lab": "tests/cli/test_push.py: "
    "test_the_spoke_promotes_and_locks_what_nobody_else_reads",
    "hubwright sandbox -- bash": "scripts/docs_tutorial.py: docs/quickstart.md",
    "make demo": ".ci/run: make demo",
    "make test": ".ci/run: make test",
}
#: Commands that pages only name, and no page writes out: what runs them.
NAMED = {
    "at-head": "tests/github/test_flow.py: test_a_merge_whose_head_moved_is_refused",
    "comment": "tests/github/test_flow.py: test_a_change_from_its_pull_request_to_the_hub",
    "plans": "tests/github/test_flow.py: test_a_change_from_its_pull_request_to_the_hub",
    "review": "tests/github/test_flow.py: test_a_change_from_its_pull_request_to_the_hub",
    "validate": ".ci/run: scripts/docs_recording.py --check",
    "web-identity": "tests/github/test_identity.py: web-identity",
}
Set = Callable[[Stage], None]
DOCS = [path for path in PAGES if path.name not in ELSEWHERE and written(path)]


def converged(stage: Stage) -> None:
    stage.sure("hubwright reconcile")


def readme(stage: Stage) -> None:
    """As it is."""


def access(stage: Stage) -> None:
    stage.become(HUB)


def audit(stage: Stage) -> None:
    stage.monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-11-01T09:00:00Z")
    stage.hand(HUB).bucket("acme-audit")
    stage.repo.edit("platform/hub-central.yaml", "  images:", "  audit: {bucket: acme-audit}\n  images:")
    subprocess.run(["git", "checkout", "-q", "--orphan", "old"], check=True)
    subprocess.run(["git", "commit", "-qm", "begin"], check=True)
    converged(stage)


def drift(stage: Stage) -> None:
    converged(stage)
    stage.monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(stage.scratch / "summary.md"))


def events(stage: Stage) -> None:
    stage.repo.edit("platform/spoke-churn-lab.yaml", "spec:\n", "spec:\n  pattern: push\n")
    stage.hand(HUB)("sqs").create_queue(QueueName="hubwright")
    stage.become(CHURN)
    stage.words = {
        "FILE": str(stage.scratch / "bundle.json"),
        "/srv/models": str(stage.repo.top),
        "/run/hubwright": str(stage.scratch),
        "--every 15m": "--every 15m --once",  # a worker does not end by itself
    }
    stage.before = {"hubwright bundle --out FILE": stage.controller}


def github(stage: Stage) -> None:
    beginning, other = stage.scratch / "models", stage.scratch / "gitlab"
    stage.words = {"123456789012": HUB, "444444444444": VISION, "BASE": "main"}

    def gitlab() -> None:
        stage.enter(other)
        subprocess.run(["git", "init", "-q"], check=True)

    def branch() -> None:
        stage.enter(stage.repo.top)
        subprocess.run(["git", "checkout", "-qb", "feature"], check=True)
        stage.repo.edit("teams/growth/churn-1.yaml", "reason: First", "reason: The first")

    def beside() -> None:
        shutil.copytree(stage.repo.top, stage.scratch / "platform")
        team = Repo(stage.scratch / "team")
        shutil.copytree(stage.repo.top / "manifests" / "teams", team.top / "manifests" / "teams")
        team.git("init", "-qb", "main")
        team.commit()
        for place in (team, Repo(stage.scratch / "platform")):
            place.git("update-ref", "refs/remotes/origin/main", "HEAD")
        stage.enter(team.top)

    def earlier() -> None:
        stage.enter(stage.repo.top)
        stage.sure("hubwright plan --out plan.json")

    stage.before = {
        "hubwright init --ci gitlab": gitlab,
        "hubwright plan --offline --since BASE": branch,
        "hubwright plan --platform ../platform@origin/main --since origin/main": beside,
        "hubwright plan --html page.html --before plan.json": earlier,
    }
    stage.enter(beginning)


def guardrails(stage: Stage) -> None:
    converged(stage)
    page = (TOP / "docs" / "guardrails.md").read_text()
    shown = re.search(r"^```json\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert shown
    commits = stage.repo.git("rev-parse", "HEAD")
    Path("review.json").write_text(re.sub(r"<commit[^>]*>", commits, shown[1]))


def pull(stage: Stage) -> None:
    more_versions(stage)
    account_by_account(stage, "howto-pull.md")


def push(stage: Stage) -> None:
    stage.words = {"444444444444": VISION}
    for path in (
        *stage.repo.top.glob("manifests/teams/vision/*"),
        stage.repo.top / "manifests/platform/spoke-vision-lab.yaml",
    ):
        path.unlink()
    stage.repo.edit("platform/guardrails-production.yaml", "spokes: [vision-lab]", "spokes: [edge-lab]")
    account_by_account(stage, "howto-push.md")
    stage.before["hubwright reconcile --as spoke=edge-lab"] = lambda: stage.become(VISION)


def account_by_account(stage: Stage, page: str) -> None:
    """The page's own Spoke, and for each command the administrator of the account that it names."""
    text = stage.here((TOP / "docs" / page).read_text())
    block = re.search(r"^ *```yaml\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    assert block
    manifest = re.sub(r"^   ", "", block[1], flags=re.MULTILINE)
    name = re.search(r"name: ([a-z-]+)", manifest)
    assert name
    (stage.repo.top / "manifests" / "platform" / f"spoke-{name[1]}.yaml").write_text(manifest)
    stage.repo.commit()
    for command in written(TOP / "docs" / page):
        account = re.search(r"--account ([0-9]{12})", stage.here(command.text))
        stage.before[command.text] = stage.controller if account is None else by(stage, account[1])


def by(stage: Stage, account: str) -> Callable[[], None]:
    return lambda: stage.become(account)


def more_versions(stage: Stage) -> None:
    """Versions up to 8 in the spoke."""
    spoke = stage.hand(CHURN)
    image = f"{CHURN}.dkr.ecr.eu-west-1.amazonaws.com/churn/serve:1"
    for number in range(4, 9):
        model = spoke.put("churn-lab-models", f"churn-experiments/{number}/model.tar.gz", b"weights %d" % number)
        spoke.package("churn-experiments", {"Image": image, "ModelDataUrl": model})


def taking_in(stage: Stage) -> None:
    converged(stage)
    stage.repo.git("rm", "-rq", *(f"manifests/teams/{name}-1.yaml" for name in ("growth/churn", "vision/ocr")))
    stage.repo.commit()

    def again() -> None:
        stage.repo.git("clean", "-fdq")

    stage.words = {"SPOKE/GROUP/VERSION": "churn-lab/churn-experiments/3", "GROUP": "churn", "NAME": "churn-3"}
    stage.before = {
        "hubwright import --spoke churn-lab": again,
        "hubwright import --hub central --group churn --locks --out manifests/teams/growth": again,
    }


def lineage(stage: Stage) -> None:
    converged(stage)
    arn = stage.version("churn", "Approved")
    stage.words = {
        "arn:…:model-package/churn/8": arn,
        "arn:…": arn,
        "arn:aws:sagemaker:eu-west-1:111111111111:model-package/churn/1": arn,
        "churn-experiments/8/model.tar.gz": "runs/1/model.tar.gz",
        "churn-experiments/8": "churn-experiments/1",
        "sha256:…": stage.mark(arn, "release"),
    }


def revoke(stage: Stage) -> None:
    converged(stage)
    digest = stage.mark(stage.version("churn", "Approved"), "release")
    stage.words = {"sha256:3f1c…": digest}


def rollback(stage: Stage) -> None:
    converged(stage)
    stage.repo.edit("teams/growth/churn-2.yaml", "approval: PendingManualApproval", "approval: Approved")
    stage.repo.edit("teams/growth/churn-1.yaml", "approval: Approved", "approval: PendingManualApproval")
    converged(stage)


def sandboxed(stage: Stage) -> None:
    """With a stand-in for the AWS CLI, which is no package of Python's any more: the one call of it, by boto3."""
    converged(stage)
    program = stage.scratch / "programs" / "aws"
    said = "boto3.client('ecr').get_authorization_token()['authorizationData'][0]['authorizationToken']"
    program.write_text(f'#!/bin/sh\nexec python3 -c "import boto3; print({said})"\n')
    program.chmod(0o755)
    host = re.search(r"127\.0\.0\.1:[0-9]+", stage.ready["env"]["HUBWRIGHT_REGISTRIES"].partition(HUB)[2])
    arn = stage.version("churn", "Approved")
    found = stage.hand(HUB)("sagemaker").describe_model_package(ModelPackageName=arn)
    image = str(found["InferenceSpecification"]["Containers"][0]["Image"])
    assert host
    stage.words = {"127.0.0.1:PORT": host[0], "sha256:…": image.partition("@")[2]}


STAGES: dict[str, Set] = {
    "README.md": readme,
    "access.md": access,
    "audit.md": audit,
    "drift.md": drift,
    "events.md": events,
    "github.md": github,
    "guardrails.md": guardrails,
    "howto-pull.md": pull,
    "howto-push.md": push,
    "import.md": taking_in,
    "lineage.md": lineage,
    "revoke.md": revoke,
    "rollback.md": rollback,
    "sandbox.md": sandboxed,
}
NEEDS = {"lineage.md": "openssl", "sandbox.md": "skopeo"}


def marked(path: Path) -> object:
    missing = shutil.which(NEEDS.get(path.name, "git")) is None
    marks = [pytest.mark.skipif(missing, reason=f"{NEEDS[path.name]} is not installed")] if path.name in NEEDS else []
    return pytest.param(path, id=path.name, marks=[*marks, *([pytest.mark.peer] if marks else [])])


@pytest.mark.slow
@pytest.mark.parametrize("path", [marked(path) for path in DOCS])
def test_the_commands_of_a_page_do_what_it_says(
    path: Path, repo: Repo, serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(repo, serving.ready(), tmp_path / "stage", monkeypatch)
    STAGES[path.name](stage)
    ended = {}
    for command in written(path):
        if command.text not in ELSEWHERE:
            ended[command.text] = stage.run(command.text)
    assert ended == {text: stage.codes.get(text, 0) for text in ended}
    if any("git add" in text for text in ended):  # what a page commits is all that its commands wrote
        assert repo.git("status", "--porcelain", "manifests") == ""


def test_what_is_not_run_here_is_there_and_runs_elsewhere() -> None:
    texts = {one.text for path in PAGES for one in written(path)}
    pages = {path.name for path in PAGES}
    for what, where in {**ELSEWHERE, **NAMED}.items():
        file, _, words = where.partition(": ")
        assert words in (TOP / file).read_text(), what
    assert set(ELSEWHERE) <= texts | pages
    assert set(STAGES) == {path.name for path in DOCS}


def test_every_command_that_a_page_names_is_run_by_some_page() -> None:
    run = {one.text.split()[1] for path in DOCS for one in written(path) if one.text.startswith("hubwright ")}
    inner = {word for path in DOCS for one in written(path) for word in re.findall(r"hubwright ([a-z-]+)", one.text)}
    every = {name for path in PAGES for name in named(path)}
    assert every - run - inner == set(NAMED)
