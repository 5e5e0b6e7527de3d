"""The command line: its border to the outside is here, its commands in `commands`.

Whatever happens inside ends as an exit code and at most a few lines on stderr; a traceback is for `--debug`.
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
import sys
import traceback
from collections.abc import Sequence

import click

from controller.cli.answers import hubwright
from controller.cli.stop import Interrupted, listening
from controller.cli.term import complain
from controller.core.errors import HeldError, HubwrightError, UsageError
from controller.render.escape import terminal

USAGE = 64
HELD = 7


def main() -> None:
    """The `hubwright` command."""
    gc.set_threshold(20_000, 20, 20)  # a run leaves little rubbish: looking for it as often as usual is a tenth of it
    _open_streams()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    with listening():
        code = execute(sys.argv[1:])
    _flush()
    if code > 128:
        os._exit(code)  # reads that are still under way must not keep an interrupted run
    sys.exit(code)


def execute(arguments: Sequence[str]) -> int:
    """Runs one command and gives its exit code. Results go to `sys.stdout`, everything else to `sys.stderr`."""
    try:
        return int(hubwright.main(list(arguments), prog_name="hubwright", standalone_mode=False) or 0)
    except click.ClickException as error:
        _refused(error)
        return USAGE
    except UsageError as error:
        complain(str(error), error.hint)
        return USAGE
    except HubwrightError as error:
        complain(str(error), error.hint)
        return HELD if isinstance(error, HeldError) else 1
    except Interrupted as error:
        complain(f"interrupted by {error.name}; nothing was changed")
        return error.code
    except (KeyboardInterrupt, click.Abort):
        complain("interrupted; nothing was changed")
        return 130
    except Exception as error:  # noqa: BLE001  (the border: no traceback ever reaches a user)
        complain(f"a fault of Hubwright itself: {type(error).__name__}: {error}", "run it with --debug to see where")
        if "--debug" in arguments:
            traceback.print_exc()
        return 1


def _refused(error: click.ClickException) -> None:
    """What is wrong with the command line; the words on it may be somebody else's."""
    said = io.StringIO()
    error.show(said)
    sys.stderr.write("".join(f"{terminal(line)}\n" for line in said.getvalue().split("\n")[:-1]))


def _open_streams() -> None:
    """A stream that the caller closed (`>&-`) is None in Python; what would go to it goes nowhere."""
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
