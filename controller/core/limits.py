"""SageMaker's, S3's and ECR's own limits, and the small grammars of manifests. botocore checks hardly any of them.

Functions that judge a value say what was expected, or nothing when it is fine.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Mapping
from decimal import Decimal

from controller.core.arn import registry_host
from controller.core.marks import escaped, keys_marks

METADATA_ENTRIES = 50
METADATA_OURS = 12  # marks that Hubwright writes on every version sooner or later, besides those that name the keys
METADATA_KEY = 128
METADATA_VALUE = 256
RESERVED = "hubwright/"
URI = 1024
IMAGE = 255
REPOSITORY = 256
_DIGEST = len("@sha256:") + 64

_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)([KMGTP]?i?B)")
_UNITS = {
    **{f"{letter}iB": 1024 ** (power + 1) for power, letter in enumerate("KMGTP")},
    **{f"{letter}B": 1000 ** (power + 1) for power, letter in enumerate("KMGTP")},
    "B": 1,
}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_COMPARISON = re.compile(r"(>=|<=|==|!=|>|<)\s*([0-9]+(?:\.[0-9]+)*)")


def word_expected(text: str) -> str:
    """Of keys and values of CustomerMetadataProperties and tags: which characters AWS takes."""
    for char in text:
        if char not in "_.:/=+-@" and unicodedata.category(char)[0] not in "LNZ":
            return "letters, digits, spaces and _ . : / = + - @"
    return ""


def metadata_faults(metadata: Mapping[str, str]) -> dict[str, tuple[bool, str, str]]:
    """What is wrong with a promotion's metadata: key → (whether the key is meant, message, expected)."""
    faults = {}
    for key, value in metadata.items():
        if key.casefold().startswith(RESERVED):
            faults[key] = (True, f"names that begin with {RESERVED} are reserved", "another name")
        elif len(key) > METADATA_KEY or word_expected(key):
            faults[key] = (
                True,
                "not a name that SageMaker takes",
                word_expected(key) or f"at most {METADATA_KEY} characters",
            )
        elif len(escaped(key)) > METADATA_VALUE:
            faults[key] = (True, "a name with too many spaces and = signs", "a name of fewer")
        elif not 0 < len(value) <= METADATA_VALUE:
            faults[key] = (False, f"a text of {len(value)} characters", f"1 to {METADATA_VALUE}")
        elif word_expected(value):
            faults[key] = (False, "not a text that SageMaker takes", word_expected(value))
    return faults


def metadata_count(metadata: Mapping[str, str]) -> str:
    """Says when there are too many entries beside our own."""
    ours = METADATA_OURS + len(keys_marks(metadata))
    room = METADATA_ENTRIES - ours
    return f"at most {room}: SageMaker takes {METADATA_ENTRIES}, Hubwright needs {ours}" if len(metadata) > room else ""


def tag_faults(tags: Mapping[str, str]) -> dict[str, tuple[bool, str, str]]:
    """What is wrong with a group's tags, as in `metadata_faults`."""
    faults = {}
    for key, value in tags.items():
        if key.casefold().startswith((RESERVED, "aws:")):
            faults[key] = (True, f"names that begin with {RESERVED} or aws: are reserved", "another name")
        elif len(key) > METADATA_KEY or word_expected(key):
            faults[key] = (True, "not a tag that AWS takes", word_expected(key) or f"at most {METADATA_KEY} characters")
        elif len(value) > METADATA_VALUE or word_expected(value):
            faults[key] = (
                False,
                "not a tag that AWS takes",
                word_expected(value) or f"at most {METADATA_VALUE} characters",
            )
    return faults


def store_room(bucket: str, prefix: str, account: str, group: str, source_group: str, version: int) -> int:
    """How many characters an artifact's URI has left for the source's bucket and key."""
    base = f"s3://{bucket}/{prefix}/{account}/{group}/{source_group}/{version}-{'0' * 12}/"
    return URI - len(base.encode())


def image_room(hub_account: str, region: str, prefix: str, account: str) -> int:
    """How many characters an image's name has left for the source's repository."""
    host = registry_host(hub_account, region)
    path = f"{prefix}/{account}/"
    return min(IMAGE - _DIGEST - len(f"{host}/{path}"), REPOSITORY - len(path))


def parse_size(size: int | str) -> int:
    """Bytes of `2TiB`, `500GB` or a plain number; raises `ValueError`."""
    if isinstance(size, int):
        return size
    found = _SIZE.fullmatch(size)
    if found is None or found.group(2) not in _UNITS:
        raise ValueError("a size such as 2TiB")
    return int(Decimal(found.group(1)) * _UNITS[found.group(2)])


def parse_duration(text: str) -> int:
    """Seconds of `72h`; raises `ValueError`."""
    if not re.fullmatch(r"[0-9]{1,6}[smhdw]", text, re.ASCII):
        raise ValueError("a duration such as 72h or 3d")
    return int(text[:-1]) * _SECONDS[text[-1]]


def parse_moment(text: str) -> dt.datetime:
    """A date and a time, with its zone where it names one; raises `ValueError`."""
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("a date and time that exist, such as 2026-12-24T18:00Z") from None


def parse_range(text: str) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """`>=0.1,<2` as comparisons; raises `ValueError`."""
    comparisons = []
    for part in text.split(","):
        found = _COMPARISON.fullmatch(part.strip())
        if found is None:
            raise ValueError("comparisons separated by commas, such as >=0.1,<2")
        comparisons.append((found.group(1), _numbers(found.group(2))))
    return tuple(comparisons)


def in_range(version: str | int, text: str) -> bool:
    """Whether a version (`0.1.0`, or a number) meets every comparison of a range; `0.1` and `0.1.0` are the same."""
    mine = _numbers(str(version))
    for operator, other in parse_range(text):
        order = (mine > other) - (mine < other)
        fits = {">=": order >= 0, "<=": order <= 0, "==": order == 0, "!=": order != 0, ">": order > 0, "<": order < 0}
        if not fits[operator]:
            return False
    return True


def _numbers(version: str) -> tuple[int, ...]:
    found = re.match(r"[0-9]+(?:\.[0-9]+)*", version)
    numbers = [int(part) for part in found.group().split(".")] if found else [0]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
