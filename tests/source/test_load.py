"""The way in: the example fleet, defaults, platform elsewhere, one bad document among many, locks."""

from pathlib import Path

import pytest

from controller.core.manifest import Access, Spoke
from controller.core.problems import ManifestsError
from controller.source.load import load

from . import repos

ROOT = Path(__file__).resolve().parents[2]


def test_the_example_fleet_is_valid():
    manifests = load(ROOT, worktree=True)
    assert (manifests.problems, manifests.invalid) == ((), frozenset())
    assert {name: entry.spec.approval for name, entry in manifests.promotions.items()} == {
        "churn-1": "Approved",
        "churn-2": "PendingManualApproval",
        "defects-1": "Approved",
        "ocr-1": "Approved",
    }
    assert {name: (entry.spec.hub, entry.spec.group) for name, entry in manifests.groups.items()} == {
        "churn": ("central", "churn"),
        "defects": ("central", "defects"),
        "ocr": ("central", "ocr"),
    }


def test_every_example_names_its_schema():
    for path in (ROOT / "manifests").rglob("*.yaml"):
        first = path.read_text().splitlines()[0]
        assert first.startswith("# yaml-language-server: $schema=")
        assert (path.parent / first.partition("=")[2]).resolve().parent == ROOT / "schemas"


def defaulted(tmp_path: Path, fleet: str, spoke: str) -> Spoke:
    files = {**repos.SMALL, "manifests/fleet.yaml": repos.FLEET.replace("spec: {}", f"spec: {fleet}")}
    files["manifests/spoke.yaml"] = repos.SPOKE.replace("  region: eu-west-1\n", spoke)
    repos.write(tmp_path, files)
    manifests = load(tmp_path, worktree=True)
    assert manifests.problems == ()
    return manifests.spokes["churn-lab"].spec


def role(name: str, partition: str = "aws") -> str:
    return f"arn:{partition}:iam::222222222222:role/{name}"


