"""What `hubwright --help` says of its commands: in the order in which somebody meets them, each line whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click

PARTS: Mapping[str, Sequence[str]] = {
    "To begin": ("demo", "sandbox", "init", "new", "validate", "doctor", "completion"),
    "Every day": ("promote", "lock", "plan", "reconcile", "drift", "current", "show"),
    "When something is wrong": ("hold", "accept", "retry", "rollback", "revoke"),
    "What was": ("trace", "history", "evidence", "attest", "verify"),
    "Setting it up": ("access", "import", "prefetch", "bundle", "watch"),
    "In CI": ("plans", "review", "at-head", "comment", "issue", "web-identity"),
}
_LONGEST = 200


class Overview(click.Group):
    """A group whose help has its commands whole, and, where it is the whole program, in parts."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Each part as a section; what is in none comes last."""
        named = {name for names in PARTS.values() for name in names}
        rest = [name for name in self.list_commands(ctx) if name not in named]
        parts = {"Commands": self.list_commands(ctx)} if ctx.parent else {**PARTS, "More": rest}
        for title, names in parts.items():
            rows = [(name, self.commands[name].get_short_help_str(_LONGEST)) for name in names if name in self.commands]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)
