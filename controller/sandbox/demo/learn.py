"""Two small learners in plain Python: logistic regression by gradient descent, and naive Bayes on pixels.

Sums are `math.fsum`: `sum` rounds otherwise from Python 3.12 on, and equal data shall make equal models.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from operator import mul
from typing import Any

Rows = Sequence[Sequence[float]]
_DIGITS = 6


def scaling(rows: Rows) -> tuple[list[float], list[float]]:
    """(means, scales) of the columns; a column without spread has the scale 1."""
    columns = list(zip(*rows, strict=True))
    means = [math.fsum(column) / len(column) for column in columns]
    spreads = [
        math.sqrt(math.fsum((value - mean) ** 2 for value in column) / len(column))
        for column, mean in zip(columns, means, strict=True)
    ]
    return _rounded(means), _rounded([spread or 1.0 for spread in spreads])


def logistic(
    rows: Rows, labels: Sequence[int], names: Sequence[str], *, rounds: int = 60, rate: float = 0.9
) -> dict[str, Any]:
    """Weights as `serving.logistic` takes them, fitted by `rounds` steps of gradient descent."""
    means, scales = scaling(rows)
    model = {"features": list(names), "means": means, "scales": scales}
    standard = [[(v - m) / s for v, m, s in zip(row, means, scales, strict=True)] for row in rows]
    columns = list(zip(*standard, strict=True))
    weights, bias = [0.0] * len(names), 0.0
    for _ in range(rounds):
        errors = [_chance(row, weights, bias) - label for row, label in zip(standard, labels, strict=True)]
        slopes = [math.fsum(map(mul, errors, column)) for column in columns]
        weights = [w - rate * slope / len(rows) for w, slope in zip(weights, slopes, strict=True)]
        bias -= rate * math.fsum(errors) / len(rows)
    return model | {"weights": _rounded(weights), "bias": round(bias, _DIGITS)}


def _chance(row: Sequence[float], weights: Sequence[float], bias: float) -> float:
    """As `serving.logistic` says it of a row with the means 0 and the scales 1."""
    score = bias
    for weight, value in zip(weights, row, strict=True):
        score += weight * value
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, score))))


def naive_bayes(samples: Sequence[tuple[str, str]], labels: Sequence[str]) -> dict[str, Any]:
    """Log-likelihoods as `serving.digits` takes them; every pixel is counted once more on and off than it was seen."""
    groups = {label: [pixels for pixels, digit in samples if digit == label] for label in labels}
    shares = {label: _shares(group) for label, group in groups.items()}
    return {
        "prior": _rounded([math.log(len(group) / len(samples)) for group in groups.values()]),
        "on": [_rounded([math.log(share) for share in shares[label]]) for label in labels],
        "off": [_rounded([math.log(1 - share) for share in shares[label]]) for label in labels],
    }


def _shares(group: Sequence[str]) -> list[float]:
    return [(column.count("#") + 1) / (len(column) + 2) for column in zip(*group, strict=True)]


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(value, _DIGITS) for value in values]


def auc(scores: Sequence[float], labels: Sequence[int]) -> float:
    """The chance that a positive example scores above a negative one; a tie counts half."""
    ranks: dict[float, float] = {}
    ordered = sorted(scores)
    for place, score in enumerate(ordered, 1):
        ranks.setdefault(score, place + (ordered.count(score) - 1) / 2)
    positive = [ranks[score] for score, label in zip(scores, labels, strict=True) if label]
    negatives = len(labels) - len(positive)
    return (sum(positive) - len(positive) * (len(positive) + 1) / 2) / (len(positive) * negatives)


def confusion(guesses: Sequence[Any], labels: Sequence[Any]) -> Mapping[str, Mapping[str, int]]:
    """How often each true label was guessed as each label."""
    names = sorted({str(label) for label in labels} | {str(guess) for guess in guesses})
    counts = {true: dict.fromkeys(names, 0) for true in names}
    for guess, label in zip(guesses, labels, strict=True):
        counts[str(label)][str(guess)] += 1
    return counts
