"""Results on stdout."""

from __future__ import annotations

import os
import sys

from controller.core.report import Report
from controller.render.document import document, to_json


def shown(report: Report, form: str) -> str:
    """The report in one of its forms; colours only on a terminal, and not with NO_COLOR."""
    if form == "json":
        return to_json(document(report))
    if form == "markdown":
        from controller.render.markdown import markdown

        return markdown(report)
    from controller.render.text import text

    return text(report, color=sys.stdout.isatty() and not os.environ.get("NO_COLOR"))


def write(text: str) -> None:
    """Writes the result, whole. Whether somebody still reads it changes nothing about what was done."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still buffered goes nowhere, without a word at the interpreter's end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