DEFAULTS = {
    "nothing": ("{}", "  region: eu-west-1\n", "eu-west-1", None),
    "region": ("{defaults: {spoke: {region: eu-west-1}}}", "", "eu-west-1", None),
    "role name": (
        "{defaults: {spoke: {region: eu-west-1, access: {roleName: hub, externalId: ext}}}}",
        "",
        "eu-west-1",
        Access(read=role("hub"), register=role("hub"), approve=role("hub"), external_id="ext"),
    ),
    "own access replaces the default whole": (
        "{defaults: {spoke: {region: eu-west-1, access: {roleName: hub, externalId: ext}}}}",
        f"  access: {{read: '{role('mine')}'}}\n",
        "eu-west-1",
        Access(read=role("mine")),
    ),
    "no access at all": (
        "{defaults: {spoke: {region: eu-west-1, access: {roleName: hub}}}}",
        "  access: {}\n",
        "eu-west-1",
        Access(),
    ),
    "one role": (
        "{}",
        f"  region: eu-central-1\n  access: {{role: '{role('one')}'}}\n",
        "eu-central-1",
        Access(read=role("one"), register=role("one"), approve=role("one")),
    ),
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_defaults(tmp_path, name):
    fleet, spoke, region, access = DEFAULTS[name]
    found = defaulted(tmp_path, fleet, spoke)
    assert (found.region, found.access) == (region, access)


def test_the_partition_of_a_role_is_the_regions(tmp_path):
    files = {**repos.SMALL, "manifests/hub.yaml": repos.HUB.replace("eu-west-1", "cn-north-1")}
    files["manifests/spoke.yaml"] = repos.SPOKE.replace("eu-west-1", "cn-northwest-1") + "  access: {roleName: hub}\n"
    repos.write(tmp_path, files)
    manifests = load(tmp_path, worktree=True)
    assert manifests.problems == ()
    assert manifests.spokes["churn-lab"].spec.access == Access(*[None] * 2, *[role("hub", "aws-cn")] * 3)


def test_one_bad_document_among_a_hundred_stops_only_itself(tmp_path):
    many = {f"manifests/teams/churn-{number}.yaml": repos.promotion(number) for number in range(2, 101)}
    bad = {"manifests/teams/churn-50.yaml": "kind: Promotion\nmetadata: {name: churn-50}\nspec: [\n"}
    repo = repos.create(tmp_path / "repo", {**repos.SMALL, **many, **bad})
    manifests = load(repo)
    assert manifests.invalid == {("Promotion", "churn-50")}
    assert len(manifests.promotions) == 99
    assert [problem.path for problem in manifests.problems] == ["manifests/teams/churn-50.yaml"]


def platform(tmp_path: Path) -> Path:
    """main has a platform; the branch changes it, and adds a promotion and a broken team file."""
    repo = repos.create(tmp_path / "repo", dict(repos.SMALL))
    repos.git(repo, "checkout", "-q", "-b", "change")
    evil = (
        repos.HUB.replace("acme-model-store", "evil-store")
        + "  access: {role: 'arn:aws:iam::111111111111:role/evil'}\n"
    )
    files = {
        "manifests/hub.yaml": evil,
        "manifests/spoke.yaml": "kind: Spoke\nmetadata:\n  name: churn-lab\nspec: [",
        "manifests/churn-2.yaml": repos.promotion(2),
    }
    repos.write(repo, {**files, "manifests/churn-3.yaml": "kind: Promotion\nspec: ["})
    repos.commit(repo, "change")
    return repo


def test_platform_kinds_of_another_revision(tmp_path):
    repo = platform(tmp_path)
    manifests = load(repo, platform="main")
    assert manifests.platform_revision == repos.git(repo, "rev-parse", "main")
    assert manifests.revision == repos.git(repo, "rev-parse", "change")
    hub = manifests.hubs["central"]
    assert (hub.path, hub.spec.stores[0].bucket, hub.spec.access) == (
        "main:manifests/hub.yaml",
        "acme-model-store",
        Access(),
    )
    assert manifests.promotions.keys() == {"churn-1", "churn-2"}
    assert manifests.invalid == {("Promotion", "churn-3")}
    assert load(repo).hubs["central"].spec.stores[0].bucket == "evil-store"
    assert load(repo).invalid == {("Promotion", "churn-3"), ("Spoke", "churn-lab")}


def test_platform_of_another_repository(tmp_path, monkeypatch):
    shared = repos.create(
        tmp_path / "shared", {name: text for name, text in repos.SMALL.items() if "churn" not in name}
    )
    team = repos.create(tmp_path / "team", {name: text for name, text in repos.SMALL.items() if "churn" in name})
    with pytest.raises(ManifestsError, match="there is no Fleet"):
        load(team)
    for where in (str(shared), f"{shared}@main", f"{shared}@{repos.git(shared, 'rev-parse', 'HEAD')}"):
        manifests = load(team, platform=where)
        assert (manifests.problems, list(manifests.promotions), list(manifests.hubs)) == ((), ["churn-1"], ["central"])
    monkeypatch.chdir(tmp_path)
    assert load(team, platform="./shared").hubs.keys() == {"central"}


GUARD = """apiVersion: hubwright.io/v1beta1
kind: Guardrails
metadata: {name: production}
spec: {owners: [{paths: ["teams/**"]}]}
"""


def test_a_rule_merged_in_a_teams_folder_has_no_effect_as_platform_either(tmp_path):
    own = GUARD.replace("production", "own").replace('{owners: [{paths: ["teams/**"]}]}', "{allowReference: true}")
    files = {name.replace("manifests/churn", "manifests/teams/churn"): text for name, text in repos.SMALL.items()}
    broken = {"manifests/teams/broken.yaml": "kind: Guardrails\nmetadata:\n  name: broken\nspec: ["}
    added = {"manifests/guard.yaml": GUARD, "manifests/teams/own.yaml": own}
    repo = repos.create(tmp_path / "repo", {**files, **added, **broken})
    for platform in (None, "main"):
        manifests = load(repo, platform=platform)
        assert (list(manifests.guardrails), manifests.invalid) == (["production"], frozenset())
        assert [problem.name for problem in manifests.problems] == ["broken", "own"]


def test_a_lock_in_another_teams_folder_stops_nobody(tmp_path):
    moved = {
        name.replace("manifests/churn", "manifests/teams/growth/churn"): text for name, text in repos.SMALL.items()
    }
    owners = '{owners: [{paths: ["teams/growth/**"]}, {paths: ["teams/vision/**"]}]}'
    files = {**moved, "manifests/guard.yaml": GUARD.replace('{owners: [{paths: ["teams/**"]}]}', owners)}
    for text in (LOCK, LOCK.replace("version: 1", "version: 7"), "broken: ["):
        repos.write(tmp_path, {**files, "manifests/teams/vision/churn-1.lock.yaml": text})
        manifests = load(tmp_path, worktree=True)
        assert (manifests.invalid, list(manifests.promotions), manifests.locks) == (frozenset(), ["churn-1"], {})
        assert [problem.path for problem in manifests.problems] == ["manifests/teams/vision/churn-1.lock.yaml"]
    repos.write(tmp_path, {"manifests/churn-1.lock.yaml": LOCK, "manifests/teams/growth/churn-1.lock.yaml": LOCK})
    manifests = load(tmp_path, worktree=True)
    assert (manifests.invalid, list(manifests.locks)) == (frozenset(), ["churn-1"])
    assert [problem.rule for problem in manifests.problems] == ["lock", "yaml"]


def test_a_folder_named_like_a_branch_is_no_platform(tmp_path, monkeypatch):
    repo = platform(tmp_path)
    evil = {f"main/{name}": text.replace("acme-model-store", "evil-store") for name, text in repos.SMALL.items()}
    repos.write(repo, evil)
    repos.create(repo / "main", {})
    monkeypatch.chdir(repo)
    assert load(repo, platform="main").hubs["central"].spec.stores[0].bucket == "acme-model-store"


LOCK = """apiVersion: hubwright.io/v1beta1
kind: Lock
metadata: {name: churn-1}
spec:
  source:
    arn: arn:aws:sagemaker:eu-west-1:222222222222:model-package/churn-experiments/1
    account: "222222222222"
    region: eu-west-1
    group: churn-experiments
    version: 1
  release: v1:sha256:0000000000000000000000000000000000000000000000000000000000000000
  objects: [{uri: "s3://bucket/k", size: 1, etag: abc, versionId: v, checksums: {CRC64NVME: x}}]
  listings: [{uri: "s3://bucket/p/", count: 101, bytes: 5, digest: "sha256:0000000000000000000000000000000000000000000000000000000000000000"}]
  recorded: {approval: Approved, modified: 2026-11-20T09:14:03Z}
"""


def test_a_lock_is_read_beside_its_promotion(tmp_path):
    repos.write(tmp_path, {**repos.SMALL, "manifests/churn-1.lock.yaml": LOCK})
    manifests = load(tmp_path, worktree=True)
    assert manifests.problems == ()
    lock = manifests.locks["churn-1"].spec
    assert (lock.source.version, lock.objects[0].checksums, lock.listings[0].count) == (1, {"CRC64NVME": "x"}, 101)


def test_a_broken_lock_never_makes_an_unlocked_promotion(tmp_path):
    repos.write(tmp_path, dict(repos.SMALL))
    (tmp_path / "manifests" / "churn-1.lock.yaml").symlink_to("/dev/null")
    manifests = load(tmp_path, worktree=True)
    assert manifests.invalid == {("Lock", "churn-1")}
    assert (list(manifests.promotions), manifests.locks) == (["churn-1"], {})
