"""docs/manifests.md is what the schemas say, and every example in it is a valid document."""

import re
import subprocess
import sys
from pathlib import Path

from controller.source import schema, strict

ROOT = Path(__file__).resolve().parents[2]


def test_the_reference_is_up_to_date():
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "docs_manifests.py"), "--check"], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "docs/manifests.md is up to date\n")


def test_every_example_is_valid():
    examples = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "manifests.md").read_text("utf-8"), re.DOTALL)
    kinds = []
    for example in examples:
        document = strict.read(example.encode())
        assert schema.check("docs/manifests.md", document) == ()
        kinds.append(document.data["kind"])
    assert sorted(kinds) == sorted(set(schema.DOCUMENT_KINDS) - {"Lock"})
