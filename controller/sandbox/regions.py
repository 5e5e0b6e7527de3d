"""Partitions of AWS, as far as names need them."""

from __future__ import annotations


def partition(region: str) -> str:
    """The partition of a region."""
    for prefix, name in (("cn-", "aws-cn"), ("us-gov-", "aws-us-gov"), ("eusc-", "aws-eusc")):
        if region.startswith(prefix):
            return name
    return "aws"
