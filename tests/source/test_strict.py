"""The strict loader: what scalars mean, what is refused and where, and the YAML Test Suite."""

import json
import re
from pathlib import Path

import pytest
import yaml

from controller.source import strict
from tests.pace import seconds

SUITE = Path(__file__).resolve().parents[3] / "shared" / "data" / "yaml-test-suite" / "src"


@pytest.fixture(params=["libyaml", "python"])
def _parser(request, monkeypatch):
    """Both of PyYAML's parsers: the second is what is used where libyaml is missing."""
    if request.param == "python":
        monkeypatch.setattr(yaml, "__with_libyaml__", False)
    elif not yaml.__with_libyaml__:
        pytest.skip("PyYAML is built without libyaml")


MEANINGS = {
    "NO": "NO", "yes": "yes", "on": "on", "Off": "Off", "y": "y",
    "true": True, "False": False, "TRUE": True, "tRue": "tRue",
    "null": None, "~": None, "": None, "nUll": "nUll",
    "010": "010", "012345678901": "012345678901", "123456789012": 123456789012, "0": 0, "-7": -7, "+7": 7, "-0": 0,
    "12:30:45": "12:30:45", "2026-11-22": "2026-11-22", "2026-11-20T09:14:03Z": "2026-11-20T09:14:03Z",
    "1_000": "1_000", "0x1F": "0x1F", "0b11": "0b11", "1234e567": "1234e567", "1e5": "1e5",
    "1.10": 1.1, "1.5e3": 1500.0, ".5": 0.5, "1.2.3": "1.2.3", "=": "=", "1,000": "1,000", "٣": "٣", "+": "+", ".": ".",
}  # fmt: skip


@pytest.mark.parametrize("text", MEANINGS)
@pytest.mark.usefixtures("_parser")
def test_plain_scalars(text):
    value = strict.read(f"a: {text}\n".encode()).data["a"]
    assert (value, type(value)) == (MEANINGS[text], type(MEANINGS[text]))


@pytest.mark.parametrize("text", [text for text in MEANINGS if text])
def test_quoted_scalars_are_text(text):
    assert strict.read(f"a: '{text}'\nb: \"{text}\"\n".encode()).data == {"a": text, "b": text}


