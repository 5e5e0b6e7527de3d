"""A lineage document may be anybody's text: a spoke that pushes writes its own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from controller.core.lineage import FORMAT, read_lineage

GOOD: dict[str, Any] = {
    "format": FORMAT,
    "promotion": {"id": "a"},
    "source": {},
    "pipeline": None,
    "training": [{"arn": "arn:aws:sagemaker:eu-west-1:222222222222:training-job/one", "inputs": [{"uri": "s3://b/k"}]}],
}


def test_what_is_one_is_read() -> None:
    found = read_lineage(json.dumps(GOOD | {"pipeline": {"arn": "arn:p"}}).encode())
    assert (found.promotion, found.inputs, found.data["pipeline"]) == ("a", ("s3://b/k",), {"arn": "arn:p"})


@pytest.mark.parametrize(
    "odd",
    [
        {"format": []},
        {"promotion": "a"},
        {"source": None},
        {"training": None},
        {"training": [{"arn": "a", "inputs": [1]}]},
        {"pipeline": ["arn"]},
        {"pipeline": "arn"},
        {"pipeline": {"name": "p"}},
    ],
    ids=str,
)
def test_what_is_none_is_refused(odd: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        read_lineage(json.dumps(GOOD | odd).encode())
