"""What copies take and cost, about."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.core.estimate import Estimate, estimate
from controller.render.words import duration, money
from tests.render import reports


def test_within_a_region_only_requests_cost() -> None:
    found = estimate(reports.making("churn-4"))
    assert found is not None
    # 12,000,345 bytes by S3 in two requests, 5.2 GB of images through this machine.
    assert (round(found.seconds, 3), found.usd, found.abroad) == (52.024, 0.00001, 0)


def test_between_regions_bytes_cost() -> None:
    repository, image, artifact, package = reports.making("churn-4")
    source = "arn:aws:sagemaker:us-east-1:222222222222:model-package/churn/4"
    release = {**artifact.facts["release"], "source": source}
    far = replace(artifact, facts={**artifact.facts, "release": release})
    there = "222222222222.dkr.ecr.us-east-1.amazonaws.com/churn/serve"
    away = replace(image, facts={**image.facts, "source": there})
    found = estimate((repository, away, far, package))
    assert found is not None
    assert found.abroad == 5_212_000_345
    assert found.usd == pytest.approx(5.212000345 * 0.02 + 0.00001)


def test_large_objects_are_copied_in_parts() -> None:
    artifact = reports.making("churn-4")[2]
    release = {"objects": [["s3://lab/model.tar.gz", 10 << 30, "e1", "v1"]]}
    large = replace(artifact, facts={**artifact.facts, "release": release, "copy": "relay"})
    assert estimate((large,)) == Estimate((10 << 30) / 100_000_000, 161 / 1000 * 0.005, 0)


def test_nothing_to_copy_has_no_estimate() -> None:
    assert estimate((reports.approve("churn-5", 5),)) is None


def test_words() -> None:
    assert [duration(x) for x in (0.2, 48.4, 89.9, 90, 754, 12_600)] == [
        *("1 s", "48 s", "90 s", "2 min", "13 min", "3.5 h")
    ]
    assert [money(x) for x in (0, 0.0099, 0.01, 1.2, 1234.5)] == [
        *("less than 0.01 USD", "less than 0.01 USD", "0.01 USD", "1.20 USD", "1,234.50 USD")
    ]
