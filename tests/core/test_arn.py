"""Names that AWS gives, and those that only look like them."""

from __future__ import annotations

import pytest

from controller.core.arn import parse_version, registry_host, registry_place

PACKAGE = "arn:aws:sagemaker:eu-west-1:222222222222:model-package/churn/"


@pytest.mark.parametrize(
    ("host", "place"),
    [
        ("222222222222.dkr.ecr.eu-west-1.amazonaws.com", ("222222222222", "eu-west-1")),
        ("222222222222.dkr.ecr-fips.us-east-1.amazonaws.com", ("222222222222", "us-east-1")),
        ("222222222222.dkr-ecr.eu-west-1.on.aws", ("222222222222", "eu-west-1")),
        ("222222222222.dkr.ecr.cn-north-1.amazonaws.com.cn", ("222222222222", "cn-north-1")),
        ("222222222222.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn", ("222222222222", "cn-north-1")),
        ("222222222222.dkr.ecr.eusc-de-east-1.amazonaws.eu", ("222222222222", "eusc-de-east-1")),
        ("222222222222.dkr.ecr.us-iso-east-1.c2s.ic.gov", ("222222222222", "us-iso-east-1")),
        ("222222222222.dkr.ecr.eu-west-1.evil.example", None),
        ("222222222222.dkr.ecr.eu-west-1.amazonaws.com.evil.example", None),
        ("222222222222.dkr.ecr.eu-west-1.amazonaws.com.cn", None),
        ("222222222222.dkr.ecr.cn-north-1.amazonaws.com", None),
        ("222222222222.dkr.ecr.eu-west-1.evil.on.aws", None),
        ("22222222222.dkr.ecr.eu-west-1.amazonaws.com", None),
        ("222222222222.dkr.ecr.eu-west-1.amazonaws.com\n", None),
        ("registry.example.com", None),
        ("", None),
    ],
)
def test_only_hosts_below_awss_own_domains_are_registries_of_an_account(
    host: str, place: tuple[str, str] | None
) -> None:
    assert registry_place(host) == place


@pytest.mark.parametrize("region", ["eu-west-1", "cn-north-1", "us-gov-west-1", "eusc-de-east-1", "eu-isoe-west-1"])
def test_what_a_registry_is_called_is_understood(region: str) -> None:
    assert registry_place(registry_host("222222222222", region)) == ("222222222222", region)


@pytest.mark.parametrize("number", ["1", "9" * 18])
def test_a_version_is_read(number: str) -> None:
    found = parse_version(PACKAGE + number)
    assert (found.number if found else 0) == int(number)


@pytest.mark.parametrize("number", ["", "-1", "1.0", "\u0661", "9" * 19, "9" * 5000, "1\n"])
def test_what_no_version_is_numbered_is_none(number: str) -> None:
    assert parse_version(PACKAGE + number) is None
