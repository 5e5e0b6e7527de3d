"""Which repositories of one registry hold which blobs, as far as a run has seen: blobs are mounted from there."""

from __future__ import annotations

import threading
from collections.abc import Mapping

_REMEMBERED = 65536
_MOST_READ = 32


class Ledger:
    """What this run knows of one registry. Safe for threads."""

    def __init__(self) -> None:
        self._held: dict[str, str] = {}
        self._read: set[str] = set()
        self._lock = threading.Lock()
        self._granted = self._refused = False

    def note(self, digest: str, repository: str) -> None:
        """The repository holds the blob."""
        if len(self._held) < _REMEMBERED:
            self._held.setdefault(digest, repository)

    def holder(self, digest: str) -> str | None:
        """A repository that holds the blob."""
        return self._held.get(digest)

    def mounted(self, *, granted: bool) -> None:
        """How the registry answered when it was asked to mount."""
        with self._lock:
            self._granted, self._refused = self._granted or granted, self._refused or not granted

    def unread(self, images: Mapping[str, str]) -> list[tuple[str, str]]:
        """Which of these images (digests by repository) are worth reading for their blobs, each repository once.

        At most 32 in a run, and none where the registry has refused to mount.
        """
        with self._lock:
            if self._refused and not self._granted:
                return []
            new = sorted(name for name in images if name not in self._read)[: _MOST_READ - len(self._read)]
            self._read.update(new)
        return [(name, images[name]) for name in new]
