"""The marks: what Hubwright writes into the `CustomerMetadataProperties` of everything it registers.

Values keep to AWS's charset (letters, digits, spaces and `_.:/=+-@`) and to 256 characters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

PREFIX = "hubwright/"
REVISION = PREFIX + "revision"
LINEAGE = PREFIX + "lineage"
SHOWN = frozenset({REVISION, LINEAGE})  # evidence, in no spec and no id
MAX_ENTRIES = 50
_ROOM = 256


def mark(metadata: Mapping[str, str], name: str) -> str:
    """The value of one mark, or an empty text."""
    return metadata.get(PREFIX + name, "")


def named(**values: str) -> dict[str, str]:
    """Marks by their short names (`duplicate_of` is `duplicate-of`)."""
    return {PREFIX + name.replace("_", "-"): value for name, value in values.items() if value}


def foreign(metadata: Mapping[str, str]) -> dict[str, str]:
    """What is not a mark."""
    return {key: value for key, value in metadata.items() if not key.startswith(PREFIX)}


def owned_keys(metadata: Mapping[str, str]) -> frozenset[str]:
    """The manifest's metadata keys that an earlier run wrote, from the `keys` marks."""
    chunks = [value for key, value in metadata.items() if is_keys_mark(key)]
    return frozenset(_unescaped(name) for chunk in chunks for name in chunk.split(" ") if name)


def is_keys_mark(key: str) -> bool:
    return key.partition(".")[0] == PREFIX + "keys"


def keys_marks(keys: Iterable[str]) -> dict[str, str]:
    """The `keys` marks for these metadata keys, spread over as many entries as their length needs."""
    chunks: list[str] = []
    for key in sorted(map(escaped, keys)):
        if chunks and len(chunks[-1]) + 1 + len(key) <= _ROOM:
            chunks[-1] += " " + key
        else:
            chunks.append(key)
    return {PREFIX + ("keys" if index == 0 else f"keys.{index}"): chunk for index, chunk in enumerate(chunks)}


def escaped(key: str) -> str:
    """A metadata key as it stands in the `keys` marks, where spaces separate."""
    return key.replace("=", "=3D").replace(" ", "=20")


def _unescaped(text: str) -> str:
    return text.replace("=20", " ").replace("=3D", "=")


def compared(metadata: Mapping[str, str]) -> dict[str, str]:
    """The metadata without what is only shown."""
    return {key: value for key, value in metadata.items() if key not in SHOWN}
