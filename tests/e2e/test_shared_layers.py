from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller.aws.registries import EcrRegistries
from tests import bed as beds


def test_an_image_that_shares_its_layers_with_another_team_s_moves_little(
    bed: beds.Bed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the hub's other repositories hold is handed to the copier: one image each, and no signature for one."""
    given: list[Any] = []
    copy = EcrRegistries.copy

    def noted(self: EcrRegistries, *arguments: Any) -> Any:
        given.append((arguments[4], arguments[6]))
        return copy(self, *arguments)

    monkeypatch.setattr(EcrRegistries, "copy", noted)
    beds.simple(bed)
    bed.reconcile(beds.manifests(tmp_path / "one", beds.promotion()))
    first = f"models/{beds.CHURN}/churn/serve"
    tag, digest = next(iter(bed.world.registry_of(beds.HUB, beds.REGION).repositories[first].tags.items()))
    assert given == [([], {})]
    beds.push(bed, beds.HUB, first, f"sha256-{digest[7:]}.sig", "a signature")
    beds.push(bed, beds.CHURN, "churn/other", "1", "serve one")  # the same image in another repository
    beds.push(bed, beds.CHURN, "churn/third", "1", "another")
    spec = beds.inference(
        beds.container(beds.CHURN, "churn/other:1", "s3://churn-lab-models/v1/model.tar.gz"),
        beds.container(beds.CHURN, "churn/third:1", "s3://churn-lab-models/v1/model.tar.gz"),
    )
    beds.register(bed, beds.CHURN, "churn-experiments", InferenceSpecification=spec)
    report = bed.reconcile(beds.manifests(tmp_path / "two", beds.promotion(), beds.promotion("churn-2", version=2)))
    assert tag.startswith("hw-")
    assert sorted(given[1:]) == [([], {first: digest}), ([first], {})]
    assert beds.standing(report, "churn-2") == "converged"


def test_a_tag_of_ours_that_names_another_image_stays_and_it_is_said_what_to_do(bed: beds.Bed, tmp_path: Path) -> None:
    beds.simple(bed)
    wished = beds.manifests(tmp_path, beds.promotion())
    keys = [action.key.name for action in bed.plan(wished).plan.actions if action.key.kind == "image"]
    repository, _, tag = keys[0].rpartition(":")
    other = beds.push(bed, beds.HUB, repository, tag, "somebody else's")
    report = bed.reconcile(wished)
    assert beds.standing(report) == "conflict"
    what = "something that is not ours stands in its place; find out whose it is, as nothing of others is replaced"
    assert beds.why(report) == (f"image {keys[0]}: {what}",)
    assert bed.world.registry_of(beds.HUB, beds.REGION).repositories[repository].tags == {tag: other}
