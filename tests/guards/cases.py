"""Cases of guardrails as files: what the platform and the team declare, what is live, and what must come of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from controller.core.manifests import Manifests
from controller.core.report import Report
from controller.core.review import Approver, Review
from controller.render.document import document
from tests import bed as beds

FOLDER = Path(__file__).parents[1] / "cases" / "guards"
_MADE_UP = re.compile(
    r"[0-9a-f]{64}|(?<=sha256:)[0-9a-f]{12}|(?<=[0-9]-)[0-9a-f]{12}(?=/)|(?<= at )2026[^ ]*Z|(?<=it has )[0-9]{2,}"
)
NOW = "2026-11-22T12:00:00+00:00"


@dataclass(frozen=True, slots=True)
class Case:
    """One file. `before` is reconciled first, without guardrails; then `team` with `rules` is planned and reconciled."""

    name: str
    data: Mapping[str, Any]

    @property
    def expected(self) -> Mapping[str, Mapping[str, Any]]:
        found: Mapping[str, Mapping[str, Any]] = self.data["expect"]
        return found


def all_cases() -> list[Case]:
    return [Case(path.stem, json.loads(path.read_text())) for path in sorted(FOLDER.glob("*.json"))]


def furnished(case: Case) -> beds.Bed:
    """The spoke with a version for each of the case's `metrics` (raw texts of its model-quality report)."""
    bed = beds.fresh()
    beds.bucket(bed, beds.CHURN, "churn-lab-models")
    beds.bucket(bed, beds.HUB, "acme-validation")
    digest = beds.push(bed, beds.CHURN, "churn/serve", "1", "serve one")
    if scan := case.data.get("scan"):
        bed.world.settings.scans[digest] = (scan["state"], scan.get("counts", {}))
    beds.group(bed, beds.CHURN, "churn-experiments")
    for number, text in enumerate(case.data.get("metrics", ['{"auc": 0.9}']), 1):
        _version(bed, case, number, text)
    return bed


def _version(bed: beds.Bed, case: Case, number: int, metrics: str) -> None:
    base = f"s3://churn-lab-models/v{number}"
    data = metrics.encode() + b" " * int(case.data.get("padding", 0))
    beds.put(bed, beds.CHURN, f"{base}/model.tar.gz", beds.model(f"model {number}"))
    beds.put(bed, beds.CHURN, f"{base}/metrics.json", data)
    body: dict[str, Any] = {}
    if metrics != "absent":
        source = {"ContentType": "application/json", "S3Uri": f"{base}/metrics.json"}
        body["ModelMetrics"] = {"ModelQuality": {"Statistics": source}}
    if card := case.data.get("card"):
        body["ModelCard"] = {"ModelCardContent": card, "ModelCardStatus": "Approved"}
    box = beds.container(beds.CHURN, "churn/serve:1", f"{base}/model.tar.gz")
    beds.register(bed, beds.CHURN, "churn-experiments", InferenceSpecification=beds.inference(box), **body)


def declared(folder: Path, case: Case, part: str) -> Manifests:
    """The manifests of one part of the case: `before` it, or the case itself."""
    platform = dict(beds.PLATFORM)
    group = case.data.get("group" if part == "team" else "group-before")
    if group is not None:
        platform["churn"] = {"kind": "ModelGroup", "metadata": {"name": "churn"}, "spec": group}
    if part == "team":
        for name, spec in case.data.get("rules", {}).items():
            platform[name] = {"kind": "Guardrails", "metadata": {"name": name}, "spec": spec}
        for name, spec in case.data.get("waivers", {}).items():
            platform[f"w-{name}"] = {"kind": "Waiver", "metadata": {"name": name}, "spec": spec}
    asked = case.data.get(part, {"churn-1": {}})
    team = [beds.promotion(name, **{"version": int(name.rpartition("-")[2]), **more}) for name, more in asked.items()]
    found = beds.manifests(folder / part, *team, platform=platform)
    assert not found.problems, found.problems
    return found


def ran(case: Case, folder: Path) -> tuple[beds.Bed, Report, Report]:
    """The bed after the case, its plan, and its result."""
    bed = furnished(case)
    if "before" in case.data:
        first = declared(folder, case, "before")
        assert bed.reconcile(first).exit_code() == 0
    for number, change in case.data.get("by-hand", {}).items():
        beds.update(bed, int(number), **change)
    for tag, value in case.data.get("tags", {}).items():
        _tagged(bed, tag, value)
    fleet = declared(folder, case, "team")
    _evidence(bed, case, fleet)
    bed.now = datetime.fromisoformat(case.data.get("now", NOW))
    bed.review = _review(case, fleet)
    return bed, bed.plan(fleet), bed.reconcile(fleet)


def _tagged(bed: beds.Bed, tag: str, value: str) -> None:
    arn = f"arn:aws:sagemaker:{beds.REGION}:{beds.HUB}:model-package-group/churn"
    bed.client(beds.HUB, "sagemaker").call("AddTags", ResourceArn=arn, Tags=[{"Key": tag, "Value": value}])


def _evidence(bed: beds.Bed, case: Case, fleet: Manifests) -> None:
    """What a validator wrote about churn-1; `RELEASE` in it stands for the release's digest."""
    if text := case.data.get("evidence"):
        release = beds.lock(bed, fleet, "churn-1")["spec"]["release"]
        key = f"s3://acme-validation/fair/{release.rpartition(':')[2]}.json"
        beds.put(bed, beds.HUB, key, text.replace("RELEASE", release).encode())


def _review(case: Case, fleet: Manifests) -> Review | None:
    said = case.data.get("review")
    if said is None:
        return None
    people = tuple(Approver(name, tuple(teams)) for name, teams in said["approvers"].items())
    vouched = frozenset(said.get("vouched", fleet.promotions))
    hands = frozenset({*said.get("authors", ()), *filter(None, [said.get("pushedBy")])})
    return Review("7", "0" * 40, said["author"], people, "", vouched, said.get("unbound", ""), hands)


def came_to(bed: beds.Bed, plan: Report) -> dict[str, dict[str, Any]]:
    """Of each promotion: how it stands in the plan and why, what passed, and its status after the run."""
    passed = {
        action["origins"][0]: action["facts"]["passed"]
        for action in document(plan)["actions"]
        if action["facts"].get("passed")
    }
    found: dict[str, dict[str, Any]] = {}
    for row in plan.rows:
        one: dict[str, Any] = {"standing": row.standing, "status": _status(bed, row.source)}
        one |= {"why": [_steady(line) for line in row.why]} if row.why else {}
        one |= {"passed": [_steady(line) for line in passed[row.name]]} if row.name in passed else {}
        found[row.name] = one
    return found


def _steady(text: str) -> str:
    """Without what differs from run to run: VersionIds, digests, sizes of archives, the world's own time."""
    head, found, rest = text.partition(".json version ")
    text = f"{head}.json{rest[rest.index(')') :]}" if found else text
    return _MADE_UP.sub("…", text)


def _status(bed: beds.Bed, source: str) -> str:
    """The approvals of the hub's versions that were made from a source, by number."""
    number = source.rpartition("/")[2]
    mine = []
    for body in beds.hub_state(bed.world)["packages"].values():
        made_from = body["CustomerMetadataProperties"].get("hubwright/source", "")
        if made_from.endswith(f"/churn-experiments/{number}"):
            mine.append(body["ModelApprovalStatus"])
    return " ".join(mine) or "absent"
