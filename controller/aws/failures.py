"""What botocore raises, said as a `CloudError`: what was done, where, what was answered, what to do, and no secret."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from controller.core.errors import CloudError
from controller.core.model import Target

_LONGEST = 1500
# Written as a header, a parameter, an assignment or a member of JSON, the value in quotes or not.
_SECRETS = re.compile(
    # Nothing before a word that gives a secret away: what came before it would be looked at from each of its letters.
    r"(?i)(x-amz-credential|authorization|signature|password|secret\w{0,64}|token)"
    r"([\"']?\s*[=:]\s*)(?:(?:basic|bearer|aws4-[a-z0-9-]+)\s+)?(?:\"[^\"]*\"?|'[^']*'?|\S+)"
    r"|(?<=://)[^/\s@]+(?=@)|\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b",
)
# SageMaker's validation repeats the values it refuses: whole environments and metadata maps.
_VALUE, _AT = "Value '", "' at '"
_SHOWN = 200
_SIGNATURE = frozenset({"SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature"})
_SKEW = frozenset({"RequestTimeTooSkewed", "RequestExpired", "SignatureDoesNotMatch", "InvalidSignatureException"})
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"})
_CREDENTIALS = frozenset(
    {
        "CredentialRetrievalError",
        "MissingDependencyException",
        "NoCredentialsError",
        "PartialCredentialsError",
        "ProfileNotFound",
        "SSOError",
        "SSOTokenLoadError",
        "TokenRetrievalError",
        "UnauthorizedSSOTokenError",
    },
)
_SKEW_SECONDS = 240


def redacted(text: str) -> str:
    """`text` on one line, at most 1,500 characters, without access keys, tokens and signatures."""
    line = " ".join(text.split())
    line = _SECRETS.sub(lambda found: f"{found[1]}{found[2]}[hidden]" if found[1] else "[hidden]", line)
    return line if len(line) <= _LONGEST else line[:_LONGEST] + "…"


def cloud_error(error: Exception, operation: str, target: Target) -> CloudError:
    """The error of `operation` (`sagemaker:DescribeModelPackage`); a failed AssumeRole below it is named so."""
    if isinstance(error, ClientError):
        return _answered(error, operation, target)
    code = type(error).__name__
    return CloudError(operation, code, redacted(str(error)), where=str(target), hint=_unanswered_hint(error, code))


def _answered(error: ClientError, operation: str, target: Target) -> CloudError:
    answer: Mapping[str, Any] = error.response
    said = answer.get("Error", {})
    meta = answer.get("ResponseMetadata", {})
    code = str(said.get("Code") or "Unknown")
    status = int(meta.get("HTTPStatusCode") or 0)
    if error.operation_name == "AssumeRole":
        operation = "sts:AssumeRole"
    message = str(said.get("Message") or "no message")
    if code in _SIGNATURE and "expired" not in message.lower():
        message = "the request signature was not accepted"  # AWS's own text repeats the signed headers
    message = _without_values(message)
    hint = _skew_hint(code, meta) or _hint(operation, code, status)
    return CloudError(operation, code, redacted(message), status=status, where=str(target), hint=hint)


def _without_values(message: str) -> str:
    """A validation message without the values in it that are long or may hold secrets; each is looked at once."""
    shown, at = [], 0
    while (start := message.find(_VALUE, at)) >= 0:
        end = message.find(_AT, start + len(_VALUE))
        close = message.find("'", end + len(_AT)) if end >= 0 else -1
        if close < 0:
            break
        value, where = message[start + len(_VALUE) : end], message[end + len(_AT) : close]
        plain = len(value) <= _SHOWN and "environment" not in where.lower() and "{" not in value
        shown += [message[at:start], message[start : close + 1] if plain else f"Value [hidden] at '{where}'"]
        at = close + 1
    return "".join(shown) + message[at:]


def _skew_hint(code: str, meta: Mapping[str, Any]) -> str:
    stamp = str(meta.get("HTTPHeaders", {}).get("date", ""))
    if code not in _SKEW or not stamp:
        return ""
    try:
        behind = (parsedate_to_datetime(stamp) - datetime.now(UTC)).total_seconds()
    except (TypeError, ValueError):
        return ""
    if abs(behind) < _SKEW_SECONDS:
        return ""
    return f"this machine's clock is {abs(behind):.0f} s {'behind' if behind > 0 else 'ahead of'} AWS's: set it"


def _hint(operation: str, code: str, status: int) -> str:
    if code == "RequestTimeTooSkewed":
        return "this machine's clock is too far from AWS's: set it"
    if code in _EXPIRED:
        return "the credentials have expired: sign in again, or let a role session refresh them"
    if code in {"InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId"} | _SIGNATURE:
        return "check which credentials are in the environment: AWS does not know them, or the secret key is wrong"
    if code == "InvalidObjectState":
        return "the object is archived (S3 Glacier): its owner must restore it first, then run this again"
    denied = status == 403 or "AccessDenied" in code
    if denied and operation == "sts:AssumeRole":
        return (
            "check the account and the role's name: the role must exist there, trust the caller, and expect the same "
            "external id; the caller needs sts:AssumeRole"
        )
    if denied:
        return f"the role lacks {operation}, or the owner's policy or the account's owner check refuses it"
    if "Throttl" in code or code in {"SlowDown", "TooManyRequestsException"}:
        return "AWS is throttling this account: run again later, or with fewer --workers"
    return ""


def _unanswered_hint(error: Exception, code: str) -> str:
    if code in _CREDENTIALS:
        return "no usable AWS credentials: sign in, or export a profile, keys or a web identity for the controller"
    if code == "ParamValidationError":
        return "the parameters are not what the operation takes: nothing was sent"
    if isinstance(error, BotoCoreError):
        return "no answer came: check the network, the region and AWS_ENDPOINT_URL; whether it took effect is not known"
    return ""
