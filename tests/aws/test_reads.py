from collections.abc import Iterator

import pytest
from botocore import xform_name
from botocore.session import Session

from controller.aws.calls import CallLog
from controller.aws.reads import READS, is_read
from controller.aws.sessions import own_session
from controller.aws.watch import Watch
from controller.core.errors import SafetyError
from controller.core.model import Target
from tests.aws.wire import HUB, SPOKE, Aws

HARMLESS = (
    "Describe",
    "List",
    "Get",
    "Head",
    "Search",
    "Query",
    "Scan",
    "Simulate",
    "BatchGet",
    "BatchDescribe",
    "BatchCheck",
)


def operations(service: str) -> Iterator[str]:
    return iter(own_session().get_service_model(service).operation_names)


@pytest.mark.parametrize("service", READS)
def test_the_list_names_only_operations_that_exist_and_read(service: str) -> None:
    assert READS[service] <= set(operations(service))
    loud = {name for name in READS[service] if not name.startswith(HARMLESS)}
    assert loud == ({"AssumeRole"} if service == "sts" else set())


@pytest.mark.parametrize("service", READS)
def test_no_other_operation_leaves_a_planning_run(service: str, aws: Aws) -> None:
    log = CallLog()
    cloud = aws.cloud(log=log)
    refused = [name for name in operations(service) if not is_read(service, name)]
    for purpose in ("read", "register", "approve"):
        client = cloud.client(Target(SPOKE, "eu-west-1"), service, purpose)  # type: ignore[arg-type]
        for name in refused:
            with pytest.raises(SafetyError, match=f"{service}:{name}"):
                client.call(name)
    assert {name for name in operations(service) if not name.startswith(HARMLESS)} - {"AssumeRole"} <= set(refused)
    assert (aws.asked, log.calls) == ([], ())


@pytest.mark.parametrize("service", ["sagemaker", "s3", "ecr", "sts", "events", "sqs"])
def test_a_client_that_goes_round_the_wrapper_is_stopped_too(service: str, aws: Aws) -> None:
    session: Session = own_session()
    aws.prepare(session)
    Watch(session, CallLog(), account=HUB, writable=False)
    client = session.create_client(service, region_name="eu-west-1")
    for name in operations(service):
        if not is_read(service, name):
            with pytest.raises(SafetyError):
                getattr(client, xform_name(name))()
    assert aws.asked == []


def test_a_writing_run_still_only_reads_for_the_purpose_read(aws: Aws) -> None:
    cloud = aws.cloud(writable=True)
    with pytest.raises(SafetyError):
        cloud.client(Target(SPOKE, "eu-west-1"), "s3").call("PutObject", Bucket="bucket", Key="k")
    assert aws.asked == []


def test_requests_to_registries_read_by_get_and_head() -> None:
    assert [is_read("oci", method) for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")] == [True] * 2 + [
        False
    ] * 4
    assert not is_read("lambda", "ListFunctions")
