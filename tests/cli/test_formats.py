"""Forms for machines: what is wrong is told at its place in the manifests."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

from tests.cli.conftest import Command, Repo

CHURN_1 = "manifests/teams/growth/churn-1.yaml"


def test_faults_are_told_where_they_are(hubwright: Command, repo: Repo) -> None:
    repo.edit("teams/growth/churn-1.yaml", "version: 1", "version: one")
    said = hubwright("validate", "--format", "github")
    assert said.code == 1
    assert [line.partition(",col=")[0] for line in said.out.splitlines()] == [f"::error file={CHURN_1},line=8"]
    log = json.loads(hubwright("validate", "--format", "sarif").out)
    (result,) = log["runs"][0]["results"]
    place = result["locations"][0]["physicalLocation"]
    assert (result["ruleId"], result["level"]) == ("invalid", "error")
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == (CHURN_1, 8)
    suite = ET.fromstring(hubwright("validate", "--format", "junit").out)
    assert [(case.get("name"), len(case)) for case in suite.iter("testcase")] == [(CHURN_1, 1)]


def test_nothing_wrong_is_said_too(hubwright: Command) -> None:
    assert (hubwright("validate", "--format", "github").out, hubwright("validate", "--format", "github").code) == (
        "",
        0,
    )
    assert json.loads(hubwright("validate", "--format", "sarif").out)["runs"][0]["results"] == []
    suite = ET.fromstring(hubwright("validate", "--format", "junit").out)
    assert (suite.get("tests"), suite.get("failures")) == ("1", "0")


def test_what_a_plan_holds_back_is_told_where_it_is_asked(live: Command, repo: Repo) -> None:
    repo.edit("platform/guardrails-production.yaml", "requireLock: false", "requireLock: true")
    said = live("plan", "--format", "github")
    assert said.code == 4
    assert said.out.splitlines()[0].startswith(f"::warning file={CHURN_1},line=6,col=9,title=blocked%3A churn-1::")
    suite = ET.fromstring(live("plan", "--format", "junit").out)
    assert (suite.get("tests"), suite.get("failures")) == ("4", "4")
    found = json.loads(live("plan", "--format", "sarif").out)["runs"][0]["results"]
    assert {item["ruleId"] for item in found} == {"blocked"}
    assert live("reconcile", "--format", "github").out.count("::warning ") == 4
