"""Documents against the JSON Schemas in `schemas/`: every fault at once, in words, with its place."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from controller.core.limits import METADATA_ENTRIES, metadata_count, metadata_faults, tag_faults
from controller.core.manifest import API_VERSION, KINDS
from controller.core.problems import Problem, Where, did_you_mean, shown, where_text
from controller.source.strict import Document

MAX_PROBLEMS = 50  # of one document; more help nobody
DOCUMENT_KINDS = (*KINDS, "Lock")
_TYPES = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}


@cache
def folder() -> Path:
    """Where the schema files are: in the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "schemas"
    return inside if inside.is_dir() else package.parent / "schemas"


@cache
def schema(kind: str) -> dict[str, Any]:
    """The schema of a kind as data."""
    loaded: dict[str, Any] = json.loads((folder() / f"{kind.lower()}.json").read_text("utf-8"))
    return loaded


@cache
def _validator(kind: str) -> Any:
    from jsonschema import Draft202012Validator, validators

    own = {"pattern": _pattern, "uniqueItems": _unique_items}
    return validators.extend(Draft202012Validator, own)(schema(kind))  # type: ignore[no-untyped-call]


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str]:
    # In Python `$` also matches before a last line end, and \d matches the digits of every script.
    return re.compile(re.sub(r"(?<!\\)((?:\\\\)*)\$", r"\1\\Z", pattern), re.ASCII)


def _pattern(_validator: Any, pattern: str, value: Any, _schema: Any) -> Iterator[Any]:
    from jsonschema import ValidationError

    if isinstance(value, str) and not _compiled(pattern).search(value):
        yield ValidationError("pattern")


def _unique_items(_validator: Any, wanted: bool, value: Any, _schema: Any) -> Iterator[Any]:  # noqa: FBT001
    from jsonschema import ValidationError

    # jsonschema's own compares each with each as soon as two cannot be ordered.
    if wanted and isinstance(value, list) and _repeated(value) is not None:
        yield ValidationError("uniqueItems")


def _repeated(items: list[Any]) -> int | None:
    """The position of the first item that has been there before."""
    seen: set[str] = set()
    for index, item in enumerate(items):
        text = json.dumps(item, sort_keys=True)
        if text in seen:
            return index
        seen.add(text)
    return None


def check(path: str, document: Document) -> tuple[Problem, ...]:
    """Every fault of one document, at most `MAX_PROBLEMS`, by place."""
    data = document.data
    wrong = _header(path, document)
    if wrong is not None:
        return (wrong,)
    kind, name = data["kind"], name_of(data)
    problems = set()
    for error in islice(_validator(kind).iter_errors(data), MAX_PROBLEMS):
        for where, key, message, expected, hint in _explained(error):
            line, column = document.at(where, key=key)
            problems.add(Problem(path, line, column, where_text(where), message, expected, hint, kind, name, "schema"))
    for where, key, message, expected in _texts(data.get("spec")):
        line, column = document.at(where, key=key)
        problems.add(Problem(path, line, column, where_text(where), message, expected, "", kind, name, "text"))
    return tuple(sorted(problems))


def _texts(spec: Any) -> Iterator[tuple[Where, bool, str, str]]:
    """What AWS would refuse in metadata and tags: its characters are classes of Unicode, which a schema cannot name."""
    for name, judge in (("metadata", metadata_faults), ("tags", tag_faults)):
        found = spec.get(name) if isinstance(spec, dict) else None
        if not isinstance(found, dict) or len(found) > 10 * METADATA_ENTRIES:
            continue
        texts = {key: value for key, value in found.items() if isinstance(value, str)}
        for key, (at_key, message, expected) in judge(texts).items():
            yield ("spec", name, key), at_key, message, expected
        if name == "metadata" and (expected := metadata_count(texts)):
            yield ("spec", name), True, f"{len(texts)} entries", expected


def name_of(data: Any) -> str:
    """The document's name where it has one, else empty."""
    metadata = data.get("metadata") if isinstance(data, dict) else None
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return name if isinstance(name, str) else ""


def _header(path: str, document: Document) -> Problem | None:
    """The one fault that makes the rest of a document meaningless: what it is cannot be told."""
    data = document.data
    where: Where = ()
    hint = ""
    if not isinstance(data, dict):
        message, expected = "the document is not a mapping", "apiVersion, kind, metadata and spec"
    elif "kind" not in data:
        message, expected = "kind is missing", f"one of {', '.join(DOCUMENT_KINDS)}"
        hint = 'did you mean "kind"?' if any(key.lower() == "kind" for key in data) else ""
    elif data["kind"] not in DOCUMENT_KINDS:
        where, message = ("kind",), f"there is no kind {shown(data['kind'])}"
        expected, hint = f"one of {', '.join(DOCUMENT_KINDS)}", _close(data["kind"], [*DOCUMENT_KINDS])
    elif data.get("apiVersion", API_VERSION) != API_VERSION:
        where, message = ("apiVersion",), f"there is no API version {shown(data['apiVersion'])}"
        expected, hint = API_VERSION, "another version of Hubwright may know it"
    else:
        return None
    line, column = document.at(where)
    return Problem(path, line, column, where_text(where), message, expected, hint, "", name_of(data), "schema")


Explained = tuple[Where, bool, str, str, str]  # where, whether the key is meant, message, expected, hint


