"""Which promotions a review vouches for: those of which nothing that counts is otherwise than what was reviewed."""

import json

from controller.source.load import load
from controller.source.review import read_review
from tests.source import repos

HEAD = "apiVersion: hubwright.io/v1beta1\n"
STAGED = HEAD + "kind: Promotion\nmetadata: {name: churn-live}\n"
STAGED += "spec: {from: {promotion: churn-1}, to: {group: churn-live}, approval: Approved}\n"
LIVE = HEAD + "kind: ModelGroup\nmetadata: {name: churn-live}\nspec: {}\n"


def vouched(repo, head, **more):
    said = {"pr": 7, "head": head, "author": "ana", "approvers": [{"login": "bo"}], "mergedBy": None, **more}
    file = repo.parent / "review.json"
    file.write_text(json.dumps(said))
    return read_review(file, repo, load(repo)).vouched


def test_what_a_promotion_comes_from_belongs_to_what_was_reviewed(tmp_path):
    files = {**repos.SMALL, "manifests/live.yaml": LIVE, "manifests/churn-live.yaml": STAGED}
    repo = repos.create(tmp_path / "repo", files)
    head = repos.git(repo, "rev-parse", "HEAD").strip()
    assert vouched(repo, head) == {"churn-1", "churn-live"}
    changed = files["manifests/churn-1.yaml"].replace("version: 1", "version: 2")
    assert changed != files["manifests/churn-1.yaml"]
    repos.write(repo, {"manifests/churn-1.yaml": changed})
    repos.git(repo, "add", "-A")
    repos.git(repo, "commit", "-qm", "another version")
    assert vouched(repo, head) == set(), "production would be approved with what nobody reviewed for it"
