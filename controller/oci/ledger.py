"""Which repositories of one registry hold which blobs, or are getting them, as far as a run has seen."""

from __future__ import annotations

import threading
from collections.abc import Mapping

_REMEMBERED = 65536
_MOST_READ = 32


class Ledger:
    """What this run knows of one registry. Safe for threads."""

    def __init__(self) -> None:
        self._held: dict[str, str] = {}
        self._there: dict[tuple[str, str], int] = {}
        self._notes = 0
        self._coming: dict[str, dict[str, threading.Event]] = {}
        self._read: set[str] = set()
        self._lock = threading.Lock()
        self._granted = self._refused = False

    def note(self, digest: str, repository: str) -> None:
        """The repository holds the blob."""
        with self._lock:
            self._notes += 1
            if len(self._there) < _REMEMBERED or (digest, repository) in self._there:
                self._held.setdefault(digest, repository)
                self._there[digest, repository] = self._notes

    def now(self) -> int:
        """A moment, for `has`: what is noted from here on is newer."""
        return self._notes

    def has(self, digest: str, repository: str, since: int) -> bool:
        """Whether the repository was seen to hold the blob since that moment: what it held before may be gone."""
        return self._there.get((digest, repository), 0) > since

    def claim(self, digest: str, repository: str) -> threading.Event | None:
        """None when the blob is the caller's to bring, who then has to `release` it.

        Otherwise another copy is bringing it, to this repository or, where it may be mounted then, to another one; what
        is given is set as soon as that has ended, well or not.
        """
        with self._lock:
            coming = self._coming.setdefault(digest, {})
            if repository in coming:
                return coming[repository]
            if coming and (self._granted or not self._refused):
                return next(iter(coming.values()))
            coming[repository] = threading.Event()
            return None

    def release(self, digest: str, repository: str) -> None:
        """Ends a claim: whoever waits for the blob looks again."""
        with self._lock:
            ended = self._coming[digest].pop(repository)
            if not self._coming[digest]:
                del self._coming[digest]
        ended.set()

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