def _explained(error: Any) -> list[Explained]:
    where = tuple(error.absolute_path)
    if error.validator == "additionalProperties":
        return _additional(where, error)
    return [_explained_one(where, error)]


def _explained_one(where: Where, error: Any) -> Explained:
    if error.validator == "not":  # a property that is not allowed where another one is given
        return (
            where,
            True,
            f"{shown(where[-1])} cannot be combined with what else is given here",
            "",
            "remove one of them",
        )
    if "propertyNames" in error.absolute_schema_path:
        return (*where, error.instance), True, f"{shown(error.instance)} is not a valid name", _name_expected(error), ""
    explain = _EXPLAIN.get(error.validator)
    if explain is None:
        return where, False, "not valid", str(error.validator), ""
    return explain(where, error)


def _name_expected(error: Any) -> str:
    return str(error.schema.get("patternErrorMessage") or _limits(error))


def _type(where: Where, error: Any) -> Explained:
    wanted = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
    expected = " or ".join(_TYPES[name] for name in wanted)
    value = error.instance
    message = "no value is given" if value is None else f"{shown(value)} is not {expected}"
    hint = ""
    if "string" in wanted and isinstance(value, int | float):
        hint = f'quote it: "{value}"' if not isinstance(value, bool) else f'quote it: "{str(value).lower()}"'
    elif "object" not in wanted and "array" not in wanted and isinstance(value, str):
        hint = "remove the quotes" if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?|true|false", value) else ""
    elif wanted == ["array"] and isinstance(value, str):
        hint = f"write [{value}]" if _plain(value) else ""
    elif wanted == ["object"] and isinstance(value, str) and "required" in error.schema:
        keys = error.schema["required"]
        single = len(keys) == 1 and _plain(value)
        hint = f"write {{{keys[0]}: {value}}}" if single else f"write {{{', '.join(f'{key}: …' for key in keys)}}}"
    said = expected if value is None else ""
    return where, False, message, str(error.schema.get("patternErrorMessage", said)), hint


def _plain(value: str) -> bool:
    """Whether a text may stand in a hint as it is."""
    return len(value) <= 40 and value.isascii() and value.isprintable()


def _required(where: Where, error: Any) -> Explained:
    missing = next(name for name in error.validator_value if name not in error.instance and _said(error) == name)
    close = [key for key in error.instance if key.lower() == missing.lower()]
    hint = f"did you mean {shown(close[0])} to be {shown(missing)}?" if close else ""
    return where, bool(where), f"{missing} is missing", "", hint


def _said(error: Any) -> str:
    """The property that a `required` error is about; jsonschema says it only in its message."""
    found = re.match(r"'(.*)' is a required property", error.message)
    return found.group(1) if found else ""


def _additional(where: Where, error: Any) -> list[Explained]:
    known = error.schema.get("properties", {})
    extra = [key for key in error.instance if key not in known][:MAX_PROBLEMS]
    return [((*where, key), True, f"unknown key {shown(key)}", "", did_you_mean(key, known)) for key in extra]


def _enum(where: Where, error: Any) -> Explained:
    words = [str(word) for word in error.validator_value]
    return (
        where,
        False,
        f"{shown(error.instance)} is not allowed",
        f"one of {', '.join(words)}",
        _close(error.instance, words),
    )


def _close(value: Any, words: list[str]) -> str:
    hint = did_you_mean(value, words) if isinstance(value, str) else ""
    return hint if hint.startswith("did") else ""


def _const(where: Where, error: Any) -> Explained:
    return where, False, f"{shown(error.instance)} is not allowed", str(error.validator_value), ""


def _matched(where: Where, error: Any) -> Explained:
    expected = str(error.schema.get("patternErrorMessage") or error.validator_value)
    value = error.instance
    hint = ""
    if value != value.strip():
        hint = "remove the spaces around it"
    elif value != value.lower() and _compiled(error.validator_value).search(value.lower()):
        hint = f"did you mean {shown(value.lower())}?"
    return where, False, f"{shown(value)} is not valid" if value else "no text is given", expected, hint


def _limits(error: Any) -> str:
    rule, limit, size = (
        error.validator,
        error.validator_value,
        len(error.instance) if hasattr(error.instance, "__len__") else 0,
    )
    unit = (
        ("character" if rule[3] == "L" else "entry") if limit == 1 else ("characters" if rule[3] == "L" else "entries")
    )
    if rule in ("minimum", "maximum"):
        return f"at {'least' if rule == 'minimum' else 'most'} {limit}"
    return f"at {'least' if rule.startswith('min') else 'most'} {limit} {unit}, not {size}"


def _bounded(where: Where, error: Any) -> Explained:
    low = error.validator.startswith("min")
    number = error.validator in ("minimum", "maximum")
    if number:
        message = f"{shown(error.instance)} is too {'small' if low else 'large'}"
    else:
        message = "too short" if low else "too long"
    return where, False, message, _limits(error), ""


def _unique(where: Where, error: Any) -> Explained:
    index = _repeated(error.instance) or 0
    return (*where, index), False, f"{shown(error.instance[index])} is listed twice", "", ""


_EXPLAIN: dict[str, Callable[[Where, Any], Explained]] = {
    "type": _type,
    "required": _required,
    "enum": _enum,
    "const": _const,
    "pattern": _matched,
    "uniqueItems": _unique,
    **dict.fromkeys(
        ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minimum", "maximum"),
        _bounded,
    ),
}
