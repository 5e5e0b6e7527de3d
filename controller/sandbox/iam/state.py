"""What IAM keeps of one account."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Identity:
    """A user or a role. `inline`: policy documents by name; `attached`: ARNs of managed policies.

    `trust` is a role's; a user has none.
    """

    name: str
    path: str
    arn: str
    id: str
    created: float
    trust: str = ""
    description: str = ""
    longest: int = 3600
    inline: dict[str, str] = field(default_factory=dict)
    attached: list[str] = field(default_factory=list)
    boundary: str | None = None
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Managed:
    """A customer-managed policy with its versions, `v1` first."""

    name: str
    path: str
    arn: str
    id: str
    created: float
    description: str = ""
    versions: dict[str, tuple[str, float]] = field(default_factory=dict)
    default: str = "v1"
    last: int = 1
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The document that counts."""
        return self.versions[self.default][0]


@dataclass(slots=True)
class Provider:
    """An OpenID Connect provider: whose tokens are believed, for which audiences."""

    arn: str
    url: str
    created: float
    audiences: list[str] = field(default_factory=list)
    thumbprints: list[str] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Iam:
    """One account's identities by name, policies and providers by ARN, access keys to user names."""

    account: str
    roles: dict[str, Identity] = field(default_factory=dict)
    users: dict[str, Identity] = field(default_factory=dict)
    policies: dict[str, Managed] = field(default_factory=dict)
    providers: dict[str, Provider] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)

    def role_by_arn(self, arn: str) -> Identity | None:
        """The role of exactly this ARN, path included."""
        role = self.roles.get(arn.rsplit("/", 1)[-1])
        return role if role is not None and role.arn == arn else None
