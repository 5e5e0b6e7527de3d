"""Inference of the defects pipeline's first container: a grey picture in, a row of standardised features out."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

Row = list[float]
FEATURES = ("contrast", "line_horizontal", "line_vertical", "darkest")


def features(pixels: Row, width: int) -> Row:
    """What a picture, given row by row, shows: overall contrast, its strongest lines, its darkest spot."""
    lines = [pixels[start : start + width] for start in range(0, len(pixels), width)]
    mean = sum(pixels) / len(pixels)
    contrast = (math.fsum((value - mean) ** 2 for value in pixels) / len(pixels)) ** 0.5
    across = [sum(line) / width for line in lines]
    down = [sum(column) / len(lines) for column in zip(*lines, strict=True)]
    return [contrast, mean - min(across), mean - min(down), mean - min(pixels)]


def model_fn(model_dir: str) -> dict[str, Any]:
    """The pictures' width in pixels, and the features' means and scales over the training set."""
    model: dict[str, Any] = json.loads((Path(model_dir) / "scaler.json").read_text())
    return model


def input_fn(body: str, content_type: str) -> list[Row]:
    """A picture a line: grey values from 0 to 255, row by row."""
    if content_type != "text/csv":
        raise ValueError(f"text/csv is expected, not {content_type}")
    return [[float(cell) for cell in line.split(",")] for line in body.splitlines() if line.strip()]


def predict_fn(pictures: list[Row], model: dict[str, Any]) -> list[Row]:
    """A row of standardised features for each picture."""
    rows = (features(picture, model["width"]) for picture in pictures)
    scaling = list(zip(model["means"], model["scales"], strict=True))
    return [[(value - mean) / scale for value, (mean, scale) in zip(row, scaling, strict=True)] for row in rows]


def output_fn(prediction: list[Row], accept: str) -> str:
    """Comma-separated rows for the next container."""
    if accept != "text/csv":
        raise ValueError(f"text/csv is offered, not {accept}")
    return "".join(",".join(f"{value:.6f}" for value in row) + "\n" for row in prediction)
