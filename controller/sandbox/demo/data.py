"""Generated data that behaves like the real thing: customers who leave, scratched metal, worn serial numbers."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

WIDTH = 12
"""Pixels of a line of the metal's pictures."""

CUSTOMER_FIELDS = ("tenure_months", "monthly_charge", "support_calls_90d", "contract_months_left")
USAGE_FIELD = "usage_change_30d"

# The shapes of a serial number's digits, 7 lines of 5.
_SHAPES = {
    "0": ".###. #...# #..## #.#.# ##..# #...# .###.",
    "1": "..#.. .##.. ..#.. ..#.. ..#.. ..#.. .###.",
    "2": ".###. #...# ....# ...#. ..#.. .#... #####",
    "3": ".###. #...# ....# ..##. ....# #...# .###.",
    "4": "...#. ..##. .#.#. #..#. ##### ...#. ...#.",
    "5": "##### #.... ####. ....# ....# #...# .###.",
    "6": ".###. #.... #.... ####. #...# #...# .###.",
    "7": "##### ....# ...#. ..#.. .#... .#... .#...",
    "8": ".###. #...# #...# .###. #...# #...# .###.",
    "9": ".###. #...# #...# .#### ....# ....# .###.",
}
SHAPES = {digit: shape.replace(" ", "") for digit, shape in _SHAPES.items()}


@dataclass(frozen=True, slots=True)
class Customer:
    """`usage` is the change of the last 30 days (-0.4: 40 % less), which the first model does not look at."""

    tenure: int
    charge: float
    calls: int
    left: int
    usage: float
    senior: bool
    churned: int

    def row(self, *, usage: bool) -> list[float]:
        """The features in the order of `CUSTOMER_FIELDS`, and `USAGE_FIELD` if asked for."""
        known = [float(self.tenure), self.charge, float(self.calls), float(self.left)]
        return [*known, self.usage] if usage else known


def dice(seed: int) -> random.Random:
    """Equal numbers in every run; nothing here is a secret."""
    return random.Random(seed)  # noqa: S311


def customers(count: int, seed: int) -> list[Customer]:
    """Customers of whom about a third leave: the new, the dear, those who complain and those who use less and less."""
    roll = dice(seed)
    return [_customer(roll) for _ in range(count)]


def _customer(roll: random.Random) -> Customer:
    tenure = min(96, int(roll.expovariate(1 / 26)))
    charge = round(roll.uniform(12, 75), 2)
    calls = sum(roll.random() < 0.22 for _ in range(6))
    left = roll.choice((0, 0, 0, 3, 6, 12, 18))
    usage = round(max(-0.9, roll.gauss(-0.02, 0.25)), 3)
    senior = roll.random() < 0.24
    score = -0.9 - 0.035 * tenure + 0.022 * charge + 0.62 * calls - 0.09 * left - 4.2 * usage + 0.15 * senior
    churned = int(roll.random() < 1 / (1 + math.exp(-score)))
    return Customer(tenure, charge, calls, left, usage, senior, churned)


def pictures(count: int, seed: int) -> list[tuple[list[float], int]]:
    """(grey values row by row, 1 if scratched): brushed metal, every other one with a scratch across it or down."""
    roll = dice(seed)
    return [(_picture(roll, scratched=bool(number % 2)), number % 2) for number in range(count)]


def _picture(roll: random.Random, *, scratched: bool) -> list[float]:
    light = roll.uniform(120, 190)
    brushed = [roll.gauss(0, 6) for _ in range(WIDTH)]
    pixels = [[light + brush + roll.gauss(0, 9) for _ in range(WIDTH)] for brush in brushed]
    place, slope, depth = roll.randrange(2, WIDTH - 2), roll.choice((-0.15, 0.0, 0.15)), roll.uniform(14, 60)
    across = roll.random() < 0.5
    for step in range(roll.randrange(WIDTH // 2, WIDTH) if scratched else 0):
        other = max(0, min(WIDTH - 1, round(place + slope * step)))
        line, column = (other, step) if across else (step, other)
        pixels[line][column] -= depth
    return [float(round(max(0.0, min(255.0, value)))) for line in pixels for value in line]


def glyphs(count: int, seed: int, wear: float = 0.12) -> list[tuple[str, str]]:
    """(35 pixels as `#` and `.`, the digit): each pixel is lost or stained with the probability `wear`."""
    roll = dice(seed)
    return [worn(str(number % 10), roll, wear) for number in range(count)]


def worn(digit: str, roll: random.Random, wear: float) -> tuple[str, str]:
    """One digit after some years."""
    flip = {"#": ".", ".": "#"}
    return "".join(flip[pixel] if roll.random() < wear else pixel for pixel in SHAPES[digit]), digit
