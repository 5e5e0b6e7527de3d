"""Search over ModelPackage and ModelPackageGroup."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from controller.sandbox.principals import Caller
from controller.sandbox.sagemaker.checks import check, invalid
from controller.sandbox.sagemaker.packages import describe
from controller.sandbox.sagemaker.paging import page, seen, visible
from controller.sandbox.sagemaker.state import Document
from controller.sandbox.world import World

RESOURCES = ("ModelPackage", "ModelPackageGroup")
_MISSING = object()
_ORDERS = {"GreaterThan": (1,), "GreaterThanOrEqualTo": (0, 1), "LessThan": (-1,), "LessThanOrEqualTo": (-1, 0)}


def _tags(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _documents(world: World, caller: Caller, resource: str) -> Iterator[Document]:
    """The index as it is now: behind what is true by the setting `search`."""
    models, lag = world.models_of(caller.account, caller.region), world.settings.search
    if resource == "ModelPackageGroup":
        for group in models.groups.values():
            if seen(world, group.number, group.born, lag):
                yield group.body | {"Tags": _tags(group.tags)}
        return
    for package in models.packages.values():
        body = visible(world, package, lag)
        if body is not None:
            yield describe(world, package, body) | {"Tags": _tags(package.tags)}


def _property(document: Document, name: str) -> Any:
    """The value under a dotted name; `Tags.key` is a tag's value, and the rest of a map's name may hold dots."""
    head, _, rest = name.partition(".")
    value = document.get(head, _MISSING)
    if head == "Tags" and isinstance(value, list):
        return next((tag["Value"] for tag in value if tag["Key"] == rest), _MISSING)
    if not rest or value is _MISSING:
        return value
    if isinstance(value, dict):
        return value[rest] if rest in value else _property(value, rest)
    return _MISSING


def _text(value: Any) -> str:
    """A value as filters write it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _number(name: str, given: str) -> float:
    """A filter's value as a number; times are ISO 8601, `YYYY-mm-ddTHH:MM:SS`."""
    try:
        if name.endswith("Time"):
            moment = datetime.fromisoformat(given)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        return float(given)
    except ValueError as fault:
        raise invalid(f"Value '{given}' of {name} is neither a number nor an ISO 8601 time.") from fault


def _compare(rule: Document, value: Any, given: str) -> bool:
    """Orders numbers and times; as documented, text has no order."""
    wanted = _ORDERS.get(rule["Operator"])
    if wanted is None:
        raise invalid(f"Unknown operator {rule['Operator']}.")
    if not isinstance(value, (int, float)):
        raise invalid(f"Operator {rule['Operator']} is not supported for the text property {rule['Name']}.")
    other = _number(rule["Name"], given)
    return (value > other) - (value < other) in wanted


def _filter(document: Document, rule: Document) -> bool:
    value = _property(document, rule["Name"])
    given: str | None = rule.get("Value")
    operator: str = rule.get("Operator") or "Equals"
    if operator in ("Exists", "NotExists"):
        return (value is not _MISSING) is (operator == "Exists")
    if given is None:
        raise invalid(f"Operator {operator} needs a value.")
    if value is _MISSING:
        return operator == "NotEquals"
    if operator == "Equals":
        return _text(value) == given
    if operator == "NotEquals":
        return _text(value) != given
    if operator == "Contains":
        return given.lower() in _text(value).lower()
    if operator == "In":
        return _text(value) in given.split(",")
    return _compare(rule, value, given)


def _bare(rule: Document, name: str) -> Document:
    """A nested filter with the list's own name taken off."""
    return rule | {"Name": str(rule["Name"]).removeprefix(f"{name}.")}


def _nested(document: Document, nested: Document) -> bool:
    """Whether one item of a list satisfies all filters on it."""
    name = nested["NestedPropertyName"]
    items = _property(document, name)
    rules = [_bare(rule, name) for rule in nested["Filters"]]
    return isinstance(items, list) and any(all(_filter(item, rule) for rule in rules) for item in items)


def matches(document: Document, expression: Document) -> bool:
    """Whether a document satisfies a search expression: all of its parts, or with `Or` any."""
    results = [_filter(document, rule) for rule in expression.get("Filters") or ()]
    results += [matches(document, inner) for inner in expression.get("SubExpressions") or ()]
    results += [_nested(document, nested) for nested in expression.get("NestedFilters") or ()]
    if not results:
        return True
    return any(results) if expression.get("Operator") == "Or" else all(results)


def _check(expression: Document) -> int:
    """How many conditions there are; ValidationException for an empty expression, or names and values beyond limits."""
    rules = [*(expression.get("Filters") or ())]
    nested, inner = expression.get("NestedFilters") or (), expression.get("SubExpressions") or ()
    rules += [rule for item in nested for rule in item["Filters"]]
    if not rules and not inner:
        raise invalid("A search expression needs at least one filter, nested filter or subexpression.")
    for rule in rules:
        if not 1 <= len(rule["Name"]) <= 255 or not 1 <= len(rule.get("Value") or "-") <= 1024:
            raise invalid("A filter's name has 1 to 255 characters, its value 1 to 1024.")
    return len(rules) + sum(1 + _check(item) for item in inner) + len(nested)


def search(world: World, caller: Caller, document: Document) -> Document:
    """Whole documents, the last modified first unless told otherwise, up to 100 a page."""
    check(document)
    resource, expression = document["Resource"], document.get("SearchExpression")
    if expression is not None and _check(expression) > 50:
        raise invalid("A search expression has at most 50 filters, nested filters and subexpressions.")
    found = [item for item in _documents(world, caller, resource) if matches(item, expression or {})]
    if document.get("CrossAccountFilterOption") == "CrossAccount":
        found = []
    field = document.get("SortBy") or "LastModifiedTime"
    descending = (document.get("SortOrder") or "Descending") == "Descending"
    found.sort(key=lambda item: _order(field, item), reverse=descending)
    chosen, more = page(found, document)
    return {
        "Results": [{resource: item} for item in chosen],
        "TotalHits": {"Value": len(found), "Relation": "EqualTo"},
        **more,
    }


def _order(field: str, item: Document) -> tuple[str, float, str, int]:
    """Sorts by a property, and among equals by name and version; what was never modified counts from its creation."""
    value = _property(item, field)
    if value is _MISSING and field == "LastModifiedTime":
        value = item["CreationTime"]
    number = value if isinstance(value, (int, float)) else None
    text = "" if value is _MISSING or number is not None else str(value)
    name = str(item.get("ModelPackageGroupName") or item.get("ModelPackageName"))
    return (text, float(number or 0), name, int(item.get("ModelPackageVersion") or 0))
