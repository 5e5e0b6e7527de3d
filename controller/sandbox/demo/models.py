"""Trains the demo's models: what each artifact holds, and what its reports say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from controller.sandbox.demo import reports
from controller.sandbox.demo.data import CUSTOMER_FIELDS, USAGE_FIELD, WIDTH, customers, dice, glyphs, pictures, worn
from controller.sandbox.demo.learn import logistic, naive_bayes, scaling
from controller.sandbox.demo.pack import code, document
from controller.sandbox.demo.serving import digits, pixels
from controller.sandbox.demo.serving import logistic as scoring

Files = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Model:
    """A trained model: the files of each artifact (one per container), its reports, a request to try it with and the
    lines it was trained on.

    `reports`: name to JSON; `quality` and the baselines' names are those of `seed`. `sample` is in `content_type`.
    """

    artifacts: Sequence[Files]
    reports: Mapping[str, Any]
    sample: str
    training: str
    content_type: str = "text/csv"
    features: Sequence[str] = field(default=())

    @property
    def quality(self) -> float:
        """The first figure that people look at: AUC, or accuracy where there are more than two answers."""
        metrics = next(iter(self.reports["quality"].values()))
        return float((metrics.get("auc") or metrics["accuracy"])["value"])


def churn(*, usage: bool) -> Model:
    """Who will leave? `usage`: the second version, which also looks at how the use of the last 30 days changed."""
    train, test = customers(900, seed=10), customers(400, seed=11)
    names = (*CUSTOMER_FIELDS, USAGE_FIELD) if usage else CUSTOMER_FIELDS
    rows = [one.row(usage=usage) for one in train]
    weights = logistic(rows, [one.churned for one in train], names)
    scores = scoring.predict_fn([one.row(usage=usage) for one in test], weights)
    quality = reports.binary_quality(scores, [one.churned for one in test])
    return Model(
        artifacts=[_artifact("logistic", quality, {"weights.json": weights})],
        reports={
            "quality": quality,
            "quality_constraints": reports.quality_constraints(quality, "auc", 0.03),
            "data": reports.data_statistics(rows, names),
            "data_constraints": reports.data_constraints(names),
            "bias": reports.bias(test, scores),
        },
        sample="".join(_line(one.row(usage=usage)) for one in (test[4], test[19], test[21])),
        training="".join(_line([*row, one.churned]) for row, one in zip(rows, train, strict=True)),
        features=names,
    )


def defects() -> Model:
    """Is there a scratch? One container makes features of the picture, the next one judges them."""
    train, test = pictures(300, seed=20), pictures(160, seed=21)
    raw = [pixels.features(picture, WIDTH) for picture, _ in train]
    means, scales = scaling(raw)
    scaler = {"width": WIDTH, "features": list(pixels.FEATURES), "means": means, "scales": scales}
    standard = pixels.predict_fn([picture for picture, _ in train], scaler)
    weights = logistic(standard, [label for _, label in train], pixels.FEATURES)
    scores = scoring.predict_fn(pixels.predict_fn([picture for picture, _ in test], scaler), weights)
    quality = reports.binary_quality(scores, [label for _, label in test])
    return Model(
        artifacts=[
            _artifact("pixels", quality, {"scaler.json": scaler}),
            _artifact("logistic", quality, {"weights.json": weights}),
        ],
        reports={
            "quality": quality,
            "quality_constraints": reports.quality_constraints(quality, "auc", 0.05),
            "data": reports.data_statistics(raw, pixels.FEATURES),
            "data_constraints": reports.data_constraints(pixels.FEATURES),
        },
        sample="".join(_line(picture) for picture, _ in test[:2]),
        training="".join(_line([*picture, label]) for picture, label in train),
        features=pixels.FEATURES,
    )


def ocr() -> Model:
    """Which digits are these? Several plain files, for an artifact that is never packed."""
    train, test = glyphs(600, seed=30), glyphs(200, seed=31)
    labels = list("0123456789")
    likelihoods = naive_bayes(train, labels)
    guesses = digits.predict_fn([shape for shape, _ in test], likelihoods | {"labels": labels})
    quality = reports.multiclass_quality(guesses, [digit for _, digit in test])
    roll = dice(32)
    return Model(
        artifacts=[_artifact("digits", quality, {"likelihoods.json": likelihoods, "labels.json": labels})],
        reports={"quality": quality, "quality_constraints": reports.quality_constraints(quality, "accuracy", 0.02)},
        sample="".join(worn(digit, roll, 0.08)[0] + "\n" for digit in "40817"),
        training="".join(f"{digit},{shape}\n" for shape, digit in train),
        content_type="text/plain",
    )


def _artifact(inference: str, quality: Any, learnt: Mapping[str, Any]) -> Files:
    files = {name: document(value) for name, value in learnt.items()}
    return files | {"metrics.json": document(quality), "code/inference.py": code(inference)}


def _line(row: Sequence[float]) -> str:
    return ",".join(f"{value:g}" for value in row) + "\n"
