"""Signatures by a key in a file, and their checks. The only place that knows `cryptography` (extra `attest`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from controller.core.canonical import sha256
from controller.core.errors import UsageError

_KEYS = "make one: openssl ecparam -name prime256v1 -genkey -noout -out key.pem"
_PUBLIC = "write it: openssl pkey -in key.pem -pubout -out key.pub"


class PrivateKey:
    """A P-256 or Ed25519 key from a PEM file; `UsageError` for anything else."""

    def __init__(self, path: Path) -> None:
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            self._key: Any = load_pem_private_key(_read(path), password=None)
        except (ValueError, TypeError) as error:
            raise UsageError(f"{path} is not a private key in PEM without a password", _KEYS) from error
        self.public = PublicKey(self._key.public_key())

    def sign(self, data: bytes) -> bytes:
        """ECDSA with SHA-256 in DER, or Ed25519."""
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.hashes import SHA256

        if isinstance(self._key, ec.EllipticCurvePrivateKey):
            return self._key.sign(data, ec.ECDSA(SHA256()))
        signature: bytes = self._key.sign(data)
        return signature


class PublicKey:
    """A P-256 or Ed25519 public key."""

    def __init__(self, key: Any) -> None:
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        good = isinstance(key, ed25519.Ed25519PublicKey) or (
            isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
        )
        if not good:
            raise UsageError("only P-256 and Ed25519 keys are used", _KEYS)
        self._key = key
        self.id = "sha256:" + sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))

    @classmethod
    def of_file(cls, path: Path) -> PublicKey:
        """From PEM; `UsageError` when it is none."""
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        try:
            return cls(load_pem_public_key(_read(path)))
        except ValueError as error:
            raise UsageError(f"{path} is not a public key in PEM", _PUBLIC) from error

    @classmethod
    def of_der(cls, data: bytes) -> PublicKey:
        """From DER, as KMS gives it."""
        from cryptography.hazmat.primitives.serialization import load_der_public_key

        return cls(load_der_public_key(data))

    def made(self, signature: bytes, data: bytes) -> bool:
        """Whether this key signed these bytes."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.hashes import SHA256

        try:
            if isinstance(self._key, ec.EllipticCurvePublicKey):
                self._key.verify(signature, data, ec.ECDSA(SHA256()))
            else:
                self._key.verify(signature, data)
        except InvalidSignature:
            return False
        return True


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
