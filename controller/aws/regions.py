"""The regions that there are, by botocore's own data."""

from __future__ import annotations

from botocore.session import Session


def regions() -> frozenset[str]:
    """Of all partitions, those where SageMaker is; nothing is asked of AWS."""
    session = Session()
    every = session.get_available_partitions()
    return frozenset(name for part in every for name in session.get_available_regions("sagemaker", part))
