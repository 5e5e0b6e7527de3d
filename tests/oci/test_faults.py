"""One request after the other goes wrong, in every way; each run ends copied or with a clear error, the next converges."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from controller.core.errors import HubwrightError
from controller.oci.auth import Login
from controller.oci.copy import Means, Place, copy_image
from controller.oci.http import HttpTransport
from controller.oci.manifest import Manifest
from controller.oci.network import home
from controller.oci.registry import Registry
from controller.oci.wire import Pace
from tests.oci.double import Memory, image, index
from tests.oci.servers import Asked, Host, Reply, hosts
from tests.pace import sampled

LOGIN = Login("AWS", "canary")
PACE = Pace(connect=2, stall=0.15, patience=1.0, floor=1 << 20)
KINDS = ["drop", "stall", "truncate", "reset", "429", "500", "redirect", "200"]
ERROR = b'{"errors":[{"code":"UNKNOWN","message":"something went wrong"}]}'


class Faults:
    """Spoils the nth answer of a host, or all from it on."""

    def __init__(self, kind: str, other: Host) -> None:
        self.kind = kind
        self.other = other
        self.arm(-1, lasting=False)

    def arm(self, nth: int, *, lasting: bool) -> None:
        self.nth, self.lasting, self.count, self.hit = nth, lasting, 0, False

    def __call__(self, asked: Asked, reply: Reply) -> Reply | None:
        mine = self.next()
        self.count += 1
        if not mine:
            return reply
        self.hit = True
        return self.spoiled(asked, reply)

    def next(self) -> bool:
        """Whether the next request is one to spoil."""
        return self.nth >= 0 and (self.count == self.nth or (self.lasting and self.count > self.nth))

    def spoiled(self, asked: Asked, reply: Reply) -> Reply | None:
        if self.kind in {"drop", "reset"}:
            return None
        if self.kind == "stall":
            time.sleep(0.3)
            return None
        if self.kind == "truncate":
            head = f"HTTP/1.1 {reply.status} X\r\ncontent-length: {len(reply.body) + 9}\r\n"
            rest = "".join(f"{name}: {value}\r\n" for name, value in reply.headers if name != "content-length")
            return Reply(0, [], b"", [(head + rest + "\r\n").encode(), reply.body[: len(reply.body) // 2]])
        if self.kind == "redirect":
            return Reply(307, [("location", f"{self.other.base}/x"), ("content-length", "0")], b"")
        if self.kind == "200":  # a success that is none
            said = [("content-type", "application/json"), ("content-length", str(len(ERROR)))]
            return Reply(200, said, b"" if asked.method == "HEAD" else ERROR)
        return Reply(int(self.kind), [("content-length", "0"), ("retry-after", "1")], b"")


def resetting(host: Host, faults: Faults) -> None:
    """Makes the host's dropped connections end with RST."""
    shut = host.server.shutdown_request

    def close(request: Any) -> None:
        if faults.hit:
            request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            request.close()
        else:
            shut(request)

    host.server.shutdown_request = close  # type: ignore[method-assign]


def registry(host: Host) -> Registry:
    host.opened.append(HttpTransport(home(host.base), pace=PACE))
    return Registry(host.base, host.opened[-1], lambda fresh: LOGIN, pause=lambda seconds: None)


def indices(faults: Faults, *, lasting: bool) -> Iterator[int]:
    """Every request's number (of the slowest fault every fourth), until a run ends before it is reached."""
    for nth in range(0, 200, 4 if lasting and faults.kind == "stall" else 1):
        faults.arm(nth, lasting=lasting)
        yield nth
        if not faults.hit:
            return
    raise AssertionError("it never ends")


def emptied(hub: Host) -> None:
    for store in (hub.memory.blobs, hub.memory.manifests, hub.memory.uploads):
        store.clear()
    for transport in hub.opened:
        transport.close()
    hub.opened.clear()


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("where", ["source", "hub"])
@pytest.mark.parametrize("kind", sampled(KINDS, str, every=5))
def test_a_fault_at_every_request(kind: str, where: str, lasting: bool) -> None:
    memories = Memory(login=LOGIN), Memory(login=LOGIN), Memory()
    with hosts(*memories) as (source, hub, other), ThreadPoolExecutor(2) as pool:
        children = image(source.memory, "a", b"one" * 9000), image(source.memory, "a", b"two")
        top = index(source.memory, "a", *children)
        spoiled = source if where == "source" else hub
        faults = Faults(kind, other)
        spoiled.twist = faults
        if kind in {"200", "429"}:  # nothing is done then; of the others it may have been
            spoiled.refuses = lambda _: faults.next()
        if kind == "reset":
            resetting(spoiled, faults)
        failed = 0
        for _ in indices(faults, lasting=lasting):
            emptied(hub)
            failed += not run(source, hub, top, pool)
            faults.arm(-1, lasting=False) if faults.hit else None
            hit, faults.hit = faults.nth < 0, faults.nth < 0
            if hit:
                assert run(source, hub, top, pool)
            assert all(hub.memory.manifests["b", item.digest][1] == item.body for item in (*children, top))
        assert failed or not lasting
        assert all(
            "canary" not in repr(asked.headers) and "Authorization" not in asked.headers for asked in other.asked
        )


def run(source: Host, hub: Host, top: Manifest, pool: ThreadPoolExecutor) -> bool:
    """Whether the image was copied; else an error said why and there is no tag, unless its answer alone was lost."""
    try:
        copy_image(Place(registry(source), "a"), Place(registry(hub), "b"), top.digest, "hw-1", Means(pool))
    except HubwrightError as error:
        assert str(error)
        return False
    assert hub.memory.manifests["b", "hw-1"][1] == top.body
    return True
