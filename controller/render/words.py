"""Numbers and counts in words."""

from __future__ import annotations

from collections.abc import Iterable

_UNITS = ("kB", "MB", "GB", "TB", "PB")


def size(count: int) -> str:
    """Bytes for people: `924 B`, `10.3 kB`, `1.2 TB` (thousands, not 1,024)."""
    if count < 1000:
        return f"{count} B"
    power = 1
    while count / 1000**power >= 999.95 and power < len(_UNITS):
        power += 1
    return f"{count / 1000**power:.1f} {_UNITS[power - 1]}"


def number(count: int, one: str, many: str = "") -> str:
    """`1 promotion`, `2 promotions`, `1,204 copies`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def listed(words: Iterable[str]) -> str:
    """`a, b and c`."""
    *first, last = list(words) or [""]
    return f"{', '.join(first)} and {last}" if first else last


def duration(seconds: float) -> str:
    """`1 s`, `48 s`, `12 min`, `3.5 h`: about."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def money(usd: float) -> str:
    """`less than 0.01 USD`, `1.20 USD`."""
    return f"{usd:,.2f} USD" if usd >= 0.01 else "less than 0.01 USD"
