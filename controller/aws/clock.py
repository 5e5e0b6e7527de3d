"""Whether this machine's clock is right: AWS refuses what was signed more than five minutes off."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from controller.aws.failures import cloud_error
from controller.aws.sessions import own_session
from controller.core.model import Target


def seconds_off(region: str) -> float:
    """How far this machine is ahead of AWS, by the date of an answer. `CloudError` when there is none."""
    try:
        client: Any = own_session().create_client("sts", region_name=region)
        with closing(client):
            answer = client.get_caller_identity()
    except (ClientError, BotoCoreError) as error:
        raise cloud_error(error, "sts:GetCallerIdentity", Target("the caller's own account", region)) from error
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date", "")
    now = datetime.now(UTC)
    return (now - parsedate_to_datetime(date)).total_seconds() if date else 0.0
