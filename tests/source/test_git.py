"""Reading from the object database: what is refused by name, who wrote what, and that hostile repositories run nothing."""

import os
import shutil
from pathlib import Path

import pytest

from controller.core.errors import SourceError, UsageError
from controller.core.problems import ManifestsError
from controller.source import files
from controller.source.load import load

from . import repos


def small(path: Path, **more: str | bytes) -> Path:
    return repos.create(path / "repo", {**repos.SMALL, **more})


def raw(path: Path, *entries: tuple[str, bytes | str, str]) -> Path:
    """A repository whose manifests folder has the small fleet and these entries (mode, bytes or object id, name)."""
    repo = repos.create(path / "repo", bare=True)
    inside = [
        ("100644", repos.blob(repo, text.encode()), name.removeprefix("manifests/"))
        for name, text in repos.SMALL.items()
    ]
    for mode, data, name in entries:
        inside.append((mode, data if isinstance(data, str) else repos.blob(repo, data), name))
    folder = repos.tree(repo, sorted(inside, key=lambda entry: entry[2]))
    repos.commit_tree(repo, repos.tree(repo, [("40000", folder, "manifests")]))
    return repo


def said(manifests) -> list[str]:
    return [str(problem) for problem in manifests.problems]


def test_a_small_fleet(tmp_path):
    repo = small(tmp_path)
    manifests = load(repo)
    assert (manifests.problems, manifests.invalid, manifests.files, manifests.shallow) == ((), frozenset(), 5, False)
    assert manifests.revision == repos.git(repo, "rev-parse", "HEAD")
    entry = manifests.promotions["churn-1"]
    assert (entry.path, entry.below, entry.line, entry.column) == ("manifests/churn-1.yaml", "churn-1.yaml", 3, 18)
    assert (entry.author, entry.commit) == ("Ada <ada@example.org>", manifests.revision)


def test_the_worktree_is_not_looked_at(tmp_path):
    repo = small(tmp_path)
    repos.write(repo, {"manifests/churn-1.yaml": "broken: ["})
    assert list(load(repo).promotions) == ["churn-1"]
    assert [problem.rule for problem in load(repo, worktree=True).problems] == ["yaml"]


def test_a_subfolder_of_the_repository_will_do(tmp_path):
    repo = small(tmp_path)
    assert load(repo / "manifests").promotions.keys() == {"churn-1"}
    assert load(repo / "manifests", worktree=True).promotions.keys() == {"churn-1"}


