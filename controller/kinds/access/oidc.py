"""Who signs the tokens of CI jobs: identity providers. Audiences of others stay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controller.core.access.document import Document
from controller.core.arn import partition_of
from controller.core.errors import CloudError
from controller.core.marks import PREFIX
from controller.core.model import Action, Key
from controller.kinds.access.base import Facts, World, absent, reader, writer
from controller.kinds.base import Client, Cloud


class _Provider:
    NAME = "oidc_provider"

    def live(self, cloud: Cloud, wished: Document, fleet: str) -> Mapping[str, Any] | None:
        known = _audiences(reader(cloud, wished.key, "iam"), wished.key)
        if known is None:
            return None
        return {"audiences": [name for name in wished.spec["audiences"] if name in known], "url": wished.spec["url"]}

    def create(self, world: World, action: Action) -> Facts:
        wished = action.after
        tags = [{"Key": PREFIX + "fleet", "Value": action.facts["fleet"]}]
        try:
            writer(world, action, "iam").call(
                "CreateOpenIDConnectProvider", Url=wished["url"], ClientIDList=wished["audiences"], Tags=tags
            )
        except CloudError as error:
            if error.code not in ("EntityAlreadyExists", "EntityAlreadyExistsException"):
                raise
            return self.update(world, action)
        return {}

    def update(self, world: World, action: Action) -> Facts:
        client = writer(world, action, "iam")
        known = _audiences(client, action.key) or set()
        for name in action.after["audiences"]:
            if name not in known:
                arn = _arn(action.key)
                client.call("AddClientIDToOpenIDConnectProvider", OpenIDConnectProviderArn=arn, ClientID=name)
        return {}


def _arn(key: Key) -> str:
    return f"arn:{partition_of(key.target.region)}:iam::{key.target.account}:oidc-provider/{key.name}"


def _audiences(client: Client, key: Key) -> set[str] | None:
    try:
        answer = client.call("GetOpenIDConnectProvider", OpenIDConnectProviderArn=_arn(key))
    except CloudError as error:
        if absent(error):
            return None
        raise
    return set(answer.get("ClientIDList", []))


OIDC_PROVIDER = _Provider()
