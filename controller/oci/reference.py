"""Names of images: `host/repository:tag` and `host/repository@sha256:…`, held to the distribution grammar."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from controller.core.errors import RegistryError

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]{{1,5}})?", re.ASCII)
_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LONGEST = 255


@dataclass(frozen=True, slots=True)
class Reference:
    """An image by name. At least one of `tag` and `digest` may be missing; `digest` is `sha256:` and 64 hex digits."""

    host: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.name}{tag}{digest}"

    @property
    def name(self) -> str:
        """`host/repository`."""
        return f"{self.host}/{self.repository}"

    def pinned(self, digest: str) -> Self:
        """The same image by digest alone."""
        return type(self)(self.host, self.repository, None, check_digest(digest))


def parse(text: str) -> Reference:
    """A reference from text. The host must be written out: there is no default registry. Wrong: `RegistryError`."""
    rest, at, digest = text.partition("@")
    host, slash, path = rest.partition("/")
    repository, colon, tag = path.partition(":")
    if not slash or not _HOST.fullmatch(host) or not ("." in host or ":" in host or host == "localhost"):
        raise _wrong(text, "it must begin with a registry's host, like registry.example.com/")
    return Reference(
        host,
        check_repository(repository),
        check_tag(tag) if colon else None,
        check_digest(digest) if at else None,
    )


def check_repository(name: str) -> str:
    """`name` if it is a repository's: lower-case path components, at most 255 characters. Else `RegistryError`."""
    if len(name) > _LONGEST or not _REPOSITORY.fullmatch(name):
        raise _wrong(name, "a repository is lower-case letters, digits and single separators, at most 255 characters")
    return name


def check_tag(tag: str) -> str:
    """`tag` if it is one: at most 128 letters, digits, `_`, `.` and `-`, not beginning with the last two."""
    if not _TAG.fullmatch(tag):
        raise _wrong(tag, "a tag is 1 to 128 letters, digits, _ . - and begins with neither . nor -")
    return tag


def check_digest(digest: str) -> str:
    """`digest` if it is `sha256:` and 64 lower-case hexadecimal digits: no other algorithm is believed."""
    if not _DIGEST.fullmatch(digest):
        raise _wrong(digest, "a digest is sha256: and 64 lower-case hexadecimal digits")
    return digest


def _wrong(text: str, expected: str) -> RegistryError:
    shown = text if len(text) <= 80 else text[:80] + "…"
    return RegistryError(f"not an image name: {shown!r}: {expected}", code="NAME_INVALID")
