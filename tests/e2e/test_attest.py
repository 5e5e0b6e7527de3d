"""Signed statements hold while everything they name is so, and are refused when anything is not."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from controller.attest import evidence_of, verify
from controller.core.dsse import PAYLOAD_TYPE, encoded, enveloped, open_envelope
from controller.core.errors import UsageError
from controller.core.manifests import Manifests
from controller.core.statement import Kind, statement
from controller.signing import PrivateKey, PublicKey
from tests import bed as beds
from tests.bed import HUB, REGION, STORE, Bed, Inline

ARN = f"arn:aws:sagemaker:{REGION}:{HUB}:model-package/churn/1"
NOW = "2026-11-22T12:00:00Z"
Json = dict[str, Any]


def written(folder: Path, key: Any, name: str = "key.pem") -> Path:
    path = folder / name
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[PrivateKey, PrivateKey]:
    folder = tmp_path_factory.mktemp("keys")
    first = written(folder, ec.generate_private_key(ec.SECP256R1()))
    return PrivateKey(first), PrivateKey(written(folder, ed25519.Ed25519PrivateKey.generate(), "other.pem"))


def promoted(bed: Bed, folder: Path) -> tuple[Bed, Manifests]:
    beds.simple(bed)
    fleet = beds.manifests(folder, beds.promotion())
    assert bed.reconcile(fleet).exit_code() == 0
    return bed, fleet


_KEPT: list[tuple[Bed, Manifests]] = []


@pytest.fixture
def scene(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bed, Manifests]:
    """One promoted version for all tests that only read it."""
    if not _KEPT:
        _KEPT.append(promoted(beds.fresh(), tmp_path_factory.mktemp("scene")))
    return _KEPT[0]


def attested(bed: Bed, fleet: Manifests, key: PrivateKey, kind: Kind = "promotion") -> str:
    evidence, item = evidence_of(bed.reader, fleet, ARN, Inline(), lambda _: None)
    payload = statement(evidence, kind, NOW, item.faults)
    return enveloped(payload, key.public.id, key.sign(encoded(payload)))


def faults(bed: Bed, fleet: Manifests, text: str | bytes, key: PublicKey) -> tuple[str, ...]:
    try:
        envelope = open_envelope(text.encode() if isinstance(text, str) else text)
    except ValueError as error:
        return (str(error),)
    return verify(bed.reader, fleet, envelope, key.made, Inline(), lambda _: None)[1]


@pytest.mark.parametrize("kind", ["promotion", "summary"])
@pytest.mark.parametrize("which", [0, 1])
def test_a_statement_on_what_is_live_holds(
    scene: tuple[Bed, Manifests], keys: tuple[PrivateKey, PrivateKey], kind: Kind, which: int
) -> None:
    bed, fleet = scene
    text = attested(bed, fleet, keys[which], kind)
    assert faults(bed, fleet, text, keys[which].public) == ()
    assert faults(bed, fleet, text, keys[1 - which].public) == ("no signature of it was made with this key",)
    body = json.loads(base64.b64decode(json.loads(text)["payload"]))
    names = [row["name"] for row in body["subject"]]
    assert names == sorted(names)
    assert len(names) == 4  # two objects, one image, the version itself


def test_what_changed_since_is_noticed(bed: Bed, tmp_path: Path, keys: tuple[PrivateKey, PrivateKey]) -> None:
    bed, fleet = promoted(bed, tmp_path)
    text = attested(bed, fleet, keys[0])
    beds.update(bed, ModelApprovalStatus="Rejected")
    assert faults(bed, fleet, text, keys[0].public) == ("the version is Rejected now",)
    beds.update(bed, ModelApprovalStatus="Approved")
    key = next(name for name in bed.world.buckets[STORE].objects if name.endswith("model.tar.gz"))
    bed.client(HUB, "s3").call("PutObject", Bucket=STORE, Key=key, Body=b"other")
    assert "is not what was recorded" in faults(bed, fleet, text, keys[0].public)[0]


def test_a_kms_key_signs_as_a_local_one(keys: tuple[PrivateKey, PrivateKey]) -> None:
    own = ec.generate_private_key(ec.SECP256R1())
    public = PublicKey.of_der(own.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    assert public.id.startswith("sha256:")
    assert not public.made(keys[0].sign(b"words"), b"words")
    assert keys[0].public.made(keys[0].sign(b"words"), b"words")


def subject(change: Callable[[list[Json]], Any]) -> Callable[[Json], Any]:
    return lambda body: change(body["subject"])


# What a key's owner signed by mistake, or an attacker swapped and could have signed: (what it says, change of the body)
STATEMENTS: list[tuple[str, Callable[[Json], Any]]] = [
    ("is not a statement", lambda body: body.update(_type="https://in-toto.io/Statement/v0.1")),
    ("is not a statement", lambda body: body.pop("_type")),
    ("none of ours", lambda body: body.update(predicateType="https://slsa.dev/provenance/v1")),
    ("none of ours", lambda body: body.pop("predicateType")),
    ("predicate is missing", lambda body: body.update(predicate=None)),
    ("no subject", lambda body: body.update(subject=[])),
    ("no subject", lambda body: body.update(subject={"name": "x"})),
    ("names a subject twice", subject(lambda rows: rows.append(rows[0]))),
    ("no name", subject(lambda rows: rows[0].pop("name"))),
    ("other digest", subject(lambda rows: rows[0].update(digest={"md5": "0" * 32}))),
    ("another digest", subject(lambda rows: rows[0]["digest"].update(sha512="0" * 128))),
    ("is not one", subject(lambda rows: rows[0]["digest"].update(sha256="0" * 63))),
    ("is not one", subject(lambda rows: rows[0]["digest"].update(sha256="A" * 64))),
    ("is not one", subject(lambda rows: rows[0]["digest"].update(sha256=7))),
    ("and 000", subject(lambda rows: rows[0]["digest"].update(sha256="0" * 64))),
    ("and 000", subject(lambda rows: rows[-1]["digest"].update(sha256="0" * 64))),
    ("does not vouch for", subject(lambda rows: rows.pop(0))),
    ("no part of the version", subject(lambda rows: rows.append({"name": "s3://x/y", "digest": {"sha256": "0" * 64}}))),
    (
        "has sha256",
        subject(lambda rows: rows[-1].update(digest=rows[-2]["digest"])),
    ),
    ("does not say of which version", lambda body: body["predicate"].update(version=None)),
    ("no version of a hub", lambda body: body["predicate"].update(version=ARN[:-1] + "9")),
    ("nothing that can be traced", lambda body: body["predicate"].update(version="churn")),
    ("its source is not", lambda body: body["predicate"].update(source=ARN)),
    ("its promotion is not", lambda body: body["predicate"].update(promotion="x")),
    ("its release is not", lambda body: body["predicate"].update(release="v1:sha256:" + "0" * 64)),
    ("its lineage is not", lambda body: body["predicate"].update(lineage=None)),
    ("its objects is not", lambda body: body["predicate"]["objects"].reverse()),
    ("its objects is not", lambda body: body["predicate"]["objects"][0].update(versionId="other")),
]


@pytest.mark.parametrize(("said", "change"), STATEMENTS, ids=[f"{i}-{row[0]}" for i, row in enumerate(STATEMENTS)])
def test_a_signed_statement_that_is_not_so_is_refused(
    scene: tuple[Bed, Manifests],
    keys: tuple[PrivateKey, PrivateKey],
    said: str,
    change: Callable[[Json], Any],
) -> None:
    bed, fleet = scene
    body = json.loads(base64.b64decode(json.loads(attested(bed, fleet, keys[0]))["payload"]))
    change(body)
    payload = json.dumps(body).encode()
    text = enveloped(payload, "k", keys[0].sign(encoded(payload)))
    found = faults(bed, fleet, text, keys[0].public)
    assert found
    assert said in " ".join(found)


SUMMARIES: list[tuple[str, Callable[[Json], Any]]] = [
    ("not PASSED", lambda body: body["predicate"].update(verificationResult="FAILED")),
    ("another verifier", lambda body: body["predicate"].update(verifier={"id": "https://example.com"})),
    ("no version of a hub", lambda body: body["predicate"].update(resourceUri=ARN[:-1] + "9")),
]


@pytest.mark.parametrize(("said", "change"), SUMMARIES)
def test_a_signed_summary_that_is_not_so_is_refused(
    scene: tuple[Bed, Manifests], keys: tuple[PrivateKey, PrivateKey], said: str, change: Callable[[Json], Any]
) -> None:
    bed, fleet = scene
    body = json.loads(base64.b64decode(json.loads(attested(bed, fleet, keys[0], "summary"))["payload"]))
    change(body)
    payload = json.dumps(body).encode()
    found = faults(bed, fleet, enveloped(payload, "k", keys[0].sign(encoded(payload))), keys[0].public)
    assert said in " ".join(found)


def altered(name: str, value: Any) -> Callable[[Json], Any]:
    return lambda envelope: {**envelope, name: value}


ENVELOPES: list[tuple[str, Callable[[Json], Any]]] = [
    ("not a DSSE envelope", lambda envelope: []),
    ("not a DSSE envelope", altered("extra", 1)),
    ("not a DSSE envelope", lambda envelope: {"payload": envelope["payload"]}),
    ("its payloadType is", altered("payloadType", "text/plain")),
    ("no signature", altered("signatures", [])),
    ("no signature", altered("signatures", None)),
    ("more than 8", lambda envelope: {**envelope, "signatures": envelope["signatures"] * 9}),
    ("not a signature", altered("signatures", ["x"])),
    ("not base64", altered("signatures", [{"keyid": "k", "sig": "???"}])),
    ("is missing", altered("signatures", [{"keyid": "k"}])),
    ("is missing", altered("payload", "")),
    ("not base64", altered("payload", "not base64!")),
    ("no signature of it", altered("payload", base64.b64encode(b"{}").decode())),
    ("no signature of it", altered("signatures", [{"keyid": "k", "sig": base64.b64encode(b"0" * 70).decode()}])),
]


@pytest.mark.parametrize(("said", "change"), ENVELOPES, ids=[f"{i}-{row[0]}" for i, row in enumerate(ENVELOPES)])
def test_an_envelope_that_is_none_is_refused(
    scene: tuple[Bed, Manifests], keys: tuple[PrivateKey, PrivateKey], said: str, change: Callable[[Json], Any]
) -> None:
    bed, fleet = scene
    envelope = json.loads(attested(bed, fleet, keys[0]))
    assert envelope["payloadType"] == PAYLOAD_TYPE
    changed = json.dumps(change(copy.deepcopy(envelope)))
    found = faults(bed, fleet, changed, keys[0].public)
    assert len(found) == 1
    assert said in found[0]


@pytest.mark.parametrize(
    ("said", "data"),
    [
        ("not JSON", b"{"),
        ("not UTF-8", b"\xff\xfe"),
        ("nested too deeply", b"[" * 200_000),
        ("a member twice", b'{"payload":"a","payload":"b"}'),
        ("NaN", b'{"payload":NaN}'),
        ("more than", b" " * (8 << 20) + b"  "),
    ],
)
def test_a_file_that_is_no_envelope_is_refused(said: str, data: bytes) -> None:
    with pytest.raises(ValueError, match=said):
        open_envelope(data)


def test_keys_that_are_none_of_ours_are_refused(tmp_path: Path) -> None:
    for name, key in (("p384", ec.generate_private_key(ec.SECP384R1())),):
        with pytest.raises(UsageError, match="only P-256 and Ed25519"):
            PrivateKey(written(tmp_path, key, name))
    (tmp_path / "words").write_text("not a key")
    for read in (PrivateKey, PublicKey.of_file):
        with pytest.raises(UsageError, match="in PEM"):
            read(tmp_path / "words")
        with pytest.raises(UsageError, match="cannot be read"):
            read(tmp_path / "missing")