REFUSED = {
    "symbolic link": (("120000", b"../outside.yaml", "link.yaml"), "manifests/link.yaml:1:1: a symbolic link is never followed (put the files themselves here)"),
    "link to a folder": (("120000", b"/etc", "teams"), "manifests/teams:1:1: a symbolic link is never followed (put the files themselves here)"),
    "submodule": (("160000", "1" * 40, "sub"), "manifests/sub:1:1: a submodule is never followed (put the files themselves here)"),
    "executable": (("100755", b"", "run.yaml"), "manifests/run.yaml:1:1: an executable file is not read (git update-index --chmod=-x)"),
    "oversized": (("100644", b"#" * 262_145, "big.yaml"), "manifests/big.yaml:1:1: the file has 262,145 bytes, more than 256 KiB (a manifest is a page of text)"),
    "control character": (("100644", b"", "a\x1b[31m.yaml"), "manifests/a\x1b[31m.yaml:1:1: the name has a control character or a backslash (rename it)"),
    "backslash": (("100644", b"", "..\\a.yaml"), "manifests/..\\a.yaml:1:1: the name has a control character or a backslash (rename it)"),
    "not UTF-8": (("100644", b"", "a\udce9.yaml"), "manifests/a\\xe9.yaml:1:1: the name is not UTF-8 (rename it)"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name(tmp_path, name):
    entry, expected = REFUSED[name]
    manifests = load(raw(tmp_path, entry))
    assert said(manifests) == [expected]
    assert list(manifests.promotions) == ["churn-1"]


def test_a_guard_that_is_refused_is_known_to_be_missing(tmp_path):
    guard = b"apiVersion: hubwright.io/v1beta1\nkind: Guardrails\nmetadata:\n  name: production\nspec: {requireLock: true}\n"
    assert load(raw(tmp_path / "a", ("100755", guard, "guard.yaml"))).invalid == {("Guardrails", "production")}
    twins = load(raw(tmp_path / "b", ("100644", guard, "guard.yaml"), ("100644", b"", "Guard.yaml")))
    assert twins.invalid == {("Guardrails", "production"), ("", "Guard")}


@pytest.mark.parametrize("part", ["..", ".", ".git", ".GIT", ".git ", "git~1"])
def test_paths_that_lead_elsewhere(tmp_path, part):
    repo = repos.create(tmp_path / "repo", bare=True)
    inside = [
        ("100644", repos.blob(repo, text.encode()), name.removeprefix("manifests/"))
        for name, text in repos.SMALL.items()
    ]
    hidden = repos.tree(repo, [("100644", repos.blob(repo, b"x"), "evil.yaml")])
    folder = repos.tree(repo, [("40000", hidden, part), *inside])
    repos.commit_tree(repo, repos.tree(repo, [("40000", folder, "manifests")]))
    manifests = load(repo)
    assert [(problem.path, problem.rule) for problem in manifests.problems] == [(f"manifests/{part}/evil.yaml", "name")]


def test_names_that_are_one_on_some_file_systems(tmp_path):
    extra = [("100644", b"x", name) for name in ("A.yaml", "a.yaml", "caf\u00e9.yaml", "cafe\u0301.yaml")]
    manifests = load(raw(tmp_path, *extra))
    assert [(problem.path, problem.rule) for problem in manifests.problems] == [
        ("manifests/A.yaml", "twin"),
        ("manifests/a.yaml", "twin"),
        ("manifests/cafe\u0301.yaml", "twin"),
        ("manifests/caf\u00e9.yaml", "twin"),
    ]


def test_other_files_are_not_looked_into(tmp_path):
    repo = small(tmp_path, **{"manifests/README.md": "\0", "manifests/x.json": "{", "elsewhere.yaml": "x: ["})
    assert load(repo).problems == ()


@pytest.mark.parametrize("worktree", [False, True])
def test_no_manifests_is_an_error_never_nothing(tmp_path, worktree):
    repo = repos.create(tmp_path / "repo", {"manifests/README.md": "x", "other/a.txt": "x"})
    with pytest.raises(ManifestsError, match="there is no manifest in"):
        load(repo, worktree=worktree)
    with pytest.raises(SourceError, match='there is no folder "nothing"'):
        load(repo, worktree=worktree, path="nothing")
    with pytest.raises(SourceError, match=r"not a folder|there is no folder"):
        load(repo, worktree=worktree, path="manifests/README.md")
    for path in ("../x", "/etc", "a\0b"):
        with pytest.raises(UsageError, match="not a folder inside"):
            load(repo, worktree=worktree, path=path)


@pytest.mark.parametrize("worktree", [False, True])
def test_a_manifests_folder_that_is_a_link_is_refused(tmp_path, worktree):
    repo = repos.create(tmp_path / "repo")
    (repo / "real").mkdir()
    (repo / "manifests").symlink_to("real")
    repos.write(repo, {"real/fleet.yaml": repos.FLEET})
    repos.commit(repo, "link")
    with pytest.raises(SourceError, match="symbolic link"):
        load(repo, worktree=worktree)


def test_links_and_pipes_in_the_worktree_are_refused(tmp_path):
    repo = small(tmp_path)
    (tmp_path / "outside.yaml").write_text(repos.promotion(9))
    (repo / "manifests" / "link.yaml").symlink_to(tmp_path / "outside.yaml")
    (repo / "manifests" / "dir").symlink_to(tmp_path)
    os.mkfifo(repo / "manifests" / "pipe.yaml")
    (repo / "manifests" / "big.yaml").write_bytes(b"#" * 262_145)
    repos.create(repo / "manifests" / "sub")
    manifests = load(repo, worktree=True)
    assert [(problem.path, problem.rule) for problem in manifests.problems] == [
        ("manifests/big.yaml", "file"),
        ("manifests/dir", "link"),
        ("manifests/link.yaml", "link"),
        ("manifests/pipe.yaml", "mode"),
        ("manifests/sub", "link"),
    ]
    assert (manifests.revision, list(manifests.promotions)) == ("worktree", ["churn-1"])


def test_a_folder_without_git(tmp_path):
    repos.write(tmp_path, dict(repos.SMALL))
    assert load(tmp_path, worktree=True).promotions["churn-1"].author is None
    with pytest.raises(SourceError, match="not in a Git repository"):
        load(tmp_path)
    with pytest.raises(SourceError, match="not a folder"):
        load(tmp_path / "missing")
    repos.create(tmp_path)
    with pytest.raises(SourceError, match="no commit yet"):
        load(tmp_path)


@pytest.mark.parametrize(
    "ref",
    [
        "",
        "--output=/tmp/x",
        "-h",
        "nothing",
        "HEAD\nx",
        "main:manifests",
        "main..main",
        "HEAD^{tree}",
        "$(id)",
        "main --exec=id",
    ],
)
def test_hostile_and_unknown_revisions(tmp_path, ref):
    with pytest.raises(SourceError, match="there is no revision"):
        load(small(tmp_path), ref=ref)


@pytest.mark.parametrize("ref", ["main", "HEAD", "v1", "refs/tags/v1", "main@{0}", "HEAD~0"])
def test_revisions(tmp_path, ref):
    repo = small(tmp_path)
    repos.git(repo, "tag", "-a", "-m", "one", "v1")
    first = repos.git(repo, "rev-parse", "HEAD")
    assert load(repo, ref=ref).revision == first


HOSTILE = """
[core]
    fsmonitor = "touch {mark}"
    hooksPath = {hooks}
    sshCommand = "touch {mark};"
    pager = "touch {mark};"
    editor = "touch {mark};"
    askPass = {hooks}/evil
[log]
    showSignature = true
    mailmap = true
[gpg]
    program = {hooks}/evil
[diff]
    external = {hooks}/evil
[diff "evil"]
    textconv = {hooks}/evil
    command = {hooks}/evil
[filter "evil"]
    smudge = {hooks}/evil
    process = {hooks}/evil
    required = true
[extensions]
    partialClone = origin
[remote "origin"]
    url = ext::{hooks}/evil
    promisor = true
    uploadpack = {hooks}/evil
[protocol]
    allow = always
[protocol "ext"]
    allow = always
[alias]
    log = !touch {mark}
    ls-tree = !touch {mark}
"""


def hostile(repo: Path, mark: Path) -> None:
    """A repository configuration that runs a program wherever Git would run one."""
    hooks = repo / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in (
        "evil",
        "post-checkout",
        "post-index-change",
        "reference-transaction",
        "pre-auto-gc",
        "fsmonitor-watchman",
    ):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {mark}\n")
        (hooks / name).chmod(0o755)
    with (repo / ".git" / "config").open("a") as config:
        config.write(HOSTILE.format(mark=mark, hooks=hooks))
    (repo / ".git" / "info" / "attributes").write_text("* diff=evil filter=evil\n")


@pytest.mark.parametrize("worktree", [False, True])
def test_hostile_configuration_runs_nothing(tmp_path, worktree):
    repo = small(tmp_path, **{".gitattributes": "* diff=evil filter=evil\n"})
    signed = repos.git(repo, "cat-file", "commit", "HEAD").replace(
        "\n\n", "\ngpgsig -----BEGIN PGP SIGNATURE-----\n x\n -----END PGP SIGNATURE-----\n\n", 1
    )
    made = repos.git(repo, "hash-object", "-t", "commit", "-w", "--stdin", feed=signed.encode() + b"\n")
    repos.git(repo, "update-ref", "refs/heads/main", made)
    mark = tmp_path / "mark"
    hostile(repo, mark)
    manifests = load(repo, worktree=worktree)
    assert list(manifests.promotions) == ["churn-1"]
    assert not mark.exists()


def test_missing_objects_are_not_fetched(tmp_path):
    repo = small(tmp_path)
    identity = repos.git(repo, "rev-parse", "HEAD:manifests/churn-1.yaml")
    (repo / ".git" / "objects" / identity[:2] / identity[2:]).unlink()
    mark = tmp_path / "mark"
    hostile(repo, mark)
    with pytest.raises(SourceError):
        load(repo)
    assert not mark.exists()


def test_replaced_objects_do_not_count(tmp_path):
    repo = small(tmp_path)
    first = repos.git(repo, "rev-parse", "HEAD:manifests/churn-1.yaml")
    other = repos.blob(repo, repos.promotion(1, Approved="Rejected").encode())
    repos.git(repo, "replace", first, other)
    assert load(repo).promotions["churn-1"].spec.approval == "Approved"


def test_a_hooks_environment_does_not_change_the_repository(tmp_path, monkeypatch):
    repo = small(tmp_path)
    other = repos.create(tmp_path / "other", {"manifests/fleet.yaml": repos.FLEET})
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    assert list(load(repo).promotions) == ["churn-1"]


def test_another_users_repository_is_explained(tmp_path, monkeypatch):
    repo = small(tmp_path)
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(SourceError, match="belongs to another user") as caught:
        load(repo)
    assert caught.value.hint.startswith("if you trust it: git config --global --add safe.directory ")


def test_git_is_missing(tmp_path, monkeypatch):
    repo = small(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceError, match="git is not installed"):
        load(repo)


def history(path: Path) -> tuple[Path, dict[str, str]]:
    """main: Ada adds all, Ben changes churn-1, Cleo adds churn-2 on a branch, merged with a change of Dora's inside the merge."""
    repo = repos.create(path / "repo")
    made = {}
    repos.write(repo, dict(repos.SMALL))
    made["ada"] = repos.commit(repo, "begin", "Ada", 1_700_000_000)
    repos.git(repo, "checkout", "-q", "-b", "side")
    repos.write(repo, {"manifests/churn-2.yaml": repos.promotion(2)})
    made["cleo"] = repos.commit(repo, "two", "Cleo", 1_700_000_100)
    repos.git(repo, "checkout", "-q", "main")
    repos.write(repo, {"manifests/churn-1.yaml": repos.promotion(1, Approved="Rejected")})
    made["ben"] = repos.commit(repo, "one", "Ben", 1_700_000_200)
    repos.git(repo, "merge", "-q", "--no-ff", "--no-commit", "side")
    repos.write(repo, {"manifests/churn.yaml": repos.GROUP.replace("{}", "{hub: central}")})
    made["dora"] = repos.commit(repo, "merge", "Dora", 1_700_000_300)
    repos.write(repo, {"unrelated.txt": "x"})
    repos.commit(repo, "else", "Eve", 1_700_000_400)
    return repo, made


def authors(manifests) -> dict[str, tuple[str | None, str | None]]:
    entries = [manifests.fleet, *manifests.groups.values(), *manifests.promotions.values()]
    return {entry.name: (entry.author, entry.commit) for entry in entries}


def test_who_wrote_what(tmp_path):
    repo, made = history(tmp_path)
    assert authors(load(repo)) == {
        "growth": ("Ada <ada@example.org>", made["ada"]),
        "churn": ("Dora <dora@example.org>", made["dora"]),
        "churn-1": ("Ben <ben@example.org>", made["ben"]),
        "churn-2": ("Cleo <cleo@example.org>", made["cleo"]),
    }
    assert set(authors(load(repo, attribution=False)).values()) == {(None, None)}


def test_a_change_that_a_merge_threw_away_is_nobodys(tmp_path):
    repo = repos.create(tmp_path / "repo", dict(repos.SMALL))
    first = repos.git(repo, "rev-parse", "HEAD")
    repos.git(repo, "checkout", "-q", "-b", "side")
    repos.write(repo, {"manifests/churn-1.yaml": repos.promotion(1, Approved="Rejected")})
    repos.commit(repo, "lost", "Mallory", 1_700_000_100)
    repos.git(repo, "checkout", "-q", "main")
    repos.git(repo, "merge", "-q", "-s", "ours", "--no-edit", "side")
    assert authors(load(repo))["churn-1"] == ("Ada <ada@example.org>", first)


def test_a_mailmap_renames_nobody(tmp_path):
    repo = small(tmp_path, **{".mailmap": "Mallory <mallory@example.org> Ada <ada@example.org>\n"})
    assert authors(load(repo))["churn-1"][0] == "Ada <ada@example.org>"


def test_a_shallow_clone_does_not_blame_the_cut(tmp_path):
    repo, made = history(tmp_path)
    repos.git(tmp_path, "clone", "-q", "--depth", "2", f"file://{repo}", "shallow")
    manifests = load(tmp_path / "shallow")
    assert manifests.shallow
    assert authors(manifests)["growth"] == (None, None)
    assert set(authors(manifests).values()) <= {(None, None), ("Dora <dora@example.org>", made["dora"])}


def test_a_clone_without_blobs_says_so(tmp_path):
    repo, _ = history(tmp_path)
    repos.git(repo, "config", "uploadpack.allowFilter", "true")
    repos.git(tmp_path, "clone", "-q", "--no-checkout", "--filter=blob:none", f"file://{repo}", "blobless")
    with pytest.raises(SourceError, match=r"not in this clone|ls-tree failed"):
        load(tmp_path / "blobless")


def test_linked_worktrees_and_bare_repositories(tmp_path):
    repo = small(tmp_path)
    repos.git(repo, "worktree", "add", "-q", str(tmp_path / "linked"), "HEAD")
    repos.git(tmp_path, "clone", "-q", "--bare", str(repo), "bare.git")
    assert list(load(tmp_path / "linked").promotions) == ["churn-1"]
    assert list(load(tmp_path / "bare.git").promotions) == ["churn-1"]
    with pytest.raises(SourceError, match="has no worktree"):
        load(tmp_path / "bare.git", worktree=True)
    shutil.rmtree(tmp_path / "linked")


@pytest.mark.parametrize("worktree", [False, True])
def test_more_files_or_bytes_than_memory_should_hold_are_refused(tmp_path, monkeypatch, worktree):
    repo = small(tmp_path)
    monkeypatch.setattr(files, "MAX_FILES", 4)
    with pytest.raises(SourceError, match="more than 4 manifest files"):
        load(repo, worktree=worktree)
    monkeypatch.setattr(files, "MAX_FILES", 5)
    monkeypatch.setattr(files, "MAX_TOTAL", sum(map(len, repos.SMALL.values())))
    assert load(repo, worktree=worktree).files == 5
    monkeypatch.setattr(files, "MAX_TOTAL", files.MAX_TOTAL - 1)
    with pytest.raises(SourceError, match="the manifests have more than 0 MiB"):
        load(repo, worktree=worktree)


def test_a_home_folder_that_there_is_not(tmp_path):
    with pytest.raises(SourceError, match="no home folder"):
        load(small(tmp_path), platform="~nobody-of-this-name/platform")
