"""Small Git repositories for tests, made with plumbing so that their trees may hold what a checkout would not."""

import os
import subprocess
from pathlib import Path

AUTHOR = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
}
FLEET = "apiVersion: hubwright.io/v1beta1\nkind: Fleet\nmetadata: {name: growth}\nspec: {}\n"
HUB = """apiVersion: hubwright.io/v1beta1
kind: Hub
metadata: {name: central}
spec:
  account: "111111111111"
  region: eu-west-1
  stores: [{name: main, bucket: acme-model-store}]
"""
SPOKE = """apiVersion: hubwright.io/v1beta1
kind: Spoke
metadata: {name: churn-lab}
spec:
  account: "222222222222"
  region: eu-west-1
  allow: {groups: ["churn-*"]}
"""
GROUP = "apiVersion: hubwright.io/v1beta1\nkind: ModelGroup\nmetadata: {name: churn}\nspec: {}\n"


def promotion(number: int, **changes: str) -> str:
    """A valid promotion's text; `changes` replace text of it."""
    text = f"""apiVersion: hubwright.io/v1beta1
kind: Promotion
metadata: {{name: churn-{number}}}
spec:
  from: {{spoke: churn-lab, group: churn-experiments, version: {number}}}
  to: {{group: churn}}
  approval: Approved
"""
    for old, new in changes.items():
        text = text.replace(old, new)
    return text


SMALL = {
    "manifests/fleet.yaml": FLEET,
    "manifests/hub.yaml": HUB,
    "manifests/spoke.yaml": SPOKE,
    "manifests/churn.yaml": GROUP,
    "manifests/churn-1.yaml": promotion(1),
}


def git(repo: Path, *arguments: str, feed: bytes = b"", **environment: str) -> str:
    """What a git command prints, without its last line end."""
    done = subprocess.run(
        ["git", "-C", str(repo), *arguments],
        input=feed,
        env={**os.environ, **AUTHOR, **environment},
        capture_output=True,
        check=True,
    )
    return done.stdout.decode("utf-8", "surrogateescape").rstrip("\n")


def create(repo: Path, files: dict[str, str | bytes] | None = None, *, bare: bool = False) -> Path:
    """A new repository; with `files` they are written and committed."""
    repo.mkdir(parents=True, exist_ok=True)
    git(repo, "init", "-q", "--template=", "-b", "main", *(["--bare"] if bare else []))
    for name in ("hooks", "info"):  # of the usual template, without its fourteen samples
        (repo if bare else repo / ".git").joinpath(name).mkdir(exist_ok=True)
    if files is not None:
        write(repo, files)
        commit(repo, "begin")
    return repo


def write(repo: Path, files: dict[str, str | bytes]) -> None:
    """Puts files into the worktree."""
    for name, text in files.items():
        path = repo / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)


def commit(repo: Path, message: str, name: str = "Ada", date: int = 1_700_000_000) -> str:
    """Commits everything in the worktree as somebody; the commit's id."""
    who = {"GIT_AUTHOR_NAME": name, "GIT_AUTHOR_EMAIL": f"{name.lower()}@example.org"}
    when = {"GIT_AUTHOR_DATE": f"{date} +0000", "GIT_COMMITTER_DATE": f"{date} +0000"}
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "--allow-empty", "-m", message, **who, **when)
    return git(repo, "rev-parse", "HEAD")


def blob(repo: Path, data: bytes) -> str:
    """Stores bytes; their object id."""
    return git(repo, "hash-object", "-w", "--stdin", feed=data)


def tree(repo: Path, entries: list[tuple[str, str, str]]) -> str:
    """Stores a tree of (mode, object id, name) as it is, whatever the names are; its object id."""
    raw = b"".join(
        mode.lstrip("0").encode() + b" " + name.encode("utf-8", "surrogateescape") + b"\0" + bytes.fromhex(identity)
        for mode, identity, name in entries
    )
    return git(repo, "hash-object", "-t", "tree", "-w", "--stdin", "--literally", feed=raw)


def commit_tree(repo: Path, identity: str) -> str:
    """A commit of a tree, on main."""
    made = git(repo, "commit-tree", "-m", "raw", identity)
    git(repo, "update-ref", "refs/heads/main", made)
    return made
