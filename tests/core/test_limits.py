import datetime as dt

import pytest

from controller.core import limits


@pytest.mark.parametrize(
    ("text", "size"),
    [(5, 5), ("0B", 0), ("1KB", 1000), ("1KiB", 1024), ("2TiB", 2 << 40), ("1.5GiB", 3 << 29), ("0.5KB", 500)],
)
def test_sizes(text, size):
    assert limits.parse_size(text) == size


@pytest.mark.parametrize("text", ["", "2", "2 TiB", "-1B", "2tib", "1e3B", "2iB", "٢B"])
def test_wrong_sizes(text):
    with pytest.raises(ValueError, match="a size such as"):
        limits.parse_size(text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("1s", 1), ("2m", 120), ("72h", 259_200), ("3d", 259_200), ("1w", 604_800)]
)
def test_durations(text, seconds):
    assert limits.parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "h", "72", "72H", "1h30m", "-1h", "1.5h", "72h\n", "9999999h"])
def test_wrong_durations(text):
    with pytest.raises(ValueError, match="a duration such as"):
        limits.parse_duration(text)


def test_moments():
    assert limits.parse_moment("2026-12-20T00:00") == dt.datetime(2026, 12, 20)  # noqa: DTZ001
    assert limits.parse_moment("2026-12-24T18:00Z") == dt.datetime(2026, 12, 24, 18, tzinfo=dt.UTC)
    with pytest.raises(ValueError, match="that exist"):
        limits.parse_moment("2026-02-30T00:00")


@pytest.mark.parametrize(
    ("version", "text", "within"),
    [
        ("0.1.0", ">=0.1,<2", True), ("0.1.0", ">0.1", False), ("2.0.0", "<2", False), ("10.0", ">9.9", True),
        ("0.1.0.dev3", "==0.1", True), ("1.2.3", "!=1.2.3", False), ("1.2.3", "<= 1.2.3 , >1", True), (5, ">=5", True), (4, ">=5", False),
    ],
)  # fmt: skip
def test_ranges(version, text, within):
    assert limits.in_range(version, text) is within


@pytest.mark.parametrize("text", ["", "1", "^1", ">=1,", ">=1.x", "~=1"])
def test_wrong_ranges(text):
    with pytest.raises(ValueError, match="comparisons"):
        limits.parse_range(text)


def test_metadata_is_what_sagemaker_takes():
    good = {"ticket": "ML-1432", "arn": "arn:aws:s3:::b/k", "digest": "sha256:aa+/=", "who": "Zoë @ team", "數": "٣"}
    assert limits.metadata_faults(good) == {}
    for value in ("", "x" * 257, "{}", "a,b", "a?b", "50%", "a#b", "~", "it's", "a\nb"):
        assert set(limits.metadata_faults({"key": value})) == {"key"}, value
    for key in ("", "k" * 129, "a,b", "hubwright/x", "HUBWRIGHT/x"):
        assert set(limits.metadata_faults({key: "v"})) == {key} or key == "", key
    assert limits.metadata_count({str(n): "v" for n in range(37)}) == ""
    assert limits.metadata_count({str(n): "v" for n in range(38)}) != ""


def test_tags():
    assert limits.tag_faults({"team": "growth", "empty": ""}) == {}
    assert set(limits.tag_faults({"aws:x": "y", "Hubwright/a": "b", "a;b": "c", "k": "v" * 257})) == {
        "aws:x",
        "Hubwright/a",
        "a;b",
        "k",
    }


def test_room_for_names():
    uri = "s3://acme-model-store/models/222222222222/churn/churn-experiments/8-000000000000/"
    assert limits.store_room(
        "acme-model-store", "models", "222222222222", "churn", "churn-experiments", 8
    ) == 1024 - len(uri)
    image = "111111111111.dkr.ecr.eu-west-1.amazonaws.com/models/222222222222/@sha256:" + "0" * 64
    assert limits.image_room("111111111111", "eu-west-1", "models", "222222222222") == 255 - len(image)
