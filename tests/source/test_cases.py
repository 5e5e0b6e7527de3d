"""Wrong and hostile manifests: each folder of `tests/cases/manifests` is laid over `tests/cases/base`, and
`expected.txt` says which problems there are, and what cannot be acted on.

Set HUBWRIGHT_WRITE_CASES=1 to write the expected files anew; then read what changed.
"""

import os
import shutil
from pathlib import Path

import pytest

from controller.core.problems import ManifestsError
from controller.source.load import load
from tests.pace import seconds

CASES = Path(__file__).parent.parent / "cases"
NAMES = sorted(path.name for path in (CASES / "manifests").iterdir() if path.is_dir())


def laid_out(folder: Path, name: str) -> None:
    """Writes a case."""
    shutil.copytree(CASES / "base", folder / "manifests")
    shutil.copytree(CASES / "manifests" / name, folder / "manifests", dirs_exist_ok=True)
    (folder / "manifests" / "expected.txt").unlink(missing_ok=True)


def judged(folder: Path) -> str:
    """What loading a case says, as the text of its expected file."""
    try:
        manifests = load(folder, worktree=True)
    except ManifestsError as error:
        return "".join(f"{line}\n" for line in [*error.problems, f"stopped: {error}"])
    invalid = [f"invalid: {kind or 'unknown kind'} {what}" for kind, what in sorted(manifests.invalid)]
    return "".join(f"{line}\n" for line in [*manifests.problems, *invalid])


@pytest.fixture(scope="module", autouse=True)
def base(tmp_path_factory):
    """The valid manifests; loading them also does the imports, which no case should be charged for."""
    folder = tmp_path_factory.mktemp("base")
    shutil.copytree(CASES / "base", folder / "manifests")
    return load(folder, worktree=True)


def test_the_base_is_valid(base):
    manifests = base
    assert (manifests.problems, manifests.invalid) == ((), frozenset())


def test_there_are_enough():
    assert len(NAMES) >= 60


@pytest.mark.parametrize("name", NAMES)
def test_case(tmp_path, name):
    laid_out(tmp_path, name)
    said = judged(tmp_path)
    expected = CASES / "manifests" / name / "expected.txt"
    if os.environ.get("HUBWRIGHT_WRITE_CASES"):
        expected.write_text(said)
    assert said == expected.read_text()
    assert ":" in said
    assert seconds(lambda: judged(tmp_path), 0.25) < 0.25
