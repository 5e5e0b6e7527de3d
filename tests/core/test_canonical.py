from __future__ import annotations

import json

import pytest

from controller.core.canonical import canonical, digest, stable_id


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": [1, None, True], "a": "é"}, '{"a":"é","b":[1,null,true]}'),
        ("half a pair \ud800", '"half a pair \\ud800"'),
        ("\\ud800", '"\\\\ud800"'),
    ],
)
def test_canonical_text_means_the_data_and_can_be_hashed(value: object, text: str) -> None:
    assert canonical(value) == text
    assert json.loads(text) == value
    assert digest(value).startswith("sha256:")
    assert len(stable_id(value)) == 36


def test_no_number_that_json_lacks() -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical(float("nan"))
