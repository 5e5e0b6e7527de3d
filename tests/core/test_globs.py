import pytest

from controller.core.globs import matches, path_matches
from tests.pace import seconds


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("churn-*", "churn-experiments", True), ("churn-*", "churn-", True), ("churn-*", "churn", False), ("*", "", True),
        ("churn*", "churn", True), ("c?urn", "churn", True), ("c?urn", "curn", False), ("*-lab", "churn-lab", True),
        ("a*b*c", "aXbYc", True), ("a*b*c", "aXbY", False), ("[a-z]*", "abc", False), ("churn", "Churn", False), ("", "", True), ("", "a", False),
    ],
)  # fmt: skip
def test_names(pattern, text, fits):
    assert matches(pattern, text) is fits


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("teams/growth/**", "teams/growth/a.yaml", True), ("teams/growth/**", "teams/growth/x/y/a.yaml", True),
        ("teams/growth/**", "teams/growth", False), ("teams/growth/**", "teams/growth-2/a.yaml", False),
        ("teams/growth/**", "teams/Growth/a.yaml", False), ("teams/*/a.yaml", "teams/x/a.yaml", True),
        ("teams/*/a.yaml", "teams/x/y/a.yaml", False), ("**/a.yaml", "a.yaml", True), ("**/a.yaml", "x/y/a.yaml", True),
        ("**", "a.yaml", True), ("**", "x/a.yaml", True), ("*.yaml", "a.yaml", True), ("*.yaml", "x/a.yaml", False),
        ("a/**/b/**", "a/x/b/c", True), ("a/**/b/**", "a/b/c", True), ("a/**/b/**", "a/x/c", False), ("teams", "teams/a.yaml", False),
    ],
)  # fmt: skip
def test_paths(pattern, path, fits):
    assert path_matches(pattern, path) is fits


def test_no_pattern_is_slow():
    assert not matches("*a" * 30 + "b", "a" * 63)
    assert not path_matches("**/a/" * 30 + "b", "/".join("a" * 200))
    assert seconds(lambda: matches("*a" * 30 + "b", "a" * 63), 0.25) < 0.25
    assert seconds(lambda: path_matches("**/a/" * 30 + "b", "/".join("a" * 200)), 0.25) < 0.25
