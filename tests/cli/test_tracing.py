"""`trace`, `attest` and `verify` by their commands, with keys in files and in KMS."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from jsonschema import Draft202012Validator

from controller.sandbox.server import Serving
from tests.cli.conftest import EXAMPLE, Command, Repo
from tests.cli.spokes import HUB, Hand
from tests.cli.test_guarding import review_file

Hands = Callable[[str], Hand]
SCHEMAS = Path(__file__).parents[2] / "schemas"
ARN = f"arn:aws:sagemaker:eu-west-1:{HUB}:model-package/ocr/1"


def test_the_schema_of_a_trace_needs_no_other_file() -> None:
    """It holds the lineage's own, word for word."""
    trace, lineage = (json.loads((SCHEMAS / f"{name}.v1.json").read_text()) for name in ("trace", "lineage"))
    assert trace["$defs"]["lineage"] == {key: item for key, item in lineage.items() if key not in ("$id", "$schema")}


@pytest.fixture
def promoted(live: Command) -> Command:
    assert live("reconcile", "--scope", "promotion=ocr-1").code == 0
    return live


def test_a_version_is_traced_in_every_form(promoted: Command, serving: Serving) -> None:
    before = len(serving.world.mutations())
    found = promoted("trace", ARN, "--format", "json")
    assert (found.code, found.json["format"], found.json["blind"]) == (0, "hubwright.io/trace/v1", {})
    Draft202012Validator(json.loads((SCHEMAS / "trace.v1.json").read_text())).validate(found.json)
    (one,) = found.json["versions"]
    assert (one["version"], one["faults"], one["lineage"]["format"]) == (ARN, [], "hubwright.io/lineage/v1")
    text = promoted("trace", one["source"])
    assert text.code == 0
    assert text.out.splitlines()[:3] == [f"1 hub version of {one['source']}", "", ARN]
    assert text.out.endswith("  evidence   version, record, lineage and stored objects agree\n")
    picture = promoted("trace", one["release"], "--format", "mermaid")
    assert picture.out.startswith("flowchart LR\n")
    assert f'["{ARN}"]' in picture.out
    assert promoted("trace", one["digest"]).code == 0
    assert len(serving.world.mutations()) == before


def test_who_asked_and_who_approved_is_traced(live: Command, repo: Repo, tmp_path: Path) -> None:
    asked = repo.edit("teams/vision/ocr-1.yaml", "spec:", "spec:  # asked for")
    head = repo.commit()  # of nothing that this promotion is about
    file = review_file(tmp_path, head)
    assert live("reconcile", "--review", file, "--scope", "promotion=ocr-1").code == 0
    (one,) = live("trace", ARN, "--format", "json").json["versions"]
    people = [{"login": name, "teams": ["model-risk"]} for name in ("bo", "cy")]
    assert one["lineage"]["promotion"]["author"] == {"name": "Ada <ada@example.com>", "commit": asked}
    review = {"pr": "7", "head": head, "author": "ana", "approvers": people, "mergedBy": "bo"}
    assert one["lineage"]["promotion"]["review"] == review
    schema = json.loads((EXAMPLE.parent / "schemas" / "lineage.v1.json").read_text())
    assert list(Draft202012Validator(schema).iter_errors(one["lineage"])) == []
    lines = live("trace", ARN).out.splitlines()
    at = lines.index(f"  asked by   Ada <ada@example.com>, as commit {asked[:12]} says")
    assert lines[at + 1].strip() == "pull request 7 of ana, approved by bo, cy, merged by bo"


@pytest.mark.parametrize(("option", "known"), [((), True), (("--worktree",), False)], ids=["commit", "worktree"])
def test_what_nobody_knows_of_who_asked_is_not_made_up(
    live: Command, repo: Repo, tmp_path: Path, option: tuple[str, ...], known: bool
) -> None:
    reviewed = repo.git("rev-parse", "HEAD")
    repo.edit("teams/vision/ocr-1.yaml", "spec:", "spec:  # since then")
    file = review_file(tmp_path, reviewed)  # vouches for another state of it
    assert live("reconcile", *option, "--review", file, "--scope", "promotion=ocr-1").code == 0
    (one,) = live("trace", ARN, "--format", "json").json["versions"]
    about = one["lineage"]["promotion"]
    assert ("author" in about, about["review"]) == (known, None)
    assert ("asked by" in live("trace", ARN).out) == bool(known)


def test_what_cannot_be_traced_is_said(promoted: Command) -> None:
    nothing = promoted("trace", ARN[:-1] + "7")
    assert (nothing.code, nothing.out) == (1, "")
    assert "no version in any hub is, holds or was made from" in nothing.err
    word = promoted("trace", "ocr")
    assert word.code == 64
    assert "give a model package version's ARN" in word.err


def test_evidence_that_disagrees_is_exit_5_and_never_vouched_for(
    promoted: Command, hand: Hands, tmp_path: Path
) -> None:
    s3 = hand(HUB)("s3")
    listed = s3.list_objects_v2(Bucket="acme-model-store")["Contents"]
    key = next(row["Key"] for row in listed if row["Key"].endswith(".lineage.json"))
    s3.put_object(Bucket="acme-model-store", Key=key, Body=b"{}")
    found = promoted("trace", ARN)
    assert found.code == 5
    assert "  WRONG      " in found.out
    key_file = tmp_path / "key.pem"
    key_file.write_bytes(private_pem())
    refused = promoted("attest", ARN, "--key", str(key_file))
    assert (refused.code, refused.out) == (1, "")
    assert "cannot be vouched for" in refused.err


def private_pem() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def test_a_statement_is_signed_and_verified_with_a_key_in_a_file(promoted: Command, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "key.pub").write_bytes(public)
    out, summary = tmp_path / "ocr-1.dsse.json", tmp_path / "ocr-1.vsa.json"
    assert promoted("attest", ARN, "--key", str(tmp_path / "key.pem"), "--out", str(out)).code == 0
    assert promoted("attest", ARN, "--key", str(tmp_path / "key.pem"), "--summary", "--out", str(summary)).code == 0
    held = promoted("verify", str(out), str(summary), "--key", str(tmp_path / "key.pub"))
    assert (held.code, held.out) == (0, f"{out}: {ARN} holds\n{summary}: {ARN} holds\n")
    (tmp_path / "bad.json").write_text(json.dumps({**json.loads(out.read_text()), "payload": "e30="}))
    refused = promoted("verify", str(tmp_path / "bad.json"), str(out), "--key", str(tmp_path / "key.pub"))
    assert refused.code == 5
    assert refused.out.splitlines() == [
        f"{tmp_path / 'bad.json'}: nothing does NOT hold",
        "    no signature of it was made with this key",
        f"{out}: {ARN} holds",
    ]
    missing = promoted("verify", str(tmp_path / "none.json"), "--key", str(tmp_path / "key.pub"))
    assert missing.code == 64


def test_a_statement_is_signed_with_a_kms_key(promoted: Command, hand: Hands, tmp_path: Path) -> None:
    made = hand(HUB)("kms").create_key(KeyUsage="SIGN_VERIFY", KeySpec="ECC_NIST_P256")
    key, out = made["KeyMetadata"]["Arn"], tmp_path / "ocr-1.dsse.json"
    signed = promoted("attest", ARN, "--key", key, "--out", str(out))
    assert signed.code == 0, signed.err
    assert json.loads(out.read_text())["signatures"][0]["keyid"] == key
    assert promoted("verify", str(out), "--key", key).code == 0
