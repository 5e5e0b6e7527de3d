"""Results on stdout."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from controller.cli.files import write_whole
from controller.core.errors import HubwrightError, UsageError
from controller.core.report import Report
from controller.render.document import document, to_json
from controller.render.notices import Notice

FORMS = ("text", "json", "markdown", "sarif", "junit", "github", "html")


def also_of(given: Iterable[str], html: Path | None = None) -> tuple[tuple[str, Path], ...]:
    """Further forms and the files they go to, from `FORM=FILE`."""
    found = []
    for item in given:
        form, equals, file = item.partition("=")
        if form not in FORMS or not equals or not file:
            raise UsageError("--also is written FORM=FILE", f"a form is one of {', '.join(FORMS)}")
        found.append((form, Path(file)))
    return (*found, *([("html", html)] if html else ()))


def write_also(report: Report, also: Iterable[tuple[str, Path]]) -> None:
    """Writes the report's further forms, each into its file, never in colours."""
    for form, path in also:
        write_whole(path, shown(report, form, color=False))


def shown(report: Report, form: str, *, color: bool = True) -> str:
    """The report in one of its forms; colours only on a terminal, and not with NO_COLOR."""
    if form == "json":
        return to_json(document(report))
    if form == "markdown":
        from controller.render.markdown import markdown

        return markdown(report)
    if form == "junit":
        from controller.render.junit import of_report

        return of_report(report)
    if form == "html":
        from controller.render.html import html

        return html(report)
    if form in ("sarif", "github"):
        from controller.render.notices import notices

        return told(notices(report), form)
    from controller.render.text import text

    return text(report, color=color and sys.stdout.isatty() and not os.environ.get("NO_COLOR"))


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
        _drop()
    except OSError as error:
        _drop()
        raise HubwrightError(
            f"the result could not be written to stdout: {error.strerror}", "what was done before is done"
        ) from None


def _drop() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
