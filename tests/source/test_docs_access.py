"""docs/access.md is what the code derives."""

from __future__ import annotations

import subprocess
import sys

from tests.admins import ROOT


def test_the_page_on_access_is_up_to_date():
    command = [sys.executable, str(ROOT / "scripts" / "docs_access.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
