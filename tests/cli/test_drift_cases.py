"""Every case in `tests/cases/drift`: what is done by hand and in Git, what the report says, and that its commands mend.

A case is steps on a converged fleet (the example's), then what `drift` finds. `drift` itself never changes anything.
"""

from __future__ import annotations

import fnmatch
import json
import shlex
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controller.cli import execute
from controller.sandbox.faults import Fault
from controller.sandbox.server import Serving
from controller.sandbox.world import World
from controller.source import strict
from tests.cli.conftest import EXAMPLE, Command, Repo, Said
from tests.cli.spokes import CHURN, HUB, REGION, VISION, Hand
from tests.pace import sampled

CASES = sorted((Path(__file__).parents[1] / "cases" / "drift").glob("*.yaml"))
ACCOUNTS = {"hub": HUB, "churn": CHURN, "vision": VISION}
STORE = "acme-model-store"
Converged = tuple[World, Path]
_STEPS = ("edit", "write", "remove", "run", "call", "fault", "spoil", "drop", "untag", "twin", "stranger")


@pytest.fixture(scope="session")
def _converged(_serving: tuple[Serving, World], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Converged]:
    """The example fleet, brought about once, with the repository it was brought about from."""
    serving, furnished = _serving
    _put(serving, furnished)
    made = Repo(tmp_path_factory.mktemp("converged") / "repo")
    shutil.copytree(EXAMPLE, made.top / "manifests")
    made.git("init", "-q", "--template=", "-b", "main")
    made.commit()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in serving.ready()["env"].items():
            patch.setenv(name, value)
        assert execute(["reconcile", "--repo", str(made.top), "--workers", "1", "--format", "json"]) == 0
    yield serving.world.copy(), made.top


def _put(serving: Serving, world: World) -> None:
    kept = {name: value for name, value in vars(world.copy()).items() if name not in ("lock", "watchers", "origin")}
    vars(serving.world).update(kept)


@pytest.fixture
def repo(_converged: Converged, tmp_path: Path) -> Repo:
    shutil.copytree(_converged[1], tmp_path / "repo")
    return Repo(tmp_path / "repo")


@pytest.fixture
def settled(_converged: Converged, serving: Serving, live: Command) -> Command:
    _put(serving, _converged[0])
    serving.world.calls.clear()
    return live


