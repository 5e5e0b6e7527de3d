"""Writes docs/fields.md from the table of fields in the code; `--check` only compares."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from controller.core.fields import TABLE  # noqa: E402

PAGE = ROOT / "docs" / "fields.md"
HEAD = """# What becomes of every field

A promotion makes a new version in the hub out of one in a spoke. This is what happens to each field of
`CreateModelPackage`; a test compares the table with AWS's service model, so that a new field cannot slip through.

*Carried* fields are copied as they are, *rewritten* ones with every image and `s3://` URI pointing at the hub's copy,
*ours* are set by Hubwright, *dropped* ones do not reach the hub, and a source with a *refused* one is not promoted.

| field | | why |
|---|---|---|
"""


def page() -> str:
    """The page as text."""
    return HEAD + "".join(f"| `{name}` | {how} | {why} |\n" for name, (how, why) in sorted(TABLE.items()))


def main() -> int:
    if "--check" not in sys.argv:
        PAGE.write_text(page())
        return 0
    if PAGE.read_text() != page():
        print(f"{PAGE.relative_to(ROOT)} is not what the code says: run scripts/docs_fields.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
