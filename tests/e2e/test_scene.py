"""What a page shows beside a plan: data and training jobs of each model, and its quality over versions."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller import figures
from controller.core.scene import Origin, Scene, scene
from tests import bed as beds
from tests.bed import HUB, STORE, Bed, Inline
from tests.e2e.test_lineage import DEMO, platform
from tests.e2e.test_lineage import _planted as _planted
from tests.e2e.test_lineage import demo as demo


def staged(bed: Bed, folder: Path) -> Scene:
    manifests = beds.manifests(folder, *DEMO, platform=platform())
    thought = bed.think(manifests)
    known = figures.lineages(bed.reader, thought.subjects.values(), thought.views, Inline())
    return scene(thought.subjects, thought.views, (), known)


def test_a_models_data_and_training_job_are_in_its_picture(demo: Bed, tmp_path: Path) -> None:
    assert staged(demo, tmp_path).origins == {}  # nothing is registered yet
    demo.reconcile(beds.manifests(tmp_path, *DEMO, platform=platform()))
    found = staged(demo, tmp_path)
    assert found.origins["churn-1"].data == ("s3://churn-lab-models/churn-experiments/1/train/data.csv",)
    job, commit = found.origins["churn-1"].makers
    assert (job, commit[:7], len(commit)) == ("churn-experiments-1", "commit ", 19)
    quality = {one.metric: one.points for one in found.series if one.group == "churn"}
    assert quality["ModelQuality.Statistics:binary_classification_metrics.auc.value"] == (
        (1, 0.7617, "Approved"),
        (2, 0.8523, "Approved"),
    )


def test_what_cannot_be_read_is_said_and_what_is_beyond_the_bound_is_told_by_the_version(
    demo: Bed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo.reconcile(beds.manifests(tmp_path, *DEMO, platform=platform()))
    monkeypatch.setattr(figures, "LINEAGES", 1)
    before = len(demo.world.calls)
    origins = staged(demo, tmp_path).origins
    assert len([call for call in demo.world.calls[before:] if call.operation == "GetObject"]) == 1
    told = [name for name, origin in origins.items() if origin.data]
    assert told == ["churn-2"]  # the newest that is Approved
    assert origins["churn-1"].makers[0].startswith("pipeline/train/execution/")
    monkeypatch.undo()
    demo.world.fault(
        operation="GetObject", account=HUB, resource=STORE, do="fail", status=403, code="AccessDenied", times=0
    )
    assert set(staged(demo, tmp_path).origins.values()) == {Origin(("not read",), ("not read",))}
