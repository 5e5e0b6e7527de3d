"""Writes docs/terminal.svg, the picture of a terminal at the top of README.md, from a run of docs/tutorial.md.

`--check` only says whether a run still shows the same, and whether the tutorial's pages say what that run does, looking
past what differs from run to run. Lines that are too long, and output that is too long, are cut where `…` stands;
nothing else is left out of a command that is shown.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

sys.path.insert(0, str(Path(__file__).resolve().parent))

from docs_tutorial import PAGES, ROOT, checked, lasting, ran  # beside this file

PICTURE = ROOT / "docs" / "terminal.svg"
_SHOWN = ("hubwright promote ", "hubwright plan --out ", "hubwright reconcile --plan ", "hubwright plan --detailed")
_CONSOLE = re.compile(r"^```console[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_WIDE, _MOST = 112, 16
_LINE, _LETTER, _EDGE = 18, 7.85, 16
_COLORS = {"$": "#7ee787", "+": "#a5d6ff", "~": "#f0c04a", "!": "#ffa198"}


def session(page: str) -> list[str]:
    """The lines of the picture: the shown commands of a page, each once, with what they said."""
    lines: list[str] = []
    for block in _CONSOLE.findall(page):
        for said in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *output = said.rstrip("\n").split("\n")
            if command.startswith(_SHOWN):
                lines += [*([""] if lines else []), f"$ {command.partition('; echo')[0]}", *_cut(output)]
    return [line if len(line) <= _WIDE else line[: _WIDE - 1] + "…" for line in lines]


def _cut(output: list[str]) -> Iterator[str]:
    kept = [line for line in output if not line.startswith("exit code ")]
    yield from kept[:_MOST]
    if len(kept) > _MOST:
        yield f"… {len(kept) - _MOST} more lines"


def picture(lines: list[str]) -> str:
    """The lines as an SVG."""
    width, height = round(_WIDE * _LETTER + 2 * _EDGE), len(lines) * _LINE + 2 * _EDGE
    rows = []
    for place, line in enumerate(lines):
        color = _COLORS.get(line.lstrip()[:1], "#e6edf3")
        y = _EDGE + (place + 1) * _LINE - 5
        rows.append(f'<text x="{_EDGE}" y="{y}" fill="{color}" xml:space="preserve">{escape(line)}</text>')
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        ' role="img" aria-labelledby="title" font-family="ui-monospace,Menlo,Consolas,monospace" font-size="13">'
    )
    return "\n".join(
        [
            head,
            '<title id="title">A terminal: a model is promoted, planned, reconciled, and planned again</title>',
            f'<rect width="{width}" height="{height}" rx="10" fill="#0d1117"/>',
            *rows,
            "</svg>\n",
        ]
    )


def main() -> int:
    """Writes the picture, or with `--check` gives 1 if a run shows something else than it, or the tutorial, does."""
    drawn = picture(session(ran(PAGES[-1])))
    if "--check" not in sys.argv[1:]:
        PICTURE.write_text(drawn, encoding="utf-8")
        return 0
    held = [checked(name, write=False) for name in PAGES]
    if lasting(PICTURE.read_text(encoding="utf-8")) != lasting(drawn):
        print("docs/terminal.svg is not what a run shows: python scripts/docs_recording.py writes it again")
        held.append(False)
    return int(not all(held))


if __name__ == "__main__":
    sys.exit(main())
