"""A trace for people: lines for a terminal, or a Mermaid picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from controller.core.canonical import sha256
from controller.render.escape import terminal
from controller.render.words import number, size

Json = Mapping[str, Any]


def text(found: Json) -> str:
    """The lines of a trace document (`core.trace.to_json`)."""
    versions = found["versions"]
    lines = [f"{number(len(versions), 'hub version')} of {found['asked']['text']}"]
    for item in versions:
        lines += ["", *_version(item)]
    for what, why in sorted(found["blind"].items()):
        lines += ["", f"could not be read: {what}: {why}"]
    return "\n".join(terminal(line) for line in lines) + "\n"


def _version(item: Json) -> Iterator[str]:
    yield item["version"]
    stage = f", stage {item['stage'].get('Stage')}" if item["stage"] else ""
    yield f"  is         {item['approval']} in the hub {item['hub']}{stage}"
    yield from _rows("promoted", _promoted(item))
    yield from _rows("asked by", _asked(item))
    yield from _rows("from", [item["source"]])
    if item["lineage"]:
        yield from _ancestry(item["lineage"])
    yield from _rows("artifact", item["artifacts"])
    yield from _rows("image", item["images"])
    yield from _rows("same as", item["same"])
    yield from _rows("readers", item["readers"])
    if item["faults"]:
        yield from _rows("WRONG", item["faults"])
    else:
        yield "  evidence   version, record, lineage and stored objects agree"


def _promoted(item: Json) -> list[str]:
    about = (item["lineage"] or {}).get("promotion", {})
    said = [f"{about['name']} of the fleet {about['fleet']} ({about['manifest']})"] if about else []
    made = about.get("revision")
    return [
        *said,
        f"id {item['promotion']}",
        *([f"copied at revision {made}"] if made else []),
        *([f"last written at revision {item['revision']}"] if item["revision"] else []),
    ]


def _asked(item: Json) -> Iterator[str]:
    """Who asked for it: what the commit says, and who reviewed it. Either may not have been known."""
    about = (item["lineage"] or {}).get("promotion", {})
    if author := about.get("author"):
        yield f"{author['name']}, as commit {author['commit'][:12]} says"
    if review := about.get("review"):
        people = ", ".join(one["login"] for one in review["approvers"]) or "nobody"
        merged = f", merged by {review['mergedBy']}" if review["mergedBy"] else ""
        yield f"pull request {review['pr']} of {review['author']}, approved by {people}{merged}"


def _ancestry(document: Json) -> Iterator[str]:
    source = document["source"]
    if source.get("commit") or source.get("repository"):
        yield from _rows("commit", [" of ".join(filter(None, (source.get("commit"), source.get("repository"))))])
    if source.get("createdBy"):
        yield from _rows("created", [f"{source.get('created', '')} by {source['createdBy']}"])
    if pipeline := document["pipeline"]:
        yield from _rows("pipeline", [pipeline["arn"]])
    for job in document["training"]:
        yield from _rows("trained", [job["arn"], *_experiment(job)])
        yield from _rows("on", [f"{item['uri']} ({item['channel']})" for item in job["inputs"]])
    for place, report in sorted(document["metrics"].items()):
        yield from _rows("metrics", [f"{place}: {_values(report['values'])}"])
    objects = document["objects"]
    if objects["count"]:
        yield from _rows("objects", [f"{number(objects['count'], 'object')}, {size(objects['bytes'])}"])
    yield from _rows("unread", [f"{what}: {why}" for what, why in sorted(document["unread"].items())])


def _experiment(job: Json) -> list[str]:
    return [f"experiment {job['experiment']}" + (f", trial {job['trial']}" if job["trial"] else "")] * bool(
        job["experiment"]
    )


def _values(values: Json) -> str:
    shown = [f"{name.removesuffix('.value').rpartition('.')[2]} {value:g}" for name, value in values.items()]
    return ", ".join(shown[:6]) + (f" and {len(shown) - 6} more" if len(shown) > 6 else "") if shown else "no figures"


def _rows(title: str, lines: Iterable[str]) -> Iterator[str]:
    for index, line in enumerate(lines):
        yield f"  {title if index == 0 else '':<10} {line}"


def mermaid(found: Json) -> str:
    """A flowchart from data and commit to job, source, hub version and readers."""
    edges: dict[tuple[str, str, str], None] = {}
    names: dict[str, str] = {}

    def node(name: str) -> str:
        key = "n" + sha256(name)[:10]
        names[key] = name
        return key

    for item in found["versions"]:
        for start, words, end in _edges(item):
            edges[node(start), words, node(end)] = None
    lines = ["flowchart LR", *(f'  {key}["{_quoted(name)}"]' for key, name in names.items())]
    lines += [f"  {start} -->|{words}| {end}" for start, words, end in edges]
    return "\n".join(lines) + "\n"


def _edges(item: Json) -> Iterator[tuple[str, str, str]]:
    hub, source, document = item["version"], item["source"], item["lineage"]
    yield source, "promoted", hub
    yield from ((hub, "read by", reader) for reader in item["readers"])
    if not document:
        return
    commit = document["source"].get("commit")
    for job in document["training"]:
        yield from ((data["uri"], "trains", job["arn"]) for data in job["inputs"])
        if commit:
            yield f"commit {commit}", "runs", job["arn"]
        yield job["arn"], "makes", source
    if commit and not document["training"]:
        yield f"commit {commit}", "makes", source


def _quoted(name: str) -> str:
    """Words in a Mermaid label: entities for everything that could end it or be markup."""
    plain = terminal(name)
    return "".join(char if char.isalnum() or char in " :/.-_@" else f"#{ord(char)};" for char in plain)
