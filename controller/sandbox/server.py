"""The sandbox on real sockets: one port for AWS, one for each account's registry, all on 127.0.0.1."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.sandbox.app import application, registry_application
from controller.sandbox.listen import Server
from controller.sandbox.principals import user_keys
from controller.sandbox.pump import deliver
from controller.sandbox.seed import BARE, SEEDS
from controller.sandbox.world import World

HUB = "111111111111"
_PACE = 0.05  # seconds between looks for events to deliver


@dataclass(frozen=True, slots=True)
class Serving:
    """A running sandbox: its world, the AWS endpoint, and base addresses by registry host."""

    world: World
    endpoint: str
    registries: dict[str, str]
    servers: tuple[Server, ...]
    stopped: threading.Event

    def environment(self, account: str, user: str = "AD") -> dict[str, str]:
        """What to export to be an account's administrator (AD) or the controller in it (CO)."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_DEFAULT_REGION": self.world.accounts[account].region,
            **user_keys(account, user),
            "HUBWRIGHT_REGISTRIES": json.dumps(self.registries, sort_keys=True),
        }

    def ready(self) -> dict[str, Any]:
        """The document of the ready file."""
        accounts = {
            account.id: {"name": account.name, "region": account.region, "env": self.environment(account.id)}
            for account in self.world.accounts.values()
        }
        return {"endpoint": self.endpoint, "pid": os.getpid(), "env": self.environment(HUB, "CO"), "accounts": accounts}

    def close(self) -> None:
        """Stops listening and delivering; connections end with the process."""
        self.stopped.set()
        for server in self.servers:
            server.shutdown()
            server.server_close()


def serve(world: World, port: int = 0) -> Serving:
    """Starts serving; port 0 takes any free one. OSError when the port is taken."""
    aws = Server(application(world), port)
    hosts = {world.registry_of(account.id, account.region).host: account.id for account in world.accounts.values()}
    registries = {host: Server(registry_application(world, account), 0) for host, account in hosts.items()}
    world.origin = aws.url
    servers = (aws, *registries.values())
    for server in servers:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    stopped = threading.Event()
    threading.Thread(target=_pump, args=(world, stopped), daemon=True).start()
    return Serving(world, aws.url, {host: server.url for host, server in registries.items()}, servers, stopped)


def _pump(world: World, stopped: threading.Event) -> None:
    """Delivers events while the sandbox serves."""
    while not stopped.wait(_PACE):
        if world.outbox or world.unsettled:
            deliver(world)


def write_ready(path: Path, document: dict[str, Any]) -> None:
    """Writes the ready file in one step: whoever sees it sees all of it."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(handle, "w") as stream:
        json.dump(document, stream, indent=2, sort_keys=True)
        stream.write("\n")
    Path(name).replace(path)


def run(
    seed: str = "empty",
    ready_file: Path | None = None,
    port: int = 0,
    *,
    authorize: bool = True,
    command: Sequence[str] = (),
) -> int:
    """The command: serves until Ctrl-C or SIGTERM, or as long as `command` runs, which finds its settings in the
    environment. Gives the exit code, which is that command's; the ready file is gone afterwards.

    `authorize`: policies are asked.
    KeyError for an unknown seed; OSError when the port is taken or the ready file cannot be written.
    """
    plant, code = SEEDS[seed], 0
    stopped, written = threading.Event(), False
    before = {number: signal.signal(number, lambda *_: stopped.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        world = World(bare=seed == BARE)
        world.settings.authorize = authorize
        serving = serve(world, port)
        plant(world)
        if ready_file is not None:
            write_ready(ready_file, serving.ready())
            written = True
        print(f"sandbox ready at {serving.endpoint}", flush=True, file=sys.stderr if command else sys.stdout)
        try:
            code = _beside(command, serving.ready()["env"]) if command else _until(stopped)
        finally:
            serving.close()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if ready_file is not None and written:
            ready_file.unlink(missing_ok=True)
    return code


def _until(stopped: threading.Event) -> int:
    while not stopped.wait(3600):
        pass
    return 0


def _beside(command: Sequence[str], settings: Mapping[str, str]) -> int:
    """Runs a command that knows of nothing else in AWS. Ctrl-C is the command's own: a shell goes on after it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    # Python itself ignores SIGPIPE, which no program expects.
    process = os.posix_spawnp(command[0], [*command], {**kept, **settings}, setsigdef=[signal.SIGPIPE])
    signal.signal(signal.SIGTERM, lambda *_: os.kill(process, signal.SIGTERM))
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    return code if code >= 0 else 128 - code
