"""`show`: one manifest, as it is written or with everything that it leaves to defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from controller.cli.output import write
from controller.cli.reading import read_manifests
from controller.cli.settings import Settings
from controller.core.canonical import digest
from controller.core.errors import UsageError
from controller.core.manifest import API_VERSION, manifest_name
from controller.core.manifests import Manifests
from controller.core.problems import did_you_mean, shown
from controller.core.redact import redacted_all
from controller.render.document import to_json
from controller.render.escape import terminal
from controller.source.write import to_yaml

KINDS: Mapping[str, str] = {
    "fleet": "fleet",
    "hub": "hubs",
    "spoke": "spokes",
    "guardrails": "guardrails",
    "waiver": "waivers",
    "modelgroup": "groups",
    "group": "groups",
    "promotion": "promotions",
    "subscription": "subscriptions",
    "lock": "locks",
}


def show(settings: Settings, kind: str, name: str, form: str, *, resolved: bool) -> int:
    """Writes the manifest. Of environment variables only the names, and a digest of each value, are shown."""
    manifests = read_manifests(settings)
    entry = _entry(manifests, kind, name)
    body = dict(entry.body)
    if resolved:
        body = {
            "apiVersion": API_VERSION,
            "kind": entry.kind,
            "metadata": {"name": entry.name},
            "spec": resolved_spec(entry.spec),
        }
    safe = without_values(body)
    if form == "json":
        write(as_json(safe | {"path": entry.path} if resolved else safe))
    else:
        write(as_text(safe, f"{entry.path}:{entry.line}"))
    return 0


def as_json(body: Mapping[str, Any]) -> str:
    """A manifest for machines."""
    return to_json(redacted_all(body))


def as_text(body: dict[str, Any], place: str) -> str:
    """A manifest for people."""
    return "".join(f"{terminal(line)}\n" for line in [f"# {place}", *to_yaml(body).splitlines()])


def _entry(manifests: Manifests, kind: str, name: str) -> Any:
    if kind == "fleet":
        known: Mapping[str, Any] = {manifests.fleet.name: manifests.fleet}
    else:
        known = getattr(manifests, KINDS[kind])
    if name in known:
        return known[name]
    if any(name == invalid for _, invalid in manifests.invalid):
        raise UsageError(f"the {kind} {shown(name)} is invalid", "see: hubwright validate")
    raise UsageError(f"there is no {kind} {shown(name)}", did_you_mean(name, known))


def resolved_spec(spec: Any) -> Any:
    """A manifest's spec as data, in the manifest's own spelling, with its defaults; what is absent is left out."""
    if is_dataclass(spec) and not isinstance(spec, type):
        found = {manifest_name(type(spec), item.name): resolved_spec(getattr(spec, item.name)) for item in fields(spec)}
        return {name: value for name, value in found.items() if value not in (None, {}, [])}
    if isinstance(spec, Mapping):
        return {name: resolved_spec(value) for name, value in spec.items()}
    if isinstance(spec, list | tuple | frozenset):
        return [resolved_spec(item) for item in (sorted(spec) if isinstance(spec, frozenset) else spec)]
    return spec


def without_values(data: Any, path: tuple[str, ...] = ()) -> Any:
    """The data with a digest in place of each environment variable's value."""
    if isinstance(data, dict):
        if path[-2:] == ("environment", "set"):
            return {name: f"[{digest(value)[:15]}]" for name, value in data.items()}
        return {name: without_values(value, (*path, name)) for name, value in data.items()}
    if isinstance(data, list):
        return [without_values(item, path) for item in data]
    return data
