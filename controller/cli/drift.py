"""`drift`: what somebody changed outside Git, and what is gone."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from controller.aws.registries import EcrRegistries
from controller.cli.files import write_whole
from controller.cli.output import write
from controller.cli.run import Run, network_of, opened
from controller.cli.settings import Settings
from controller.cli.stop import STOP
from controller.core.drift import Drift, dated
from controller.core.errors import UsageError
from controller.drift import Look, look
from controller.render.document import self_hash, to_json
from controller.render.drift import FORMAT, document, markdown, text
from controller.source.pasts import Pasts
from controller.stocktake import Depth
from controller.wiring import registry_bases, roleless

_LARGEST = 256 << 20


def drift(
    settings: Settings, form: str, *, deep: bool, out: Path | None, since: Path | None, html: Path | None = None
) -> int:
    """Writes the report to stdout, as JSON to `out` and as a page to `html`.

    With `since`, each finding has the time it was first seen.
    """
    now = datetime.now(UTC)
    before = _seen(since) if since is not None else None
    with opened(settings) as run:
        report = looked(run, now, deep=deep)
    if since is not None:
        firsts = {name: first for name, (first, _) in (before or {}).items()}
        report = replace(report, items=dated(report.items, firsts, now.strftime("%Y-%m-%dT%H:%M:%SZ")))
    data = to_json(document(report))
    if out is not None:
        write_whole(out, data)
    if html is not None:
        from controller.render.html import drift_html

        known = None if before is None else {name: about for name, (_, about) in before.items()}
        write_whole(html, drift_html(report, known))
    write({"json": lambda: data, "markdown": lambda: markdown(report), "text": lambda: text(report)}[form]())
    return report.exit_code()


def looked(run: Run, now: datetime, *, deep: bool) -> Drift:
    """The drift of a run's manifests, with clients that cannot write."""
    settings = run.settings
    cloud = run.cloud()
    ref = "HEAD" if settings.worktree else settings.ref
    pasts = Pasts(Path(settings.repo), ref, settings.path, settings.platform)
    registries = EcrRegistries(
        cloud,
        registry_bases(os.environ),
        writable=False,
        log=run.calls,
        through=roleless(run.manifests),
        network=network_of(settings),
    )
    depth = Depth(registries.registry, run.copiers, STOP.pause) if deep else None
    try:
        return look(Look(cloud, run.manifests, run.scope, run.pool, run.progress.step, pasts, now, depth))
    finally:
        registries.close()


def _seen(file: Path) -> dict[str, tuple[str, str]] | None:
    """Of each finding of an earlier report when it was first seen, and what it was about; None before there is one."""
    again = "give a report that was written with --out"
    try:
        with file.open("rb") as stream:
            data: Any = json.loads(stream.read(_LARGEST))
        if data["format"] != FORMAT or data["digest"] != self_hash(data):
            raise UsageError(f"{file} is not a whole drift report ({FORMAT})", again)
        return {
            str(item["id"]): (str(item["firstSeen"] or ""), f"{item['about']} {item['field']}: {item['why']}")
            for item in data["items"]
        }
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError(f"{file} is not a drift report", again) from error
