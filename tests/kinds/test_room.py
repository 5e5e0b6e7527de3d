"""Memory is bounded by bytes, whatever the size of the parts."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from controller.kinds.room import Room


def test_no_more_bytes_are_held_than_there_is_room_for() -> None:
    room, lock = Room(100), threading.Lock()
    held, most, over = [0], [0], []

    def work(size: int) -> None:
        with room.hold(size):
            with lock:
                held[0] += size
                most[0] = max(most[0], held[0])
                if held[0] > 100 and held[0] != size:
                    over.append(size)
            with lock:
                held[0] -= size

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, [10, 60, 100, 250, 1, 99] * 50))
    assert (over, held, room._held) == ([], [0], 0)
    assert most[0] == 250  # alone
