"""What others wrote, made safe to show: one function per output. Manifests, AWS and registries are others."""

from __future__ import annotations

import re
import unicodedata

from controller.core.redact import redacted

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")  # drawn as nothing, though they are letters
_COMMAND = re.compile(r"##(?=[A-Za-z]*\[)")  # ##[group], ##vso[task.setvariable], ##teamcity[…]
_MARKUP = re.compile(r"[\\`*_\[\]|~$]")
_START = re.compile(r"^(\s*[0-9]*)([-+=>#.)])")
_LINKS = re.compile(r"[@#]|(?:https?|ftp):(?=//)|www(?=\.)|\bGH(?=-[0-9])", re.IGNORECASE)
_SARIF = re.compile(r"[\[\]{}\\]")


def terminal(text: str) -> str:
    """One line for a terminal or a log.

    Control, direction and invisible characters become escapes (`\\x1b`, `\\u202e`), line breaks among them, and what CI
    systems take for a command is broken up. What looks like a secret is taken out first.
    """
    text = redacted(text)
    if not text.isascii() or not text.isprintable():
        text = "".join(char if _plain(char) else _code(char) for char in text)
    if text.lstrip().startswith("::"):
        text = text.replace("::", "\\x3a:", 1)
    return _COMMAND.sub("#\\\\x23", text)


def _plain(char: str) -> bool:
    return unicodedata.category(char) not in _HIDDEN and char not in _FILLERS


def _code(char: str) -> str:
    number = ord(char)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def markdown(text: str) -> str:
    """Plain words within a line of Markdown: no markup, HTML, link, image, mention or reference comes of them."""
    shown = terminal(text).replace("&", "&amp;").replace("<", "&lt;")
    shown = _MARKUP.sub(r"\\\g<0>", shown)
    shown = _START.sub(r"\g<1>\\\g<2>", shown)
    # Mentions, references and bare links are made of the finished text: something must stand in them.
    return _LINKS.sub(r"\g<0>&#8203;", shown)


def code(text: str) -> str:
    """A code span in Markdown, also within a table."""
    shown = terminal(text).replace("|", "\\|")
    fence = "`"
    while fence in shown:
        fence += "`"
    space = " " if "`" in shown or shown != shown.strip() else ""
    return f"{fence}{space}{shown}{space}{fence}" if shown else ""


def command_data(text: str) -> str:
    """The message of a GitHub workflow command: `::error::MESSAGE`."""
    return terminal(text).replace("%", "%25")


def command_property(text: str) -> str:
    """A value within a GitHub workflow command: `::error file=VALUE`."""
    return command_data(text).replace(":", "%3A").replace(",", "%2C")


def sarif(text: str) -> str:
    """A message of SARIF, in which brackets would be links and braces places for arguments."""
    shown = terminal(text)
    return _SARIF.sub(lambda found: found.group() * 2 if found.group() in "{}" else "\\" + found.group(), shown)


def xml(text: str) -> str:
    """Text or an attribute's value in XML. What XML cannot hold at all, `terminal` has already written otherwise."""
    shown = terminal(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return shown.replace('"', "&quot;").replace("'", "&#39;")
