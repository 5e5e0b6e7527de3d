"""Evaluates the expressions of gates. The only place that knows a CEL library (extra `expressions`)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from controller.core.expression import LARGEST, fault, written

LONGEST = 1.0  # seconds: what may stand in an expression takes a thousandth of that
_EXTRA = "it needs the extra `expressions`: pip install 'hubwright[expressions]'"


def evaluated(text: str, metrics: Mapping[str, Decimal], clock: Callable[[], float] = time.monotonic) -> bool:
    """What an expression says of these numbers. ValueError, with the reason, for everything but true or false."""
    if why := fault(text, metrics):
        raise ValueError(why)
    for name, value in metrics.items():
        if abs(value) > LARGEST:
            raise ValueError(f"metrics.{name} is {value}, too large to be calculated with")
    library = _loaded()  # not within the time: uncompiled, as in a function's zip, it alone may take longer
    began = clock()
    said = _said(library, written(text), {name: float(value) for name, value in metrics.items()})
    if clock() - began > LONGEST:
        raise ValueError(f"it took longer than {LONGEST:g} s")
    if not isinstance(said, bool):
        raise ValueError(f"it says {said!r:.60}, which is neither true nor false")
    return said


def _loaded() -> Any:
    try:
        import cel
    except ImportError:
        raise ValueError(_EXTRA) from None
    return cel


def _said(library: Any, text: str, metrics: Mapping[str, float]) -> Any:
    try:
        return library.evaluate(text, {"metrics": dict(metrics)})
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(f"it cannot be evaluated: {_first(error)}") from error


def _first(error: Exception) -> str:
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return line.partition(". ")[0][:200]
