"""Condition operators, as IAM's reference defines them."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from datetime import UTC, datetime

from controller.sandbox.authz.documents import Condition
from controller.sandbox.authz.match import Context, meets, meets_arn

Test = Callable[[str, str], bool]  # (wanted, given)


def _number(test: Callable[[float, float], bool]) -> Test:
    def check(wanted: str, given: str) -> bool:
        try:
            return test(float(given), float(wanted))
        except ValueError:
            return False

    return check


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _date(test: Callable[[float, float], bool]) -> Test:
    def check(wanted: str, given: str) -> bool:
        try:
            return test(_seconds(given), _seconds(wanted))
        except ValueError:
            return False

    return check


def _address(wanted: str, given: str) -> bool:
    try:
        return ipaddress.ip_address(given) in ipaddress.ip_network(wanted, strict=False)
    except ValueError:
        return False


_PLAIN: dict[str, Test] = {
    "NumericEquals": _number(lambda a, b: a == b),
    "NumericLessThan": _number(lambda a, b: a < b),
    "NumericLessThanEquals": _number(lambda a, b: a <= b),
    "NumericGreaterThan": _number(lambda a, b: a > b),
    "NumericGreaterThanEquals": _number(lambda a, b: a >= b),
    "DateEquals": _date(lambda a, b: a == b),
    "DateLessThan": _date(lambda a, b: a < b),
    "DateLessThanEquals": _date(lambda a, b: a <= b),
    "DateGreaterThan": _date(lambda a, b: a > b),
    "DateGreaterThanEquals": _date(lambda a, b: a >= b),
    "Bool": lambda wanted, given: wanted.lower() == given.lower(),
    "BinaryEquals": lambda wanted, given: wanted == given,
    "IpAddress": _address,
}
_NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
    "NotIpAddress": "IpAddress",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
}


def _test(operator: str, context: Context, *, variables: bool) -> Test:
    if operator.startswith("Arn"):
        return lambda wanted, given: meets_arn(wanted, given, context, variables=variables)
    if operator == "StringEqualsIgnoreCase":
        return lambda wanted, given: meets(wanted.lower(), given.lower(), context, variables=variables, wild=False)
    if operator in ("StringEquals", "StringLike"):
        wild = operator == "StringLike"
        return lambda wanted, given: meets(wanted, given, context, variables=variables, wild=wild)
    return _PLAIN[operator]


def holds(condition: Condition, context: Context, *, variables: bool) -> bool:
    """Whether one condition holds in a context. A key of several values needs ForAnyValue or ForAllValues to be told
    apart; without, any of the values will do.
    """
    prefix, _, name = condition.operator.rpartition(":")
    quantifier, operator, if_exists = prefix, name.removesuffix("IfExists"), name.endswith("IfExists")
    given = context.get(condition.key, ())
    if operator == "Null":
        return (not given) is (condition.values[0].lower() == "true")
    negated = operator in _NEGATED
    if not given:
        return quantifier == "ForAllValues" or (not quantifier and (negated or if_exists))
    test = _test(_NEGATED.get(operator, operator), context, variables=variables)

    def good(value: str) -> bool:
        return any(test(wanted, value) for wanted in condition.values) is not negated

    if quantifier == "ForAllValues" or (negated and not quantifier):
        return all(map(good, given))
    return any(map(good, given))
