"""Amazon resource names and the names built from them. Partitions are carried, never assumed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

_PACKAGE = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):sagemaker:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):model-package/(?P<group>[A-Za-z0-9-]+)/(?P<version>[0-9]{1,18})",
    re.ASCII,
)
_REGISTRY = re.compile(
    r"(?P<account>[0-9]{12})\.dkr[.-]ecr(-fips)?\.(?P<region>[a-z0-9-]+)\.(?P<suffix>[a-z0-9.-]+)", re.ASCII
)
_DUAL_STACK = ("on.aws", "on.amazonwebservices.com.cn")
_PARTITIONS = (
    ("cn-", "aws-cn", "amazonaws.com.cn"),
    ("us-gov-", "aws-us-gov", "amazonaws.com"),
    ("us-iso-", "aws-iso", "c2s.ic.gov"),
    ("us-isob-", "aws-iso-b", "sc2s.sgov.gov"),
    ("eu-isoe-", "aws-iso-e", "cloud.adc-e.uk"),
    ("us-isof-", "aws-iso-f", "csp.hci.ic.gov"),
    ("eusc-", "aws-eusc", "amazonaws.eu"),
)


@cache
def partition_of(region: str) -> str:
    """The partition a region belongs to: `aws`, `aws-cn`, `aws-us-gov`, …"""
    return next((partition for start, partition, _ in _PARTITIONS if region.startswith(start)), "aws")


def domain_of(region: str) -> str:
    """The domain under which a region's services are."""
    return next((suffix for start, _, suffix in _PARTITIONS if region.startswith(start)), "amazonaws.com")


def service_principal(service: str) -> str:
    """A service of AWS as a principal: the same in every partition."""
    return f"{service}.amazonaws.com"


def registry_host(account: str, region: str) -> str:
    """The host name of an account's image registry in a region."""
    return f"{account}.dkr.ecr.{region}.{domain_of(region)}"


def registry_place(host: str) -> tuple[str, str] | None:
    """(account, region) of an ECR host name, or None for any other registry: below AWS's own domains alone."""
    found = _REGISTRY.fullmatch(host)
    if found is None or found["suffix"] not in (domain_of(found["region"]), *_DUAL_STACK):
        return None
    return found["account"], found["region"]


Identity = tuple[str, str, str, str, int]  # partition, region, account, group in lower case, number


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """One version of a model package group; `group` as its owner spells it."""

    account: str
    region: str
    group: str
    number: int

    @property
    def arn(self) -> str:
        return (
            f"arn:{partition_of(self.region)}:sagemaker:{self.region}:{self.account}:"
            f"model-package/{self.group}/{self.number}"
        )

    @property
    def identity(self) -> Identity:
        """What of it takes part in ids: SageMaker's spelling of group names is not reliable, so case is folded."""
        return partition_of(self.region), self.region, self.account, self.group.casefold(), self.number


def parse_version(arn: str) -> Version | None:
    """The version a model package ARN names, or None when it is not one."""
    found = _PACKAGE.fullmatch(arn)
    return Version(found["account"], found["region"], found["group"], int(found["version"])) if found else None


def group_arn(account: str, region: str, group: str) -> str:
    return f"arn:{partition_of(region)}:sagemaker:{region}:{account}:model-package-group/{group}"
