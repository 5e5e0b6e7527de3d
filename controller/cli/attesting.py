"""`attest` and `verify`: signed statements on hub versions, and whether they still hold."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from controller.attest import Check, evidence_of
from controller.attest import verify as holds
from controller.cli.files import write_whole
from controller.cli.output import write
from controller.cli.run import Run, opened
from controller.cli.settings import Settings
from controller.core.canonical import sha256
from controller.core.dsse import MAX_BYTES, encoded, enveloped, open_envelope
from controller.core.errors import HubwrightError, UsageError
from controller.core.model import Target
from controller.core.reasons import EXITS
from controller.core.statement import statement
from controller.render.escape import terminal
from controller.signing import PrivateKey, PublicKey


def attest(settings: Settings, arn: str, *, key: str, summary: bool, out: Path | None) -> int:
    """Writes a signed statement on a version to `out`, or to stdout. Evidence that disagrees is never vouched for."""
    with opened(settings) as run:
        evidence, item = evidence_of(run.cloud(), run.manifests, arn, run.pool, run.progress.step)
        if item.faults:
            raise HubwrightError(
                f"{arn} cannot be vouched for: {'; '.join(item.faults)}", "hubwright trace shows it all"
            )
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        payload = statement(evidence, "summary" if summary else "promotion", now, item.faults)
        text = enveloped(payload, *_signed(run, key, encoded(payload)))
    if out is None:
        write(text + "\n")
    else:
        write_whole(out, text + "\n")
    return 0


def verify(settings: Settings, files: Sequence[Path], *, key: str) -> int:
    """Says of each file whether its statement holds; exit 5 when one does not."""
    wrong = False
    with opened(settings) as run:
        check = _check(run, key)
        for path in files:
            arn, faults = _verified(run, path, check)
            wrong |= bool(faults)
            write(said_of(str(path), arn, faults))
    return EXITS["conflict"] if wrong else 0


def said_of(path: str, arn: str, faults: Sequence[str]) -> str:
    """What a person reads of a statement that was checked."""
    head = f"{terminal(path)}: {terminal(arn) or 'nothing'} {'does NOT hold' if faults else 'holds'}\n"
    return head + "".join(f"    {terminal(fault)}\n" for fault in faults)


def _verified(run: Run, path: Path, check: Check) -> tuple[str, tuple[str, ...]]:
    try:
        with path.open("rb") as file:
            envelope = open_envelope(file.read(MAX_BYTES + 1))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        return "", (str(error),)
    return holds(run.cloud(), run.manifests, envelope, check, run.pool, run.progress.step)


def _signed(run: Run, key: str, data: bytes) -> tuple[str, bytes]:
    """(key id, signature) by a key in a file or in KMS."""
    if ":kms:" not in key:
        own = PrivateKey(Path(key))
        return own.public.id, own.sign(data)
    client = run.cloud(writable=True).client(_place(key), "kms", "register")
    answer = client.call(
        "Sign", KeyId=key, Message=bytes.fromhex(sha256(data)), MessageType="DIGEST", SigningAlgorithm="ECDSA_SHA_256"
    )
    return key, bytes(answer["Signature"])


def _check(run: Run, key: str) -> Check:
    if ":kms:" not in key:
        return PublicKey.of_file(Path(key)).made
    answer = run.cloud().client(_place(key), "kms").call("GetPublicKey", KeyId=key)
    return PublicKey.of_der(bytes(answer["PublicKey"])).made


def _place(arn: str) -> Target:
    parts = arn.split(":")
    if len(parts) != 6 or parts[2] != "kms":
        raise UsageError(f"{arn!r} is not the ARN of a KMS key", "it is like arn:aws:kms:REGION:ACCOUNT:key/ID")
    return Target(parts[4], parts[3])
