"""What a bench measured, as tables: printed, and put into docs/benchmarks.md between the marks of its part."""

from __future__ import annotations

import os
import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
QUICK = bool(os.environ.get("QUICK"))
RUNS = int(os.environ.get("RUNS", "3" if QUICK else "5"))


@dataclass(frozen=True)
class Row:
    """One run of one tool: seconds of wall clock and of its CPU, its peak memory in MiB, the servers' CPU seconds."""

    wall: float
    cpu: float
    rss: float
    served: float


def median(rows: Iterable[Row], name: str = "wall") -> float:
    return statistics.median(getattr(row, name) for row in rows)


def floor(rows: Iterable[Row]) -> float:
    """Seconds in which the cores could have done the work of client and servers, were nobody ever waiting."""
    return statistics.median((row.cpu + row.served) / (os.cpu_count() or 1) for row in rows)


def table(title: str, rows: Mapping[str, Sequence[Row]], first: str) -> list[str]:
    """The tools of one interleaved run; ratios are `first`'s median over each tool's."""
    head = f"| {title} | median s | least | most | client CPU s | servers CPU s | MiB | {first} / it | to the floor |"
    lines = [head, "|---|---|---|---|---|---|---|---|---|"]
    for name, some in rows.items():
        walls = [row.wall for row in some]
        cells = [
            f"{median(some):.2f}",
            f"{min(walls):.2f}",
            f"{max(walls):.2f}",
            f"{median(some, 'cpu'):.2f}",
            f"{median(some, 'served'):.2f}",
            f"{max(row.rss for row in some):.0f}",
            f"{median(rows[first]) / median(some):.2f}",
            f"{median(some) / floor(some):.2f}",
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def aims(rows: Iterable[tuple[str, float, float, bool]]) -> list[str]:
    """(what is aimed at, the limit, the figure, whether more is better) as a table that says met or missed."""
    lines = ["| aim | limit | measured | |", "|---|---|---|---|"]
    for what, limit, figure, more in rows:
        met = figure >= limit if more else figure <= limit
        sign = "at least" if more else "at most"
        lines.append(f"| {what} | {sign} {limit:g} | {figure:.2f} | {'met' if met else '**missed**'} |")
    return lines


def conditions(command: str) -> str:
    load = os.getloadavg()[0]
    return f"`{command}`; R = {RUNS}, {os.cpu_count()} cores, load when it ended {load:.1f}."


def put(part: str, lines: Sequence[str]) -> None:
    """Prints it; a full run also writes it into the page. `QUICK=1` leaves the page alone."""
    text = "\n".join(lines)
    print(f"\n{text}\n")
    if QUICK:
        return
    page = PAGE.read_text("utf-8")
    marks = re.compile(rf"(<!-- begin {part} -->\n).*?(<!-- end {part} -->)", re.DOTALL)
    if not marks.search(page):
        raise AssertionError(f"docs/benchmarks.md has no part {part}")
    PAGE.write_text(marks.sub(lambda found: f"{found[1]}\n{text}\n\n{found[2]}", page), "utf-8")