REFUSED = {
    "alias": ("a: &x 1\nb: *x\n", 1, 4, "anchors are not allowed"),
    "alias without anchor": ("a: *x\n", 1, 4, "aliases are not allowed"),
    "tag": ("a: !!str 1\n", 1, 4, "tags are not allowed"),
    "python tag": ("a: !!python/object/apply:os.system [id]\n", 1, 4, "tags are not allowed"),
    "binary": ("a: !!binary aGk=\n", 1, 4, "tags are not allowed"),
    "merge key": ("a:\n  <<: {b: 1}\n", 2, 3, "merge keys are not allowed"),
    "duplicate key": ("a: 1\nb:\n  c: 1\n  c: 2\n", 4, 3, "appears twice"),
    "duplicate quoted key": ("a: 1\n'a': 2\n", 2, 1, "appears twice"),
    "second document": ("a: 1\n---\nb: 1\n", 2, 1, "second document"),
    "directive": ("%YAML 1.1\n---\na: 1\n", 1, 1, "directives"),
    "tag directive": ("%TAG ! tag:x,2000:\n---\na: 1\n", 1, 1, "directives"),
    "sequence as key": ("[a]: 1\n", 1, 1, "a key must be a word"),
    "no key": ("? \n: 1\n", 1, 2, "a key is missing"),
    "not finite": ("a: 1.0e999\n", 1, 4, "too large"),
    "infinity": ("a: -.inf\n", 1, 4, "not a number"),
    "not a number": ("a: .nan\n", 1, 4, "not a number"),
    "octal of YAML 1.2": ("a: 0o14\n", 1, 4, "not a number"),
    "huge integer": ("a: " + "9" * 400_0 + "\n", 1, 4, "more than 18 digits"),
    "NUL": ("a: b\0\n", 1, 5, "U+0000"),
    "escaped NUL": ('a: "b\\0"\n', 1, 4, "U+0000"),
    "escape character": ("a: \x1b[31m\n", 1, 4, "U+001B"),
    "escaped escape character": ('a: "\\e[31m"\n', 1, 4, "U+001B"),
    "escaped control in a key": ('"a\\x07": 1\n', 1, 1, "U+0007"),
    "next line": ("a: b\x85c\n", 1, 5, "U+0085"),
    "line separator": ("a: b\u2028c\n", 1, 5, "U+2028"),
    "second byte order mark": ("a: 1\nb: \ufeff\n", 2, 4, "U+FEFF"),
    "non-character": ("a: \uffff\n", 1, 4, "U+FFFF"),
    "tab": ("a:\n\tb: 1\n", 2, 1, "not readable as YAML"),
    "unfinished": ('a: "b\n', 2, 1, "not readable as YAML"),
    "nothing": ("", 1, 1, "no document"),
    "comment only": ("# nothing\n", 1, 1, "no document"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.usefixtures("_parser")
def test_refused_with_a_place(name):
    text, line, column, message = REFUSED[name]
    with pytest.raises(strict.StrictError) as caught:
        strict.read(text.encode())
    found = caught.value
    if name in ("directive", "tag directive", "unfinished"):  # the parsers point to different ends of it
        assert message in found.message
    else:
        assert (found.line, found.column) == (line, column), found.message
        assert message in found.message


BYTES = {
    "latin-1": (b"a: \xe9\n", "not UTF-8"),
    "utf-16": ("a: 1\n".encode("utf-16"), "not UTF-8"),
    "lone surrogate": (b"a: \xed\xa0\x80\n", "not UTF-8"),
    "too large": (b"a: " + b"x" * strict.MAX_BYTES, "larger than 256 KiB"),
    "too many values": (b"a: [" + b"1," * strict.MAX_NODES + b"]", "more than 20000 values"),
    "deep in brackets": (b"[" * 30_000, "nested deeper"),
    "deep in braces": (b"{a: " * 30_000, "nested deeper"),
    "deep in dashes": (b"- " * 30_000, "nested deeper"),
    "deep in questions": (b"? " * 30_000, "a key must be"),
    "many anchors": (b"a: &a [x,x,x]\nb: &b [*a,*a,*a]\n", "anchors"),
    "escaped lone surrogate": (b'a: "\\ud800"\n', "U"),
}


@pytest.mark.parametrize("name", BYTES)
def test_hostile_bytes_are_refused_quickly(name):
    data, message = BYTES[name]

    def refused() -> None:
        with pytest.raises(strict.StrictError, match=re.escape(message)):
            strict.read(data)

    assert seconds(refused, 0.25) < 0.25


@pytest.mark.usefixtures("_parser")
def test_a_byte_order_mark_moves_nothing():
    document = strict.read(b"\xef\xbb\xbfa: 1\nb: 2\n")
    assert (document.data, document.keys) == ({"a": 1, "b": 2}, {("a",): (1, 1), ("b",): (2, 1)})


@pytest.mark.usefixtures("_parser")
def test_everything_has_a_place():
    document = strict.read("a: {b: [1, é, {c: 2}]}\nd:\n  - e: |\n      text\n".encode())
    assert document.values == {
        (): (1, 1), ("a",): (1, 4), ("a", "b"): (1, 8), ("a", "b", 0): (1, 9), ("a", "b", 1): (1, 12),
        ("a", "b", 2): (1, 15), ("a", "b", 2, "c"): (1, 19), ("d",): (3, 3), ("d", 0): (3, 5), ("d", 0, "e"): (3, 8),
    }  # fmt: skip
    assert document.at(("d", 0, "missing")) == (3, 5)
    assert document.at(("d",), key=True) == (2, 1)


def _cases():
    if not SUITE.is_dir():
        return
    for path in sorted(SUITE.glob("*.yaml")):
        case: dict[str, object] = {}
        for number, change in enumerate(yaml.load(path.read_text("utf-8"), Loader=yaml.SafeLoader)):  # noqa: TID251
            if "tree" in change and "fail" not in change:
                case.pop("fail", None)
            case = {**case, **change}
            yield pytest.param(dict(case), id=f"{path.stem}-{number}")


LONG = {
    "empty block scalars": b"- |\n" * 18_000,
    "blank block scalars": (b"- |\n" + b"\n" * 8) * 19_000,
    "blank lines in brackets": b"a: " + b"[" * 60 + b"\n" * 250_000 + b" " + b"]" * 60,
}


@pytest.mark.parametrize("name", LONG)
def test_no_layout_takes_more_than_its_lines(name):
    assert seconds(lambda: strict.read(LONG[name]), 0.3) < 0.3  # without care: 0.5 to 10 seconds


def _text(shown: str) -> str:
    """The suite writes what cannot be seen as symbols."""
    for symbol, char in (("␣", " "), ("←", "\r"), ("⇔", "\ufeff"), ("↵", "")):
        shown = shown.replace(symbol, char)
    return re.sub("∎\n\\Z", "", re.sub("—*»", "\t", shown))


@pytest.mark.corpus
@pytest.mark.skipif(not SUITE.is_dir(), reason="the YAML Test Suite is not beside the checkout")
@pytest.mark.usefixtures("_parser")
@pytest.mark.parametrize("case", list(_cases()))
def test_yaml_test_suite(case):
    data = _text(case["yaml"]).encode("utf-8", "surrogatepass")

    def read():
        try:
            return strict.read(data)
        except strict.StrictError as error:
            return error

    assert seconds(read, 0.25) < 0.25
    document = read()
    if isinstance(document, strict.StrictError):
        assert document.message
        assert document.line >= 1
        assert document.column >= 1
        return
    assert not case.get("fail"), f"must be refused: {document.data!r}"
    if case.get("json") is not None:
        assert document.data == json.loads(case["json"])


@pytest.mark.corpus
@pytest.mark.skipif(not SUITE.is_dir(), reason="the YAML Test Suite is not beside the checkout")
def test_the_suite_is_whole_and_most_of_its_plain_data_is_read():
    cases = [case.values[0] for case in _cases()]
    read = 0
    for case in cases:
        try:
            strict.read(_text(case["yaml"]).encode("utf-8", "surrogatepass"))
            read += 1
        except strict.StrictError:
            pass
    assert len(cases) >= 400
    assert read >= 140
