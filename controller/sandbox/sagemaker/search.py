"""Search over ModelPackage and ModelPackageGroup."""

from __future__ import annotations

from collections.abc import Iterator
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


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _compare(operator: str, value: Any, given: str) -> bool:
    """Orders numbers as numbers and everything else as text."""
    left, right = _number(value), _number(given)
    text = str(value)
    order = (text > given) - (text < given) if left is None or right is None else (left > right) - (left < right)
    wanted = _ORDERS.get(operator)
    if wanted is None:
        raise invalid(f"Unknown operator {operator}.")
    return order in wanted


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
        return str(value) == given
    if operator == "NotEquals":
        return str(value) != given
    if operator == "Contains":
        return given.lower() in str(value).lower()
    if operator == "In":
        return str(value) in given.split(",")
    return _compare(operator, value, given)


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


def search(world: World, caller: Caller, document: Document) -> Document:
    """Whole documents, by creation time descending unless told otherwise, up to 100 a page."""
    check(document)
    resource = document["Resource"]
    found = [
        item for item in _documents(world, caller, resource) if matches(item, document.get("SearchExpression") or {})
    ]
    if document.get("CrossAccountFilterOption") == "CrossAccount":
        found = []
    field = document.get("SortBy") or "CreationTime"
    descending = (document.get("SortOrder") or "Descending") == "Descending"
    found.sort(key=lambda item: _order(_property(item, field), item), reverse=descending)
    chosen, more = page(found, document)
    return {
        "Results": [{resource: item} for item in chosen],
        "TotalHits": {"Value": len(found), "Relation": "EqualTo"},
        **more,
    }


def _order(value: Any, item: Document) -> tuple[str, float, str, int]:
    number = value if isinstance(value, (int, float)) else None
    text = "" if value is _MISSING or number is not None else str(value)
    name = str(item.get("ModelPackageGroupName") or item.get("ModelPackageName"))
    return (text, float(number or 0), name, int(item.get("ModelPackageVersion") or 0))
