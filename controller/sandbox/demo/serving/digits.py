"""Inference of a naive Bayes reader of digits: rows of 35 pixels (7 lines of 5) in, one digit each out."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any


def model_fn(model_dir: str) -> dict[str, Any]:
    """For each label the logarithms of its frequency, and of each pixel being on and off."""
    folder = Path(model_dir)
    model: dict[str, Any] = json.loads((folder / "likelihoods.json").read_text())
    return model | {"labels": json.loads((folder / "labels.json").read_text())}


def input_fn(body: str, content_type: str) -> list[str]:
    """Lines of `#` and `.`, one digit a line."""
    if content_type != "text/plain":
        raise ValueError(f"text/plain is expected, not {content_type}")
    return [line.strip() for line in body.splitlines() if line.strip()]


def predict_fn(glyphs: list[str], model: dict[str, Any]) -> str:
    """The digits, most likely first guess each, as one text."""
    return "".join(_read(glyph, model) for glyph in glyphs)


def _read(glyph: str, model: dict[str, Any]) -> str:
    def score(number: int) -> float:
        pairs = zip(glyph, model["on"][number], model["off"][number], strict=True)
        likelihood: float = model["prior"][number] + math.fsum(on if pixel == "#" else off for pixel, on, off in pairs)
        return likelihood

    return str(model["labels"][max(range(len(model["labels"])), key=score)])


def output_fn(prediction: str, accept: str) -> str:
    """The text as it is."""
    if accept != "text/plain":
        raise ValueError(f"text/plain is offered, not {accept}")
    return prediction + "\n"
