"""What is wrong with a document, and where: file, line, column, the place in it, what was expected, what to do."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from controller.core.errors import SourceError

Where = tuple[str | int, ...]  # ("spec", "stores", 0, "bucket")
SHOWN = 60  # characters of a value that a message repeats
CLOSE_KEYS = 64  # longer names are never a misspelling of ours, and comparing them costs


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One fault of one file. `line` and `column` count from 1; 0 when the file has no readable text.

    `where` is the place in the document (`spec.from.version`) or empty, `rule` a stable short name of the rule broken,
    `kind` and `name` the document's own or empty. Sorted by file and place.
    """

    path: str
    line: int
    column: int
    where: str
    message: str
    expected: str = ""
    hint: str = ""
    kind: str = ""
    name: str = ""
    rule: str = ""

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}:{self.column}: " + (f"{self.where}: " if self.where else "")
        expected = f"; expected {self.expected}" if self.expected else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place}{self.message}{expected}{hint}"


class ManifestsError(SourceError):
    """Nothing can be planned from these documents at all, such as without a Fleet; `problems` has every fault found."""

    def __init__(self, message: str, problems: Sequence[Problem], hint: str = "") -> None:
        super().__init__(message, hint)
        self.problems = tuple(sorted(problems))


def where_text(where: Where) -> str:
    """`spec.stores[0].bucket`; a part that is not a plain word is shown in brackets and quotes."""
    text = ""
    for part in where:
        if isinstance(part, int):
            text += f"[{part}]"
        elif len(part) <= SHOWN and part.isascii() and part.replace("-", "").replace("_", "").isalnum():
            text += f".{part}" if text else part
        else:
            text += f"[{shown(part)}]"
    return text


def shown(value: Any) -> str:
    """A value of a document for a message: JSON, ASCII only, cut to `SHOWN` characters."""
    if isinstance(value, str):
        value = value[: SHOWN + 1]
    elif isinstance(value, dict | list):
        return f"a mapping of {len(value)}" if isinstance(value, dict) else f"a list of {len(value)}"
    text = json.dumps(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`did you mean "group"?`, or what there is when nothing is close and there is little; else empty."""
    names = sorted(set(known))
    close = difflib.get_close_matches(word, names[:1000], n=1) if len(word) <= CLOSE_KEYS else []
    if not close:
        close = [name for name in names if name.casefold() == word.casefold()][:1]
    if close:
        return f"did you mean {shown(close[0])}?"
    return f"there is {', '.join(names)}" if 0 < len(names) <= 6 else ""
