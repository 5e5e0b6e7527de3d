"""Our statements in policies that others write too: theirs survive byte for byte, whatever we put in and take out."""

from __future__ import annotations

import json
import random
from functools import partial

import pytest

from controller.core.access.splice import merged, present
from controller.core.access.statement import is_ours, meaning, policy, sid, statement

OURS = partial(is_ours, fleet="growth")
READ = statement(["s3:GetObject"], ["arn:aws:s3:::b/*"], principal={"AWS": ["arn:aws:iam::111111111111:root"]})
LIST = statement(["s3:ListBucket"], ["arn:aws:s3:::b"], principal={"AWS": ["arn:aws:iam::111111111111:root"]})


def put(text, wished):
    return merged(text, wished, OURS, "aws")


def theirs(text):
    """The raw texts of the statements that are not ours."""
    out, at, decoder = [], text.index("[", text.index('"Statement"')) + 1, json.JSONDecoder()
    while True:
        while text[at] in " \t\r\n,":
            at += 1
        if text[at] == "]":
            return out
        value, end = decoder.raw_decode(text, at)
        if not OURS(value.get("Sid")):
            out.append(text[at:end])
        at = end


def foreign(rng):
    """A statement somebody else may have written, in some spelling."""
    said = {
        "Effect": rng.choice(["Allow", "Deny"]),
        "Principal": rng.choice(
            ["*", {"AWS": "222222222222"}, {"Service": "x.amazonaws.com"}, {"AWS": ["1" * 12, "*"]}]
        ),
        "Action": rng.choice(["s3:GetObject", ["s3:Put*", "s3:Get*"], "s3:*"]),
        "Resource": rng.choice(["*", ['arn:aws:s3:::b/\u00fc"]},{*']]),
    }
    if rng.random() < 0.7:
        said["Sid"] = rng.choice(["Theirs", "Hubwright", "HubwrightReads000000", sid("other", "Reads"), 'x]{}",', ""])
    if rng.random() < 0.5:
        said["Condition"] = {"StringLike": {"s3:prefix": ["a/*", "}],[{"]}}
    items = list(said.items())
    rng.shuffle(items)
    return json.dumps(dict(items), indent=rng.choice([None, 1, 4]), ensure_ascii=rng.random() < 0.5)


def document(rng):
    found = [foreign(rng) for _ in range(rng.randint(0, 4))]
    gap = rng.choice(["", " ", "\n  ", "\t"])
    members = [f'"Version":{gap}"2012-10-17"', f'"Statement":{gap}[{gap}' + f"{gap},{gap}".join(found) + f"{gap}]"]
    if rng.random() < 0.5:
        members.append('"Id" : "Statement"')
    rng.shuffle(members)
    return f"{{{gap}" + f",{gap}".join(members) + f"{gap}}}", found


def test_a_thousand_merges_and_removals_leave_others_as_they_were():
    rng = random.Random(4)
    merges = 0
    for _ in range(100):
        first, found = document(rng)
        text = first
        for _ in range(10):
            size = rng.randint(0, 3)
            wished = {
                sid("growth", f"Reads{number}"): rng.choice([READ, LIST]) for number in rng.sample(range(9), size)
            }
            before, text = text, put(text, wished)
            merges += 1
            if text is None:  # nobody's statement is left: the next one begins anew
                assert (found, wished) == ([], {})
                text = None
                continue
            assert theirs(text) == found
            assert present(text, wished, OURS, "aws") == wished
            assert put(text, wished) == text, "a second merge changes nothing"
            json.loads(text)
            assert before is None or "Id" not in json.loads(before) or "Id" in json.loads(text)
        if text is not None and found:
            assert put(text, {}) == first
    assert merges == 1000


def test_a_single_statement_that_is_no_list_becomes_one():
    alone = '{"Version":"2012-10-17","Statement": {"Effect": "Deny", "Principal": "*", "Action": "*"} }'
    text = put(alone, {sid("growth", "Reads"): READ})
    assert theirs(text) == ['{"Effect": "Deny", "Principal": "*", "Action": "*"}']
    assert present(text, {}, OURS, "aws") == {sid("growth", "Reads"): READ}


def test_what_others_say_already_is_not_said_twice():
    text = json.dumps({"Version": "2012-10-17", "Statement": [{"Sid": "Tf", **READ, "Action": "s3:GetObject"}]})
    assert put(text, {sid("growth", "Reads"): READ}) == text
    assert present(text, {sid("growth", "Reads"): READ}, OURS, "aws") == {sid("growth", "Reads"): READ}


def test_another_fleets_statements_are_others():
    text = put(None, {sid("growth", "Reads"): READ})
    both = merged(text, {sid("other", "Reads"): READ | {"Effect": "Deny"}}, partial(is_ours, fleet="other"), "aws")
    assert [item["Sid"] for item in json.loads(both)["Statement"]] == [sid("growth", "Reads"), sid("other", "Reads")]
    assert put(both, {}) == merged(None, {sid("other", "Reads"): READ | {"Effect": "Deny"}}, OURS, "aws")


@pytest.mark.parametrize(
    "live",
    [
        {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*", "Principal": {"AWS": "111111111111"}},
        {
            "Action": ["s3:GetObject"],
            "Resource": ["arn:aws:s3:::b/*"],
            "Principal": {"AWS": ["arn:aws:iam::111111111111:root"]},
        },
        {
            "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::b/*",
            "Principal": {"AWS": "111111111111"},
            "Condition": {},
        },
    ],
)
def test_other_spellings_mean_the_same(live):
    assert meaning({"Sid": "x", "Effect": "Allow", **live}) == READ


@pytest.mark.parametrize(
    "text",
    ["[]", "{}", '{"Statement": [1]}', '{"Statement": [], "Statement": []}', "{“Version”: 1}", "null", "[" * 9999],
)
def test_what_is_no_policy_is_left_alone(text):
    with pytest.raises(ValueError):
        put(text, {sid("growth", "Reads"): READ})


def test_documents_are_canonical():
    assert json.loads(put(None, {sid("growth", "Reads"): READ})) == policy({sid("growth", "Reads"): READ})
    assert put(None, {}) is None