def _role(hand: Hand, name: str) -> str:
    return json.dumps(hand("iam").get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"])


_POLICIES: dict[str, tuple[Callable[[Hand, str], str], Callable[[Hand, str, str], Any]]] = {
    "bucket": (
        lambda hand, name: hand("s3").get_bucket_policy(Bucket=name)["Policy"],
        lambda hand, name, text: hand("s3").put_bucket_policy(Bucket=name, Policy=text),
    ),
    "group": (
        lambda hand, name: hand("sagemaker").get_model_package_group_policy(ModelPackageGroupName=name)[
            "ResourcePolicy"
        ],
        lambda hand, name, text: hand("sagemaker").put_model_package_group_policy(
            ModelPackageGroupName=name, ResourcePolicy=text
        ),
    ),
    "repository": (
        lambda hand, name: hand("ecr").get_repository_policy(repositoryName=name)["policyText"],
        lambda hand, name, text: hand("ecr").set_repository_policy(repositoryName=name, policyText=text),
    ),
    "role": (
        _role,
        lambda hand, name, text: hand("iam").update_assume_role_policy(RoleName=name, PolicyDocument=text),
    ),
}


class Case:
    """One case at work."""

    def __init__(self, live: Command, repo: Repo, serving: Serving, hand: Callable[[str], Hand]) -> None:
        self.live, self.repo, self.serving, self.hand = live, repo, serving, hand

    def step(self, step: dict[str, Any]) -> None:
        """One step of a case."""
        (name,) = (key for key in (*_STEPS, "access", "rewrite") if key in step)
        getattr(self, f"_{name}")(step)

    def _edit(self, step: dict[str, Any]) -> None:
        self.repo.edit(step["edit"], step["old"], step["new"])

    def _write(self, step: dict[str, Any]) -> None:
        path = self.repo.top / "manifests" / step["write"]
        path.write_text(step["text"])
        self.repo.commit()

    def _remove(self, step: dict[str, Any]) -> None:
        (self.repo.top / "manifests" / step["remove"]).unlink()
        self.repo.commit()

    def _run(self, step: dict[str, Any]) -> None:
        name, *arguments = shlex.split(step["run"])
        said = self.live(name, *arguments)
        assert said.code == step.get("code", 0), said
        if self.repo.git("status", "--porcelain"):
            self.repo.commit()

    def _call(self, step: dict[str, Any]) -> None:
        service, operation = step["call"].split(".")
        asked = {name: self._named(value) for name, value in step.get("with", {}).items()}
        getattr(self.hand(ACCOUNTS[step.get("as", "hub")])(service), operation)(**asked)

    def _access(self, step: dict[str, Any]) -> None:
        """What the administrators of these accounts do, each with credentials of their own."""
        for name in step["access"]:
            said = self._administered(ACCOUNTS[name], "access apply", "--account", ACCOUNTS[name])
            assert said.code == 0, said

    def _administered(self, account: str, *arguments: str) -> Said:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.serving.ready()["accounts"][account]["env"].items():
                patch.setenv(name, value)
            return self.live(*arguments)

    def _rewrite(self, step: dict[str, Any]) -> None:
        """Changes the text of a policy by hand: of `bucket NAME`, `group NAME`, `repository NAME` or `role NAME`."""
        kind, name = step["rewrite"].split(" ")
        hand = self.hand(ACCOUNTS[step.get("as", "hub")])
        get, put = _POLICIES[kind]
        text = get(hand, name)
        assert step["old"] in text, text
        put(hand, name, text.replace(step["old"], step["new"]))

    def _fault(self, step: dict[str, Any]) -> None:
        self.serving.world.faults.append(Fault(**step["fault"]))

    def _spoil(self, step: dict[str, Any]) -> None:
        """Other bytes under the same name, size, ETag and version: what only reading them again can tell."""
        if step["spoil"].startswith("layer "):
            registry = self.serving.world.registry_of(HUB, REGION)
            (image,) = registry.repositories[step["spoil"].removeprefix("layer ")].images.values()
            digest = max(image.blobs)
            blob = registry.blobs[digest]
            registry.blobs[digest] = replace(blob, pieces=(b"".join(blob.pieces)[::-1],))
            return
        (item,) = self.serving.world.buckets[STORE].objects[self._key(step["spoil"])]
        item.pieces = (b"".join(item.pieces)[::-1],)

    def _drop(self, step: dict[str, Any]) -> None:
        """Takes away every version of an object."""
        del self.serving.world.buckets[STORE].objects[self._key(step["drop"])]

    def _untag(self, step: dict[str, Any]) -> None:
        """Deletes every image of a repository."""
        ecr = self.hand(HUB)("ecr")
        found = ecr.list_images(repositoryName=step["untag"])["imageIds"]
        ecr.batch_delete_image(repositoryName=step["untag"], imageIds=found)

    def _twin(self, step: dict[str, Any]) -> None:
        """Registers a version once more, marks and all, as a run would that lost its token."""
        sagemaker = self.hand(HUB)("sagemaker")
        found = sagemaker.describe_model_package(ModelPackageName=self._named(f"arn:hub:model-package/{step['twin']}"))
        names = ("ModelPackageGroupName", "InferenceSpecification", "CustomerMetadataProperties", "ModelMetrics")
        sagemaker.create_model_package(
            **{name: found[name] for name in names if found.get(name)}, ModelApprovalStatus="PendingManualApproval"
        )

    def _stranger(self, step: dict[str, Any]) -> None:
        self.hand(HUB).package(step["stranger"], {"Image": f"{HUB}.dkr.ecr.{REGION}.amazonaws.com/theirs:1"})

    def _named(self, value: Any) -> Any:
        """`glob:PATTERN` is the one key in the store that it matches, `arn:GROUP/NUMBER` a version's ARN."""
        if isinstance(value, str) and value.startswith("glob:"):
            return self._key(value.removeprefix("glob:"))
        if isinstance(value, str) and value.startswith("arn:hub:"):
            return f"arn:aws:sagemaker:{REGION}:{HUB}:{value.removeprefix('arn:hub:')}"
        if isinstance(value, str) and value.startswith("arn:churn:"):
            return f"arn:aws:sagemaker:{REGION}:{CHURN}:{value.removeprefix('arn:churn:')}"
        if isinstance(value, str) and value.startswith("bytes:"):
            return value.removeprefix("bytes:").encode()
        if isinstance(value, dict):
            return {name: self._named(item) for name, item in value.items()}
        return [self._named(item) for item in value] if isinstance(value, list) else value

    def _key(self, pattern: str) -> str:
        if pattern == "RECORD ocr":
            pattern = "*/.releases/" + VISION + "/" + self._mark("ocr/1", "promotion") + ".json"
        if pattern == "LINEAGE ocr":
            pattern = "*/.releases/" + VISION + "/" + self._mark("ocr/1", "promotion") + ".lineage.json"
        (found,) = [key for key in self.serving.world.buckets[STORE].objects if fnmatch.fnmatchcase(key, pattern)]
        return found

    def _mark(self, version: str, name: str) -> str:
        arn = self._named(f"arn:hub:model-package/{version}")
        found = self.hand(HUB)("sagemaker").describe_model_package(ModelPackageName=arn)
        return str(found["CustomerMetadataProperties"][f"hubwright/{name}"])

    def drift(self, *arguments: str) -> Said:
        """`drift`, and the proof that it changed nothing."""
        before = len(self.serving.world.mutations())
        said = self.live("drift", "--format", "json", *arguments)
        assert len(self.serving.world.mutations()) == before
        return said

    def mend(self, item: dict[str, Any], code: int) -> None:
        """What the report says, in its order."""
        for command in item["mend"]["commands"]:
            tool, name, *arguments = shlex.split(command)
            if tool == "aws":
                self._aws(name, arguments)
                continue
            if name == "access":
                said = self._administered(arguments[-1], f"{name} {arguments[0]}", *arguments[1:])
            else:
                said = self.live(name, *arguments)
            assert said.code == code, said
            if self.repo.git("status", "--porcelain"):
                assert item["mend"]["commit"], said
                self.repo.commit()

    def _aws(self, service: str, arguments: list[str]) -> None:
        operation, *pairs = arguments
        named = {"".join(part.capitalize() for part in key[2:].split("-")): value for key, value in _pairs(pairs)}
        if "Tags" in named:
            named["Tags"] = [dict(part.split("=", 1) for part in named["Tags"].split(","))]
        client = self.hand(HUB)("s3" if service == "s3api" else service)
        getattr(client, operation.replace("-", "_"))(**named)


def _pairs(words: list[str]) -> Iterator[tuple[str, Any]]:
    yield from zip(words[::2], words[1::2], strict=True)


@pytest.mark.parametrize("path", sampled(CASES, lambda path: path.stem, every=6))
def test_case(path: Path, settled: Command, repo: Repo, serving: Serving, hand: Callable[[str], Hand]) -> None:
    case = strict.read(path.read_bytes()).data
    work = Case(settled, repo, serving, hand)
    for step in case["steps"]:
        work.step(step)
    options = case.get("options", [])
    said = work.drift(*options)
    found = said.json["items"]
    told = [{name: item[name] for name in wanted} for wanted, item in zip(case["expect"], found, strict=False)]
    assert (told, len(found)) == (case["expect"], len(case["expect"])), json.dumps(found, indent=1)
    assert said.code == case["exit"]
    assert work.drift(*options).out == said.out
    if case.get("mended", True) is False:
        return
    serving.world.faults.clear()
    done: set[str] = set()
    for item in found:
        if item["mend"]["commands"] and not item["ignored"] and str(item["mend"]) not in done:
            done.add(str(item["mend"]))
            work.mend(item, case.get("mending", 0))
    after = work.drift(*options)
    left = [item for item in after.json["items"] if item["class"] not in ("unmanaged", *case.get("stays", []))]
    assert (after.code, left) == (case.get("after", 0), []), json.dumps(left, indent=1)


def test_there_are_cases_of_every_class() -> None:
    classes = {item["class"] for path in CASES for item in strict.read(path.read_bytes()).data["expect"]}
    assert len(CASES) >= 40
    assert classes == {
        "drift",
        "lost",
        "duplicate",
        "source-moved",
        "orphaned",
        "blind",
        "pending",
        "unmanaged",
    }
