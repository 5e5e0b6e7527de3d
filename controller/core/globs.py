"""Globs of names and paths, matched in linear time so that nobody's pattern can stall a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence


def matches(pattern: str, text: str) -> bool:
    """Whether the whole `text` is as `pattern` says: `*` is any characters, `?` is one."""
    return _walk(pattern, text, "*", lambda wanted, char: wanted in ("?", char))


def any_matches(patterns: Iterable[str], text: str) -> bool:
    """Whether one of the patterns matches, in upper or lower case: to AWS, names of groups are the same in both."""
    folded = text.casefold()
    return any(matches(pattern.casefold(), folded) for pattern in patterns)


def path_matches(pattern: str, path: str) -> bool:
    """As `matches`, folder by folder: `*` stays within one, `**` is any number of folders; `a/**` is all below `a`."""
    wanted = pattern.split("/")
    if wanted[-1] == "**":
        wanted = [*wanted[:-1], "*", "**"] if len(wanted) == 1 else [*wanted, "*"]
    return _walk(wanted, path.split("/"), "**", matches)


def _walk(pattern: Sequence[str], text: Sequence[str], any_number: str, fits: Callable[[str, str], bool]) -> bool:
    at = mine = 0
    star, back = -1, 0
    while at < len(text):
        if mine < len(pattern) and pattern[mine] == any_number:
            star, back = mine, at
            mine += 1
        elif mine < len(pattern) and fits(pattern[mine], text[at]):
            mine, at = mine + 1, at + 1
        elif star >= 0:
            back += 1
            mine, at = star + 1, back
        else:
            return False
    return all(part == any_number for part in pattern[mine:])
