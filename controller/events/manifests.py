"""Where handlers find the manifests: a Git checkout, or a bundle where there is no Git."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from controller.core.errors import UsageError
from controller.core.manifests import Manifests
from controller.source.bundle import load_bundle
from controller.source.load import load

REPO, BUNDLE = "HUBWRIGHT_REPO", "HUBWRIGHT_BUNDLE"
_bundles: dict[tuple[str, int, int], Manifests] = {}


def read_manifests(environment: Mapping[str, str]) -> Manifests:
    """The manifests that HUBWRIGHT_BUNDLE or HUBWRIGHT_REPO (at HUBWRIGHT_REF, HUBWRIGHT_PATH, with
    HUBWRIGHT_PLATFORM) name. A bundle is read once, a repository each time: its branch may have moved."""
    bundle, repo = environment.get(BUNDLE, ""), environment.get(REPO, "")
    if bool(bundle) == bool(repo):
        hint = "a Git checkout, or a file that `hubwright bundle --out FILE` wrote"
        raise UsageError(f"set one of {REPO} and {BUNDLE}", hint)
    if bundle:
        return _bundled(Path(bundle))
    return load(
        Path(repo),
        ref=environment.get("HUBWRIGHT_REF") or "HEAD",
        path=environment.get("HUBWRIGHT_PATH") or "manifests",
        platform=environment.get("HUBWRIGHT_PLATFORM") or None,
        attribution=False,
    )


def clone_of(environment: Mapping[str, str]) -> Path | None:
    """The Git checkout that `read_manifests` reads; None for a bundle."""
    repo = environment.get(REPO, "")
    return Path(repo) if repo else None


def _bundled(path: Path) -> Manifests:
    try:
        stat = path.stat()
    except OSError:
        return load_bundle(path)  # says what is wrong
    key = (str(path.resolve()), stat.st_mtime_ns, stat.st_size)
    if key not in _bundles:
        _bundles.clear()
        _bundles[key] = load_bundle(path)
    return _bundles[key]
