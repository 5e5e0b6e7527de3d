"""Mistakes at the prompt: the message names the option that was given, and what to give instead."""

from __future__ import annotations

import socket

import pytest

from tests.cli.conftest import Command

OUTSIDE = "is not a folder inside the repository\nhint: give it from the repository's root\n"


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("validate --path /elsewhere", 64, f'error: --path "/elsewhere" {OUTSIDE}'),
        ("import --hub central --out /elsewhere", 64, f'error: --out "/elsewhere" {OUTSIDE}'),
        (
            "plan --offline --since HEAD --platform ../no-such-folder@main",
            1,
            "error: ../no-such-folder is not a folder\nhint: give the folder of a Git repository\n",
        ),
        ("init --region Frankfurt", 64, 'error: --region "Frankfurt" is not a region such as eu-west-1\n'),
    ],
)
def test_the_message_names_what_was_given(hubwright: Command, command: str, code: int, said: str) -> None:
    assert (found := hubwright(command), (found.code, found.out, found.err))[1] == (code, "", said)


def test_a_port_that_is_taken_is_told(hubwright: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        found = hubwright("sandbox", "--port", taken.getsockname()[1])
    hint = "hint: another program has this --port: give another, or none for any free one"
    assert (found.code, found.err.splitlines()[-1]) == (1, hint)


def test_history_says_that_no_run_was_recorded(live: Command) -> None:
    told = "no record of a run is about this: a hub keeps them from when it says `audit`\n"
    assert (live("history churn").err, live("history churn --runs").err) == ("", told)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("prefetch churn-11", 'error: there is no promotion "churn-11"\nhint: did you mean "churn-1"?\n'),
        ("import --hub central --group chrn", 'error: the hub central has no package group "chrn"\n'),
    ],
)
def test_a_name_that_is_not_there_is_told_with_the_nearest(live: Command, command: str, said: str) -> None:
    found = live(command)
    assert (found.code, found.out, found.err) == (64, "", said)
