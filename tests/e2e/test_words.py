"""Words that others wrote, in manifests and in AWS, wherever they are free to write: none becomes more than words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from controller.core.errors import CloudError
from tests import bed as beds
from tests.bed import CHURN, Bed
from tests.render.inert import FORMS, assert_inert
from tests.render.test_escape import BLNS, WORDS

CANARY = "c4n4ryc4n4ryc4n4ry"
SIGNED = f"https://b.s3.amazonaws.com/k?X-Amz-Expires=60&X-Amz-Signature={CANARY}"
SECRET = f"see {SIGNED} with password={CANARY} as https://ada:{CANARY}@git.example.com/x.git"


def sources(bed: Bed, words: Sequence[str]) -> None:
    """Versions 1 to n of a spoke's group, with the words wherever SageMaker lets them stand."""
    beds.bucket(bed, CHURN, "churn-lab-models")
    beds.put(bed, CHURN, "s3://churn-lab-models/model.tar.gz", beds.model("one"))
    beds.push(bed, CHURN, "churn/serve", "1", "serve one")
    beds.group(bed, CHURN, "churn-experiments")
    environment = {"PASSWORD": f"canary-environment {CANARY}"}
    container = beds.container(CHURN, "churn/serve:1", "s3://churn-lab-models/model.tar.gz", Environment=environment)
    for word in words:
        body = {"InferenceSpecification": beds.inference(container)}
        free: dict[str, Any] = {
            "ModelPackageDescription": word[:1024],
            "MetadataProperties": {"GeneratedBy": word[:1024], "Repository": word[:1024]},
            "CustomerMetadataProperties": {"notes": word[:256]},
            "ApprovalDescription": word[:1024],
        }
        for name, value in free.items():
            try:
                beds.register(bed, CHURN, "trials", **body, **{name: value})
            except CloudError:
                continue
            body[name] = value
        beds.register(bed, CHURN, "churn-experiments", **body)


def asked(words: Sequence[str]) -> list[dict[str, Any]]:
    """A promotion of each version and a group for it, with the words wherever a manifest lets them stand."""
    found = [{"kind": "ModelGroup", "metadata": {"name": f"part{index}"}, "spec": {}} for index in range(7)]
    for number, word in enumerate(words, 1):
        for index, spec in enumerate(({"description": word}, {"tags": {"w": word}})):
            found.append({"kind": "ModelGroup", "metadata": {"name": f"g{number}-{index}"}, "spec": spec})
        environment = {"set": {"LEVEL": f"{CANARY} {word}"}, "drop": [word]}
        more: dict[str, Any] = {
            "reason": word,
            "stage": {"name": word, "status": word, "description": word},
            "metadata": {"w": word},
            "inference": {"contentTypes": [word], "environment": environment},
            "overrules": word,
        }
        # Each field in a promotion of its own as well: one that the schema refuses takes the whole document with it.
        for index, part in enumerate([more, {}, *({name: value} for name, value in more.items())]):
            found.append(beds.promotion(f"p{number}-{index}", version=number, to=f"part{index}", **part))
    waiver = {"of": words[0], "for": [*words], "until": words[0], "reason": words[0]}
    return [*found, {"kind": "Waiver", "metadata": {"name": "w"}, "spec": waiver}]


def assert_words_stay_words(bed: Bed, folder: Path, words: Sequence[str]) -> None:
    beds.group(bed, CHURN, "trials")
    sources(bed, words)
    fleet = beds.manifests(folder, *asked(words))
    planned = bed.plan(fleet)
    assert len(planned.models) >= len(words)
    done = bed.reconcile(fleet)
    for report in (planned, done):
        assert_inert(report)
        for form in FORMS.values():
            shown = form(report)
            assert CANARY not in shown
            assert "canary-environment" not in shown


def test_words_of_others_stay_words(bed: Bed, tmp_path: Path) -> None:
    assert_words_stay_words(
        bed, tmp_path, [SECRET, *(word for word in WORDS if len(word) < 200 and "\ud800" not in word)]
    )


@pytest.mark.corpus
@pytest.mark.skipif(not BLNS.is_file(), reason="the list of naughty strings is not beside the checkout")
@pytest.mark.slow
@pytest.mark.parametrize("part", range(5))
def test_naughty_words_of_others_stay_words(bed: Bed, tmp_path: Path, part: int) -> None:
    assert_words_stay_words(bed, tmp_path, json.loads(BLNS.read_text())[part::5])
