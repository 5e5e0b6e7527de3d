"""Keys that sign: ECC_NIST_P256 with ECDSA_SHA_256, over a digest that the caller made."""

from __future__ import annotations

import base64
from typing import Any

from controller.sandbox.kms.state import Key
from controller.sandbox.wire import ServiceError

SPEC, ALGORITHM = "ECC_NIST_P256", "ECDSA_SHA_256"


def fresh() -> bytes:
    """A new private key, as DER: plain bytes, so that worlds can be copied."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def _private(key: Key) -> Any:
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    if not key.private:
        raise ServiceError("InvalidKeyUsageException", f"{key.arn} is a key of ENCRYPT_DECRYPT usage")
    return load_der_private_key(key.private, password=None)


def signature(key: Key, document: dict[str, Any]) -> dict[str, Any]:
    """Signs a digest; InvalidKeyUsageException for keys that encrypt, ValidationException for other ways to sign."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
    from cryptography.hazmat.primitives.hashes import SHA256

    message = base64.b64decode(document["Message"])
    if document.get("MessageType") != "DIGEST" or document["SigningAlgorithm"] != ALGORITHM or len(message) != 32:
        raise ServiceError("ValidationException", f"The sandbox signs digests of 32 bytes with {ALGORITHM} only")
    made = _private(key).sign(message, ec.ECDSA(Prehashed(SHA256())))
    return {"KeyId": key.arn, "Signature": base64.b64encode(made).decode(), "SigningAlgorithm": ALGORITHM}


def public(key: Key) -> dict[str, Any]:
    """The public half, as DER."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    data = _private(key).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return {
        "KeyId": key.arn,
        "PublicKey": base64.b64encode(data).decode(),
        "KeySpec": SPEC,
        "KeyUsage": "SIGN_VERIFY",
        "SigningAlgorithms": [ALGORITHM],
    }
