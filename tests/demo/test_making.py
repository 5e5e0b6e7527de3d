"""The parts that the demo's models and images are made of."""

from __future__ import annotations

import io
import json
import os
import random
import tarfile
from itertools import product

import pytest

from controller.core.errors import PreconditionError
from controller.sandbox.demo import images, models, pack
from controller.sandbox.demo.accounts import detached, enter
from controller.sandbox.demo.endpoint import invoke
from controller.sandbox.demo.learn import auc, confusion, logistic, scaling
from controller.sandbox.demo.serving import logistic as scoring
from controller.sandbox.world import World


def test_auc_is_the_chance_of_the_right_order() -> None:
    dice = random.Random(4)
    scores = [round(dice.random(), 1) for _ in range(60)]
    labels = [dice.randrange(2) for _ in scores]
    pairs = [
        (high > low) + (high == low) / 2
        for (high, positive), (low, negative) in product(zip(scores, labels, strict=True), repeat=2)
        if positive and not negative
    ]
    assert auc(scores, labels) == pytest.approx(sum(pairs) / len(pairs))
    assert auc([0.1, 0.9], [0, 1]) == 1
    assert confusion([1, 0, 1], [1, 1, 0]) == {"0": {"0": 0, "1": 1}, "1": {"0": 1, "1": 1}}


def test_logistic_regression_finds_a_line() -> None:
    dice = random.Random(5)
    rows = [[dice.uniform(-1, 1), dice.uniform(100, 200)] for _ in range(200)]
    labels = [int(row[0] + (row[1] - 150) / 100 > 0) for row in rows]
    scores = scoring.predict_fn(rows, logistic(rows, labels, ["a", "b"]))
    assert auc(scores, labels) > 0.99
    assert scaling([[1, 5], [3, 5]]) == ([2, 5], [1, 1])
    with pytest.raises(ValueError, match="2 features are expected: a, b"):
        scoring.predict_fn([[1.0]], logistic(rows, labels, ["a", "b"]))


def test_an_archive_depends_on_nothing_but_its_files() -> None:
    files = {"weights.json": b"{}", "code/inference.py": pack.code("logistic")}
    first = pack.model_archive(files)
    assert first == pack.model_archive(dict(reversed(files.items())))
    with tarfile.open(fileobj=io.BytesIO(first)) as archive:
        members = [(item.name, item.uid, item.uname, item.mtime) for item in archive]
    assert members == [("code/inference.py", 0, "", 1_761_955_200), ("weights.json", 0, "", 1_761_955_200)]


def test_models_are_the_same_in_every_run_and_report_as_sagemaker_does() -> None:
    one, other = models.churn(usage=True), models.churn(usage=True)
    assert one == other
    metrics = one.reports["quality"]["binary_classification_metrics"]
    assert metrics["auc"] == {"value": one.quality, "standard_deviation": "NaN"}
    assert json.loads(one.artifacts[0]["metrics.json"]) == one.reports["quality"]
    named = {
        item["name"] for item in one.reports["bias"]["post_training_bias_metrics"]["facets"]["senior"][0]["metrics"]
    }
    assert named == {"DPPL", "DI"}


def test_images_are_the_same_in_every_run_and_may_have_platforms() -> None:
    digests = []
    for _ in range(2):
        team = enter(World(logical=True), "333333333333")
        team.call("ecr", "CreateRepository", repositoryName="vision/serve")
        digests.append(images.push(team.registry, "vision/serve", "1", ("amd64", "arm64")))
    top = team.registry.manifest("vision/serve", "1")
    assert top is not None
    assert [top.digest, top.digest] == digests
    assert [entry["platform"]["architecture"] for entry in json.loads(top.body)["manifests"]] == ["amd64", "arm64"]


def test_an_endpoint_takes_nothing_from_another_account() -> None:
    world = World(logical=True)
    team = enter(world, "111111111111")
    team.call("sagemaker", "CreateModelPackageGroup", ModelPackageGroupName="g")
    container = {"Image": "222222222222.dkr.ecr.eu-west-1.amazonaws.com/churn/serve:1", "ModelDataUrl": "s3://b/k"}
    specification = {"Containers": [container], "SupportedContentTypes": [], "SupportedResponseMIMETypes": []}
    made = team.call("sagemaker", "CreateModelPackage", ModelPackageGroupName="g", InferenceSpecification=specification)
    with pytest.raises(PreconditionError, match="not in the registry of 111111111111"):
        invoke(team, made["ModelPackageArn"], "1", "text/csv")


def test_a_persons_aws_settings_are_put_aside_and_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/home/ada/config")
    before = dict(os.environ)
    with detached():
        assert "AWS_PROFILE" not in os.environ
        assert os.environ["AWS_CONFIG_FILE"] == os.devnull
        assert enter(World(), "111111111111").call("sts", "GetCallerIdentity")["Account"] == "111111111111"
    assert dict(os.environ) == before
