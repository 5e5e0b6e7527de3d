"""Manifests are changed in place, or not at all."""

import pytest

from controller.source import strict
from controller.source.edit import GONE, edited

TEXT = """# a comment
apiVersion: hubwright.io/v1beta1
kind: Promotion
metadata: {name: churn-8}
spec:
  from: {spoke: churn-lab, group: churn-experiments, version: 8}   # which
  to: {group: churn}
  approval: Approved   # why not
  reason: "Beats: version 7"
  metadata:
    ticket: ML-1432
"""


@pytest.mark.parametrize(
    ("changes", "old", "new"),
    [
        ({("spec", "approval"): "Rejected"}, "approval: Approved   #", "approval: Rejected   #"),
        ({("spec", "reason"): "Bad: really"}, '"Beats: version 7"', '"Bad: really"'),
        ({("spec", "from", "version"): 9}, "version: 8}", "version: 9}"),
        ({("spec", "to", "group"): "other"}, "{group: churn}\n  app", "{group: other}\n  app"),
        ({("spec", "metadata", "ticket"): GONE}, "", ""),
        ({("spec", "attempt"): 2}, '7"\n', '7"\n  attempt: 2\n'),
        (
            {("spec", "stage"): {"name": "A", "status": "B"}},
            '7"\n',
            '7"\n  stage:\n    name: A\n    status: B\n',
        ),
        ({("spec", "reason"): GONE}, '  reason: "Beats: version 7"\n', ""),
    ],
)
def test_one_place_changes(changes: dict, old: str, new: str) -> None:
    found = edited(TEXT.encode(), changes)
    if old:
        assert found == TEXT.replace(old, new)
    data = strict.read(found.encode()).data
    for where, value in changes.items():
        here = data
        for part in where[:-1]:
            here = here[part]
        assert (where[-1] not in here) if value is GONE else here[where[-1]] == value
    assert found.startswith("# a comment\n")


def test_what_cannot_be_changed_in_place_is_written_anew() -> None:
    text = "# head\nkind: Promotion\nmetadata: {name: x}\nspec: {approval: Approved, reason: >-\n   folded\n   text}\n"
    plain = "# head\nkind: Promotion\nmetadata: {name: x}\nspec:\n  approval: >-\n    Approved\n"
    assert edited(plain.encode(), {("spec", "approval"): "Rejected"}) == (
        "# head\nkind: Promotion\nmetadata:\n  name: x\nspec:\n  approval: Rejected\n"
    )
    with pytest.raises(strict.StrictError):
        edited(text.encode(), {("spec", "approval"): "Rejected"})


def test_documents_in_json_and_without_a_last_line_break() -> None:
    data = b'{"kind": "Promotion", "metadata": {"name": "x"}, "spec": {"approval": "Approved", "attempt": 1}}'
    assert edited(data, {("spec", "attempt"): 2}) == data.decode().replace('"attempt": 1', '"attempt": 2')
    assert strict.read(edited(data, {("spec", "mode"): "warn"}).encode()).data["spec"]["mode"] == "warn"
    bare = b"kind: Promotion\nmetadata: {name: x}\nspec:\n  approval: Approved"
    assert edited(bare, {("spec", "attempt"): 2}) == bare.decode() + "\n  attempt: 2\n"
