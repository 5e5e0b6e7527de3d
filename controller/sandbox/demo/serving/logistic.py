"""Inference of a logistic regression: rows of numbers in, probabilities out."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

Row = list[float]


def model_fn(model_dir: str) -> dict[str, Any]:
    """The weights, and the means and scales of the features that they were fitted on."""
    model: dict[str, Any] = json.loads((Path(model_dir) / "weights.json").read_text())
    return model


def input_fn(body: str, content_type: str) -> list[Row]:
    """Rows of comma-separated numbers."""
    if content_type != "text/csv":
        raise ValueError(f"text/csv is expected, not {content_type}")
    return [[float(cell) for cell in line.split(",")] for line in body.splitlines() if line.strip()]


def predict_fn(rows: list[Row], model: dict[str, Any]) -> list[float]:
    """One probability for each row."""
    return [_probability(row, model) for row in rows]


def _probability(row: Row, model: dict[str, Any]) -> float:
    if len(row) != len(model["weights"]):
        raise ValueError(f"{len(model['weights'])} features are expected: {', '.join(model['features'])}")
    score = model["bias"]
    for value, mean, scale, weight in zip(row, model["means"], model["scales"], model["weights"], strict=True):
        score += weight * (value - mean) / scale
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, score))))


def output_fn(prediction: list[float], accept: str) -> str:
    """One probability a line, with four digits."""
    if accept != "text/csv":
        raise ValueError(f"text/csv is offered, not {accept}")
    return "".join(f"{value:.4f}\n" for value in prediction)
