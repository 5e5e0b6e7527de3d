"""Reports about models in the shapes that SageMaker's monitors write: model quality, data quality, bias."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from controller.sandbox.demo.data import Customer
from controller.sandbox.demo.learn import Rows, auc, confusion, scaling

Json = dict[str, Any]


def _value(number: float) -> Json:
    return {"value": round(number, 4), "standard_deviation": "NaN"}


def binary_quality(scores: Sequence[float], labels: Sequence[int]) -> Json:
    """`binary_classification_metrics` at the threshold 0.5."""
    counts = confusion([int(score >= 0.5) for score in scores], labels)
    hits, misses = counts["1"]["1"], counts["1"]["0"]
    false_alarms, quiet = counts["0"]["1"], counts["0"]["0"]
    precision, recall = hits / max(1, hits + false_alarms), hits / (hits + misses)
    return {
        "binary_classification_metrics": {
            "confusion_matrix": counts,
            "accuracy": _value((hits + quiet) / len(labels)),
            "precision": _value(precision),
            "recall": _value(recall),
            "false_positive_rate": _value(false_alarms / (false_alarms + quiet)),
            "f1": _value(2 * precision * recall / max(precision + recall, 1e-9)),
            "auc": _value(auc(scores, labels)),
        }
    }


def multiclass_quality(guesses: Sequence[str], labels: Sequence[str]) -> Json:
    """`multiclass_classification_metrics`."""
    counts = confusion(guesses, labels)
    right = sum(counts[label][label] for label in counts)
    return {"multiclass_classification_metrics": {"confusion_matrix": counts, "accuracy": _value(right / len(labels))}}


def quality_constraints(metrics: Json, name: str, slack: float) -> Json:
    """What a monitor will warn below: the measured value less `slack`."""
    kind = next(iter(metrics))
    floor = round(metrics[kind][name]["value"] - slack, 4)
    limit = {"threshold": floor, "comparison_operator": "LessThanThreshold"}
    return {"version": 0.0, f"{kind.removesuffix('_metrics')}_constraints": {name: limit}}


def data_statistics(rows: Rows, names: Sequence[str]) -> Json:
    """What the training data looks like, feature by feature."""
    means, scales = scaling(rows)
    columns = list(zip(*rows, strict=True))
    features = [
        {
            "name": name,
            "inferred_type": "Fractional",
            "numerical_statistics": {
                "common": {"num_present": len(rows), "num_missing": 0},
                "mean": mean,
                "std_dev": scale,
                "min": min(column),
                "max": max(column),
            },
        }
        for name, mean, scale, column in zip(names, means, scales, columns, strict=True)
    ]
    return {"version": 0.0, "dataset": {"item_count": len(rows)}, "features": features}


def data_constraints(names: Sequence[str]) -> Json:
    """Every feature is a number and always there."""
    features = [{"name": name, "inferred_type": "Fractional", "completeness": 1.0} for name in names]
    return {"version": 0.0, "features": features, "monitoring_config": {"evaluate_constraints": "Enabled"}}


def bias(people: Sequence[Customer], scores: Sequence[float]) -> Json:
    """Clarify's analysis of whether seniors are treated otherwise, in the data and by the model."""
    guesses = [int(score >= 0.5) for score in scores]
    old = [number for number, one in enumerate(people) if one.senior]
    young = [number for number, one in enumerate(people) if not one.senior]

    def rate(group: Sequence[int], positive: Callable[[int], int]) -> float:
        return sum(positive(number) for number in group) / len(group)

    seen = rate(young, lambda n: people[n].churned) - rate(old, lambda n: people[n].churned)
    said_young, said_old = rate(young, lambda n: guesses[n]), rate(old, lambda n: guesses[n])
    before = {"CI": (len(young) - len(old)) / len(people), "DPL": seen}
    after = {"DPPL": said_young - said_old, "DI": said_old / max(said_young, 1e-9)}
    return {
        "version": "1.0",
        "pre_training_bias_metrics": _facet(before),
        "post_training_bias_metrics": _facet(after),
    }


_WORDS = {
    "CI": "Class Imbalance (CI)",
    "DPL": "Difference in Positive Proportions in Labels (DPL)",
    "DPPL": "Difference in Positive Proportions in Predicted Labels (DPPL)",
    "DI": "Disparate Impact (DI)",
}


def _facet(values: Mapping[str, float]) -> Json:
    metrics = [{"name": name, "description": _WORDS[name], "value": round(value, 4)} for name, value in values.items()]
    return {"label": "churned", "facets": {"senior": [{"value_or_threshold": "1", "metrics": metrics}]}}
