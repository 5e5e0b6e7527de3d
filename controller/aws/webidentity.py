"""Credentials for a web identity, in the form in which AWS's own settings take them from a program."""

from __future__ import annotations

import re
from contextlib import closing
from typing import Any

from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from controller.aws.failures import cloud_error
from controller.aws.sessions import own_session, session_name
from controller.core.errors import UsageError
from controller.core.model import Target

SECONDS = 3600
_FALLBACK_REGION = "us-east-1"
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}):role/[\w+=,.@/-]{1,512}", re.ASCII)


def exchanged(role: str, token: str, run: str) -> dict[str, Any]:
    """What `credential_process` must print: keys of one hour for `role`. `CloudError` when AWS refuses the identity."""
    account, session = _account(role), own_session()
    region = str(session.get_config_variable("region") or _FALLBACK_REGION)
    try:
        client: Any = session.create_client("sts", region_name=region, config=Config(signature_version=UNSIGNED))
        with closing(client):
            answer = client.assume_role_with_web_identity(
                RoleArn=role, RoleSessionName=session_name(run), WebIdentityToken=token, DurationSeconds=SECONDS
            )
    except (ClientError, BotoCoreError) as error:
        raise cloud_error(error, "sts:AssumeRoleWithWebIdentity", Target(account, region)) from error
    keys = answer["Credentials"]
    return {
        "Version": 1,
        "AccessKeyId": keys["AccessKeyId"],
        "SecretAccessKey": keys["SecretAccessKey"],
        "SessionToken": keys["SessionToken"],
        "Expiration": keys["Expiration"].isoformat(),
    }


def _account(role: str) -> str:
    found = _ROLE.fullmatch(role)
    if found is None:
        raise UsageError("--role is not the ARN of a role", "such as arn:aws:iam::111111111111:role/hubwright-plan")
    return found.group(1)
