"""Access as rendered for others, against what it looked like when somebody last looked. UPDATE_GOLDEN=1 writes anew."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from controller.core.access.derive import derive
from controller.render.templates import FILES
from tests.admins import ROOT, full
from tests.core.test_access_actions import FLEETS, names

CASES = ROOT / "tests" / "cases" / "access" / "full"


def rendered(form: str) -> dict[str, str]:
    return FILES[form]("growth", derive(full()))


@pytest.mark.parametrize("form", sorted(FILES))
def test_rendered_files_are_as_they_were(form):
    folder: Path = CASES / form
    files = rendered(form)
    if os.environ.get("UPDATE_GOLDEN"):
        folder.mkdir(exist_ok=True)
        for path in folder.iterdir():
            path.unlink()
        for name, text in files.items():
            (folder / name).write_text(text)
    assert files == {path.name: path.read_text() for path in sorted(folder.iterdir())}
    for text in files.values():
        json.loads(text)


def test_there_is_a_template_for_every_account_that_is_not_retired():
    accounts = ["111111111111", "222222222222", "333333333333", "444444444444"]
    assert sorted(rendered("cloudformation")) == [f"{account}.template.json" for account in accounts]


@pytest.mark.parametrize("name", sorted(rendered("cloudformation")))
def test_cfn_lint_has_neither_errors_nor_warnings(name):
    from cfnlint import lint_all

    found = lint_all(rendered("cloudformation")[name])
    assert [str(match) for match in found if match.rule.severity != "informational"] == []


def test_cfn_lint_is_heard():
    from cfnlint import lint_all

    broken = rendered("cloudformation")["222222222222.template.json"].replace('"RetryPolicy"', '"RetryPolitely"')
    assert any(match.rule.severity != "informational" for match in lint_all(broken))


def test_terraform_takes_no_text_of_ours_for_a_template():
    own = [line for text in rendered("terraform").values() for line in text.splitlines() if "${" in line]
    assert own
    for line in own:
        assert "$${aws:Principal" in line or '"${aws_sqs_queue.' in line, line


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in FLEETS if name != "full"])
def test_the_templates_of_every_other_fleet_are_clean_too(name, tmp_path):
    from cfnlint import lint_all

    made = FILES["cloudformation"]("growth", derive(FLEETS[name](tmp_path), names()))
    found = [str(match) for text in made.values() for match in lint_all(text) if match.rule.severity != "informational"]
    assert (made != {}, found) == (True, [])
