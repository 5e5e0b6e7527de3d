"""The figures of metric reports in a plan: against the approved version's, read only for what changes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from controller import figures
from tests import bed as beds
from tests.bed import CHURN, HUB, STORE, Bed

REPORT = "s3://churn-lab-models/v2/metrics.json"


def second(bed: Bed, **quality: Any) -> None:
    """A second version in the spoke, with a report of its own."""
    beds.put(bed, CHURN, "s3://churn-lab-models/v2/model.tar.gz", beds.model("two"))
    beds.put(bed, CHURN, REPORT, json.dumps(quality).encode())
    beds.register(
        bed,
        CHURN,
        "churn-experiments",
        InferenceSpecification=beds.inference(
            beds.container(CHURN, "churn/serve:1", "s3://churn-lab-models/v2/model.tar.gz")
        ),
        ModelMetrics={"ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": REPORT}}},
    )


def two(folder: Path, **more: Any) -> Any:
    return beds.manifests(folder, beds.promotion("churn-1"), beds.promotion("churn-2", version=2), **more)


def differences(report: Any, name: str) -> list[tuple[str, str, str, str]]:
    found = report.models[name].differences
    return [(one.facet, one.before, one.after, one.by) for one in found if "Quality" in one.facet]


def test_a_new_models_figures_stand_beside_the_approved_ones(bed: Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    first = bed.plan(beds.manifests(tmp_path / "a", beds.promotion()))
    assert differences(first, "churn-1") == [
        ("ModelQuality.Statistics:auc", "", "0.9", ""),
        ("report ModelQuality.Statistics", "", "there", ""),
    ]
    bed.reconcile(beds.manifests(tmp_path / "a", beds.promotion()))
    second(bed, auc=0.934, rmse=2)
    assert differences(bed.plan(two(tmp_path / "b")), "churn-2") == [
        ("ModelQuality.Statistics:auc", "0.9", "0.934", "+0.034"),
        ("ModelQuality.Statistics:rmse", "", "2", ""),
    ]


def test_what_was_registered_is_read_in_the_hub_and_not_at_its_source(bed: Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    waiting = beds.manifests(tmp_path / "a", beds.promotion(approval="PendingManualApproval"))
    bed.reconcile(waiting)
    before = len(bed.world.calls)
    report = bed.plan(beds.manifests(tmp_path / "b", beds.promotion()))
    assert differences(report, "churn-1")[0] == ("ModelQuality.Statistics:auc", "", "0.9", "")
    assert {call.account for call in bed.world.calls[before:] if call.operation == "GetObject"} == {HUB}


def test_a_converged_plan_reads_no_report(bed: Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    manifests = beds.manifests(tmp_path, beds.promotion())
    bed.reconcile(manifests)
    before = len(bed.world.calls)
    assert bed.plan(manifests).models == {}
    assert not [call for call in bed.world.calls[before:] if call.operation == "GetObject"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\x00 no JSON", "there; it is in a document that is not JSON"),
        (b"[" + b"1," * (3 << 20) + b"1]", "there; it is in a document of more than 4 MiB"),
        (b'{"auc": 1, "auc": 2}', "there; it is in a document that says 'auc' twice"),
    ],
)
def test_a_report_that_says_nothing_is_said_and_stops_nothing(bed: Bed, tmp_path: Path, data: bytes, said: str) -> None:
    beds.simple(bed)
    beds.put(bed, CHURN, "s3://churn-lab-models/v1/metrics.json", data)
    report = bed.plan(beds.manifests(tmp_path, beds.promotion()))
    assert report.exit_code() == 0
    assert differences(report, "churn-1") == [("report ModelQuality.Statistics", "", said, "")]


def test_a_report_that_may_not_be_read_is_said_and_stops_nothing(bed: Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    bed.world.fault(operation="GetObject", account=CHURN, do="fail", status=403, code="AccessDenied", times=0)
    report = bed.plan(beds.manifests(tmp_path, beds.promotion()))
    assert report.exit_code() == 0
    ((facet, before, after, by),) = differences(report, "churn-1")
    assert (facet, before, by) == ("report ModelQuality.Statistics", "", "")
    assert after.startswith("there; it could not be read: s3:GetObject in ")
    assert "AccessDenied" in after


def test_an_approved_version_whose_report_is_gone_is_unread_and_not_without_figures(bed: Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    bed.reconcile(beds.manifests(tmp_path / "a", beds.promotion()))
    second(bed, auc=0.934)
    bed.world.fault(
        operation="GetObject", account=HUB, resource=STORE, do="fail", status=403, code="AccessDenied", times=0
    )
    found = differences(bed.plan(two(tmp_path / "b")), "churn-2")
    assert found[0] == ("ModelQuality.Statistics:auc", "unread", "0.934", "")
    assert found[1][0] == "report ModelQuality.Statistics"
    assert found[1][1].startswith("there; it could not be read: ")
    assert found[1][2] == "there"


def test_of_very_many_models_it_is_said_that_none_was_read(
    bed: Bed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beds.simple(bed)
    second(bed, auc=0.934)
    monkeypatch.setattr(figures, "MOST", 1)
    before = len(bed.world.calls)
    report = bed.plan(two(tmp_path))
    assert [call.resource for call in bed.world.calls[before:] if call.operation == "GetObject"] == [
        "churn-lab-models/v1/metrics.json"
    ]
    assert differences(report, "churn-1")[0] == ("ModelQuality.Statistics:auc", "", "0.9", "")
    assert differences(report, "churn-2") == [
        ("report ModelQuality.Statistics", "", "there; it was not read: more than 200 models change at once", "")
    ]
