"""Results on stdout."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from controller.core.report import Report
from controller.render.document import document, to_json
from controller.render.notices import Notice


def shown(report: Report, form: str) -> str:
    """The report in one of its forms; colours only on a terminal, and not with NO_COLOR."""
    if form == "json":
        return to_json(document(report))
    if form == "markdown":
        from controller.render.markdown import markdown

        return markdown(report)
    if form == "junit":
        from controller.render.junit import of_report

        return of_report(report)
    if form in ("sarif", "github"):
        from controller.render.notices import notices

        return told(notices(report), form)
    from controller.render.text import text

    return text(report, color=sys.stdout.isatty() and not os.environ.get("NO_COLOR"))


def told(notices: Iterable[Notice], form: str) -> str:
    """What there is to tell, as `sarif` or as `github` annotations."""
    if form == "sarif":
        from controller.render.sarif import sarif

        return sarif(notices)
    from controller.render.github import github

    return github(notices)


def write(text: str) -> None:
    """Writes the result, whole. Whether somebody still reads it changes nothing about what was done."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still buffered goes nowhere, without a word at the interpreter's end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
