"""The error tree. An error says what was being done, on what, what was answered and what to do.

HubwrightError
├── UsageError            the command line or its input is wrong (exit 64)
├── SourceError           Git or the manifests folder cannot be read (exit 1)
├── AccountError          a session is not of the account it was opened for (exit 1)
├── CloudError            AWS refused or failed one call
├── RegistryError         an image registry refused or failed
├── PreconditionError     the world moved between plan and apply; nothing was written
├── WaitingError          not finished yet on AWS's side; a later run goes on
├── HeldError             somebody's lease covers this work (exit 7)
└── SafetyError           a program fault: a forbidden call was attempted
"""

from __future__ import annotations


class HubwrightError(Exception):
    """Base of all errors a person may see.

    `hint` is what the person can do next, or empty.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def told(error: HubwrightError) -> str:
    """An error with its hint, where there is room for one text only."""
    return f"{error} ({error.hint})" if error.hint else str(error)


class UsageError(HubwrightError):
    """The command line, or something it names, is wrong."""


class SourceError(HubwrightError):
    """The repository, the revision or the manifests folder cannot be read."""


class AccountError(HubwrightError):
    """A session does not belong to the account it was opened for."""


_NOT_DENIED = frozenset(  # also said with 403
    {
        "InvalidAccessKeyId",
        "InvalidObjectState",
        "InvalidSignatureException",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
    }
)


class CloudError(HubwrightError):
    """AWS refused or failed one call.

    `code` is AWS's error code (`ValidationException`), `status` the HTTP status (0 when no answer came),
    `operation` its name (`sagemaker:DescribeModelPackage`), `said` AWS's own message.
    """

    def __init__(
        self, operation: str, code: str, said: str, *, status: int = 0, where: str = "", hint: str = ""
    ) -> None:
        place = f" in {where}" if where else ""
        super().__init__(f"{operation}{place} failed: {code}: {said}", hint)
        self.operation = operation
        self.code = code
        self.said = said
        self.status = status
        self.where = where

    @property
    def denied(self) -> bool:
        """Whether the caller lacks a permission."""
        return (
            (self.status == 403 and self.code not in _NOT_DENIED)
            or "AccessDenied" in self.code
            or self.code in {"403", "Forbidden", "UnauthorizedOperation"}
        )

    @property
    def missing(self) -> bool:
        """Whether the named thing does not exist."""
        if self.code in {
            "NoSuchKey",
            "NoSuchBucket",
            "NoSuchVersion",
            "404",
            "NotFound",
            "ResourceNotFound",
            "ResourceNotFoundException",
            "RepositoryNotFoundException",
            "ImageNotFoundException",
            "NoSuchUpload",
        }:
            return True
        return self.code == "ValidationException" and (
            "does not exist" in self.said or "not found" in self.said.lower()
        )


class RegistryError(HubwrightError):
    """An image registry refused or failed one request; `status` is HTTP's, 0 when no answer came.

    `digests` are those that the registry named in its answer.
    """

    def __init__(
        self, message: str, *, status: int = 0, code: str = "", hint: str = "", digests: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message, hint)
        self.status = status
        self.code = code
        self.digests = digests


class PreconditionError(HubwrightError):
    """What an action relies on no longer holds; nothing was written by it."""


class WaitingError(HubwrightError):
    """AWS has not finished; no fault, a later run goes on from here."""


class HeldError(HubwrightError):
    """A lease held by another run covers this work."""


class SafetyError(HubwrightError):
    """The program tried something its caller forbade, such as a write while planning."""
