"""What may stand in a gate's expression, and what comes of it; above all: what may not."""

from __future__ import annotations

import sys
from decimal import Decimal
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType

import pytest

from controller.core.expression import LONGEST, fault
from controller.expressions import evaluated

ONE = {"auc": Decimal("0.9"), "bar": Decimal("0.85")}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("metrics.auc > metrics.bar", ""),
        ("metrics.auc - metrics.bar > 0.01 && !(metrics.auc < -1.5e-3)", ""),
        ("metrics.auc >= (metrics.bar > 1000 ? 0.8 : 0.9)", ""),
        ("(metrics.auc + metrics.bar) * 2 > 1", ""),
        (" " * 600, "it has 600 characters, and at most 500 are read"),
        ("metrics.auc > 0.8", "its metric bar is not used in it"),
        ("metrics.auc > metrics.b", "metrics.b is none of its metrics"),
        ("metrics.auc / metrics.bar > 1", "it divides, and what is divided by nothing passes every bar"),
        ("metrics.auc % metrics.bar > 1", "'%' may not stand in it"),
        ("size(metrics.auc) > metrics.bar", "size is not known: metrics are named metrics.NAME, and nothing can be"),
        ("metrics.auc.bar > metrics.bar", "metrics.auc.bar is not known"),
        ("[metrics.auc, metrics.bar].all(x, x > 0.1)", "'[' may not stand in it"),
        ("metrics['auc'] > metrics.bar", "metrics is not known"),
        ('metrics.auc > metrics.bar || "a" == "a"', "'\"' may not stand in it"),
        ("metrics.auc > metrics.bar // no", "it divides"),
        ("metrics.auc > metrics.bar\x00", "'\\x00' may not stand in it"),
        ("metrics.auc > metrics.bar + 1e31", "1e31 is too large a number"),
        ("metrics.auc > metrics.bar + 1e9999", "1e9999 is too large a number"),
        ("(" * 17 + "metrics.auc > metrics.bar" + ")" * 17, "it has more than 16 parentheses within each other"),
        ("(metrics.auc > metrics.bar", "its parentheses do not match"),
        (")metrics.auc > metrics.bar(", "its parentheses do not match"),
        ("!!!(metrics.auc > metrics.bar)", "it has more than 2 signs one after another"),
        ("metrics.auc > ---metrics.bar", "it has more than 2 signs one after another"),
        ("metrics.auc > metrics.bar" + " * metrics.bar" * 9, "it multiplies 9 times, and at most 8 are allowed"),
        ("metrics.auc > metrics.bar == metrics.auc", "it compares what a comparison says"),
        ("(metrics.auc > metrics.bar) != metrics.auc", "it compares what a comparison says"),
        ("metrics.auc != (metrics.auc > metrics.bar)", "it compares what a comparison says"),
        ("metrics.auc != true || metrics.bar > 1", "it compares what a comparison says"),
        ("false == metrics.auc || metrics.bar > 1", "it compares what a comparison says"),
    ],
)
def test_what_may_stand_in_it(text: str, said: str) -> None:
    found = fault(text, ONE)
    assert found.startswith(said)
    assert bool(found) == bool(said)


@pytest.mark.parametrize("text", ["", "   "])
def test_nothing_is_no_expression(text: str) -> None:
    assert fault(text, {}) == "it is empty"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("metrics.auc > metrics.bar", True),
        ("metrics.auc - metrics.bar > 1", False),
        ("metrics.auc - 1 < metrics.bar * 2 - 1", True),
        ("metrics.auc > 1 || metrics.bar > 0.8 && metrics.auc > 0.8", True),
        ("!(metrics.auc > metrics.bar) ? true : metrics.auc == 9e-1", True),
    ],
)
def test_what_it_says(text: str, *, wanted: bool) -> None:
    assert evaluated(text, ONE) is wanted


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("metrics.auc - metrics.bar", "it says 0.05.*, which is neither true nor false"),
        ("metrics.auc > metrics.bar ? metrics.auc : metrics.bar", "it says 0.9, which is neither"),
        ("metrics.auc metrics.bar", "it cannot be evaluated: "),
        ("metrics.auc && metrics.bar", "it cannot be evaluated: "),
        ("metrics.auc ? metrics.bar : metrics.auc", "it cannot be evaluated: "),
        ("true", "its metric auc is not used in it"),
    ],
)
def test_everything_else_is_closed(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        evaluated(text, ONE)


def test_the_longest_and_deepest_that_is_allowed_is_evaluated() -> None:
    deep = "(" * 16 + "metrics.auc > metrics.bar" + ")" * 16
    assert evaluated(deep, ONE)
    long = "metrics.auc > metrics.bar" + " || true" * ((LONGEST - 25) // 8)
    assert evaluated(long, ONE)


def test_no_number_that_is_allowed_becomes_infinite() -> None:
    largest = {"a": Decimal("1e30")}
    product = " * ".join(["metrics.a"] * 9)
    assert evaluated(f"{product} - metrics.a < {product.partition(' ')[0]}", largest) is False
    assert evaluated(f"{product} > 1e30", largest)
    with pytest.raises(ValueError, match="too large to be calculated with"):
        evaluated("metrics.a > 1", {"a": Decimal("1.1e30")})


def test_what_takes_too_long_is_closed() -> None:
    times = iter([0.0, 1.5])
    with pytest.raises(ValueError, match="it took longer than 1 s"):
        evaluated("metrics.auc > metrics.bar", ONE, lambda: next(times))


def test_without_the_extra_it_is_closed_and_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cel", None)
    with pytest.raises(ValueError, match=r"it needs the extra `expressions`: pip install 'hubwright\[expressions\]'"):
        evaluated("metrics.auc > metrics.bar", ONE)


def test_loading_the_library_is_no_part_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first expression of a process loads it, and where nothing was compiled beforehand that takes a while."""
    now = [0.0]

    class Slow(Loader):  # a stand-in: the real one cannot be loaded twice
        def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
            return ModuleSpec(name, self) if name == "cel" else None

        def exec_module(self, module: ModuleType) -> None:
            now[0] += 10.0
            vars(module)["evaluate"] = lambda text, names: True

    monkeypatch.delitem(sys.modules, "cel", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Slow(), *sys.meta_path])
    assert evaluated("metrics.auc > metrics.bar", ONE, lambda: now[0]) is True
    assert now == [10.0]
    monkeypatch.undo()
    assert evaluated("metrics.auc > metrics.bar", ONE) is True
