"""Access as a Terraform configuration in JSON syntax. Policies that would shut their owners out are told as locals."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from controller.core.access.document import Document
from controller.core.access.statement import policy, policy_text
from controller.core.canonical import canonical
from controller.core.marks import PREFIX
from controller.core.model import Key
from controller.kinds.access.roles import policy_name
from controller.kinds.access.wires import TARGET

Body = dict[str, Any]


class Reference(str):
    """A text that Terraform is to evaluate."""

    __slots__ = ()


def configuration(fleet: str, documents: Iterable[Document]) -> dict[str, Any]:
    """One configuration. A key's policy is no resource: one made of our statements alone would shut its owner out."""
    items = {item.key: item for item in documents}
    resources: dict[str, dict[str, Body]] = {}
    for item in items.values():
        made = _MAKERS.get(item.key.kind)
        for kind, body in made(fleet, item) if made else []:
            needs = [_address(need) for need in item.needs if need in items] + body.pop("depends_on", [])
            resources.setdefault(kind, {})[label(item.key)] = body | ({"depends_on": sorted(needs)} if needs else {})
    keys = {
        item.key.name: policy(item.statements)["Statement"] for item in items.values() if item.key.kind == "key_policy"
    }
    found: dict[str, Any] = {
        "terraform": {"required_providers": {"aws": {"source": "hashicorp/aws", "version": ">= 5.0"}}},
        "resource": resources,
    }
    return literal(found | ({"locals": {"hubwright_key_statements": keys}} if keys else {}))  # type: ignore[no-any-return]


def literal(value: Any) -> Any:
    """With everything that Terraform would take for a template written so that it stays text."""
    if isinstance(value, Reference):
        return str(value)
    if isinstance(value, str):
        return value.replace("${", "$${").replace("%{", "%%{")
    if isinstance(value, Mapping):
        return {literal(name): literal(item) for name, item in value.items()}
    return [literal(item) for item in value] if isinstance(value, list) else value


def label(key: Key) -> str:
    """A resource's name in a configuration."""
    return re.sub(r"[^A-Za-z0-9_]+", "_", f"{key.kind}_{key.name}")


def _address(key: Key) -> str:
    return f"{_TYPES[key.kind]}.{label(key)}"


def _role(fleet: str, item: Document) -> list[tuple[str, Body]]:
    body: Body = {
        "name": item.key.name,
        "path": item.spec["path"],
        "description": item.why,
        "assume_role_policy": policy_text(item.statements),
        "tags": _tags(fleet),
    }
    if "boundary" in item.spec:
        body["permissions_boundary"] = item.spec["boundary"]
    return [("aws_iam_role", body)]


def _role_policy(fleet: str, item: Document) -> list[tuple[str, Body]]:
    body = {"name": policy_name(fleet), "role": item.key.name, "policy": policy_text(item.statements)}
    return [("aws_iam_role_policy", body)]


def _plain(kind: str, named: str, text: str) -> Callable[[str, Document], list[tuple[str, Body]]]:
    def made(fleet: str, item: Document) -> list[tuple[str, Body]]:  # noqa: ARG001
        return [(kind, {named: item.key.name, text: policy_text(item.statements)})]

    return made


def _bus(fleet: str, item: Document) -> list[tuple[str, Body]]:
    return [("aws_cloudwatch_event_bus", {"name": item.key.name, "tags": _tags(fleet)})]


def _queue(fleet: str, item: Document) -> list[tuple[str, Body]]:
    body: Body = {
        "name": item.key.name,
        "message_retention_seconds": int(item.spec["retention"]),
        "sqs_managed_sse_enabled": True,
        "tags": _tags(fleet),
    }
    if "redrive" in item.spec:
        body["redrive_policy"] = canonical(item.spec["redrive"])
    return [("aws_sqs_queue", body)]


def _queue_policy(fleet: str, item: Document) -> list[tuple[str, Body]]:  # noqa: ARG001
    queue = next(_address(need) for need in item.needs if need.kind in ("queue", "dead_queue"))
    return [
        (
            "aws_sqs_queue_policy",
            {"queue_url": Reference("${" + queue + ".url}"), "policy": policy_text(item.statements)},
        )
    ]


def _rule(fleet: str, item: Document) -> list[tuple[str, Body]]:
    spec = item.spec
    rule = {
        "name": item.key.name,
        "description": item.why,
        "event_bus_name": spec["bus"],
        "event_pattern": canonical(spec["pattern"]),
        "tags": _tags(fleet),
    }
    wanted = spec["target"]
    target: Body = {
        "target_id": TARGET,
        "rule": item.key.name,
        "event_bus_name": spec["bus"],
        "arn": wanted["arn"],
        "retry_policy": {
            "maximum_event_age_in_seconds": wanted["retry"]["MaximumEventAgeInSeconds"],
            "maximum_retry_attempts": wanted["retry"]["MaximumRetryAttempts"],
        },
    }
    if "role" in wanted:
        target["role_arn"] = wanted["role"]
    if "dead" in wanted:
        target["dead_letter_config"] = {"arn": wanted["dead"]}
    after = {"depends_on": [_address(item.key)]}
    return [("aws_cloudwatch_event_rule", rule), ("aws_cloudwatch_event_target", target | after)]


def _provider(fleet: str, item: Document) -> list[tuple[str, Body]]:
    body = {"url": item.spec["url"], "client_id_list": item.spec["audiences"], "tags": _tags(fleet)}
    return [("aws_iam_openid_connect_provider", body)]


def _tags(fleet: str) -> dict[str, str]:
    return {PREFIX + "fleet": fleet}


_MAKERS: Mapping[str, Callable[[str, Document], list[tuple[str, Body]]]] = {
    "role": _role,
    "role_policy": _role_policy,
    "bucket_policy": _plain("aws_s3_bucket_policy", "bucket", "policy"),
    "repository_policy": _plain("aws_ecr_repository_policy", "repository", "policy"),
    "group_policy": _plain("aws_sagemaker_model_package_group_policy", "model_package_group_name", "resource_policy"),
    "bus": _bus,
    "bus_policy": _plain("aws_cloudwatch_event_bus_policy", "event_bus_name", "policy"),
    "queue": _queue,
    "dead_queue": _queue,
    "queue_policy": _queue_policy,
    "rule": _rule,
    "oidc_provider": _provider,
}
_TYPES: Mapping[str, str] = {
    "role": "aws_iam_role",
    "role_policy": "aws_iam_role_policy",
    "bus": "aws_cloudwatch_event_bus",
    "queue": "aws_sqs_queue",
    "dead_queue": "aws_sqs_queue",
    "queue_policy": "aws_sqs_queue_policy",
    "rule": "aws_cloudwatch_event_rule",
    "oidc_provider": "aws_iam_openid_connect_provider",
}
