from hypothesis import given, settings
from hypothesis import strategies as st

from controller.source import strict
from controller.source.write import to_yaml

text = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff"), max_size=40
)
tricky = st.sampled_from(
    [
        "yes",
        "NO",
        "null",
        "~",
        "012",
        "123456789012",
        "1e5",
        "0x1F",
        "12:30",
        "2026-11-22",
        "a: b",
        "a #b",
        "- a",
        "*a",
        "&a",
        "",
        " a",
        "a ",
        "<<",
        "=",
        "\t",
        "a\nb",
        "\x85",
        "1_000",
        "{a}",
        "'",
        '"',
        "%",
        "@a",
        "a:",
        ":a",
        "?",
        "-",
    ]
)
scalars = st.one_of(
    text,
    tricky,
    st.booleans(),
    st.none(),
    st.integers(-(10**17), 10**17),
    st.floats(allow_nan=False, allow_infinity=False),
)
data = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text | tricky, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(text | tricky, data, min_size=1, max_size=4))
def test_what_is_written_is_read_back(document: dict[str, object]) -> None:
    assert strict.read(to_yaml(document).encode()).data == document


def test_it_looks_as_a_person_would_write_it() -> None:
    document = {
        "apiVersion": "hubwright.io/v1beta1",
        "metadata": {"name": "churn-8"},
        "spec": {
            "account": "123456789012",
            "version": 8,
            "reason": "Beats version 7 by 2 points.",
            "objects": [{"uri": "s3://a/b.tar.gz", "size": 1}, {"uri": "s3://a/c", "size": 2}],
            "modified": "2026-11-20T09:14:03Z",
            "release": "v1:sha256:00",
            "odd": "no",
            "images": [],
            "fields": {},
        },
    }
    assert to_yaml(document).splitlines() == [
        "apiVersion: hubwright.io/v1beta1",
        "metadata:",
        "  name: churn-8",
        "spec:",
        '  account: "123456789012"',
        "  version: 8",
        "  reason: Beats version 7 by 2 points.",
        "  objects:",
        "    - uri: s3://a/b.tar.gz",
        "      size: 1",
        "    - uri: s3://a/c",
        "      size: 2",
        '  modified: "2026-11-20T09:14:03Z"',
        "  release: v1:sha256:00",
        '  odd: "no"',
        "  images: []",
        "  fields: {}",
    ]
