import io
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from botocore.session import Session

from controller import __version__
from controller.aws.calls import Call, CallLog
from controller.aws.cloud import AwsCloud, Roles
from controller.aws.sessions import loader, own_session, session_name
from controller.core.errors import AccountError, CloudError, HubwrightError, told
from controller.core.model import Target
from tests.aws.wire import HUB, OTHER, ROLE, SECRETS, SPOKE, Answer, Asked, Aws, answer_json, error_xml

PLACE = Target(SPOKE, "eu-west-1")


def groups(asked: Asked) -> Answer:
    return answer_json({"ModelPackageGroupSummaryList": []})


def test_a_role_is_assumed_proven_and_recorded(aws: Aws) -> None:
    aws.answers["sagemaker:ListModelPackageGroups"] = groups
    log = CallLog()
    client = aws.cloud(log=log, read=ROLE, external_id="growth-1").client(PLACE, "sagemaker")
    assert aws.asked == []
    assert client.call("ListModelPackageGroups") == {"ModelPackageGroupSummaryList": []}
    assert client.call("ListModelPackageGroups") == {"ModelPackageGroupSummaryList": []}
    assert aws.names == ["sts:AssumeRole", "sts:GetCallerIdentity", *["sagemaker:ListModelPackageGroups"] * 2]
    fields = aws.asked[0].fields
    assert {name: fields[name] for name in ("RoleArn", "RoleSessionName", "ExternalId", "DurationSeconds")} == {
        "RoleArn": ROLE,
        "RoleSessionName": "hubwright-run-1",
        "ExternalId": "growth-1",
        "DurationSeconds": "3600",
    }
    assert [(call.service, call.operation, call.account, call.resource, call.status) for call in log.calls] == [
        ("sts", "AssumeRole", SPOKE, ROLE, 200),
        ("sts", "GetCallerIdentity", SPOKE, "", 200),
        ("sagemaker", "ListModelPackageGroups", SPOKE, "", 200),
        ("sagemaker", "ListModelPackageGroups", SPOKE, "", 200),
    ]
    assert {call.region for call in log.calls} == {"eu-west-1"}
    assert log.mutations == ()


def test_without_a_role_the_callers_own_account_is_proven(aws: Aws) -> None:
    aws.answers["sagemaker:ListModelPackageGroups"] = groups
    cloud = aws.cloud()
    assert cloud.identity() == HUB
    cloud.client(Target(HUB, "eu-west-1"), "sagemaker").call("ListModelPackageGroups")
    assert aws.names == ["sts:GetCallerIdentity", "sagemaker:ListModelPackageGroups"]
    with pytest.raises(AccountError) as caught:
        cloud.client(Target(OTHER, "eu-west-1"), "sagemaker").call("ListModelPackageGroups")
    assert str(caught.value) == (
        f"account {OTHER} was expected, but the credentials are of account {HUB} (arn:aws:iam::{HUB}:user/ci)"
    )
    assert aws.names == ["sts:GetCallerIdentity", "sagemaker:ListModelPackageGroups"]


def test_a_role_of_another_account_is_not_even_assumed(aws: Aws) -> None:
    for arn in (f"arn:aws:iam::{OTHER}:role/x", "role/x", ""):
        with pytest.raises(AccountError, match=f"not a role of account {SPOKE}"):
            aws.cloud(read=arn).client(PLACE, "s3")
    assert aws.asked == []


def test_a_role_that_leads_elsewhere_is_not_believed(aws: Aws) -> None:
    aws.answers["sts:GetCallerIdentity"] = lambda asked: (
        200,
        {},
        f"<GetCallerIdentityResponse><GetCallerIdentityResult><Account>{OTHER}</Account><Arn>a</Arn>"
        "</GetCallerIdentityResult></GetCallerIdentityResponse>".encode(),
    )
    with pytest.raises(AccountError, match=f"account {SPOKE} was expected"):
        aws.cloud(read=ROLE).client(PLACE, "s3").call("HeadBucket", Bucket="bucket")
    assert aws.names == ["sts:AssumeRole", "sts:GetCallerIdentity"]


def test_purposes_are_sessions_of_their_own(aws: Aws) -> None:
    aws.answers["sagemaker:ListModelPackageGroups"] = groups
    cloud = aws.cloud(read=f"{ROLE}-read", register=f"{ROLE}-register", approve=f"{ROLE}-register")
    for purpose in ("read", "register", "approve", "read"):
        cloud.client(PLACE, "sagemaker", purpose).call("ListModelPackageGroups")  # type: ignore[arg-type]
    roles = [asked.fields["RoleArn"] for asked in aws.asked if asked.name == "sts:AssumeRole"]
    assert roles == [f"{ROLE}-read", f"{ROLE}-register"]


def test_many_threads_assume_a_role_once(aws: Aws) -> None:
    aws.answers["sagemaker:ListModelPackageGroups"] = groups
    cloud = aws.cloud(read=ROLE)
    with ThreadPoolExecutor(16) as pool:
        tasks = [pool.submit(cloud.client(PLACE, "sagemaker").call, "ListModelPackageGroups") for _ in range(100)]
    assert all(task.result() for task in tasks)
    assert (aws.names.count("sts:AssumeRole"), aws.names.count("sts:GetCallerIdentity")) == (1, 1)


def test_threads_that_wait_for_a_refusal_share_it_and_later_ones_ask_anew(aws: Aws) -> None:
    waiting, go_on = threading.Event(), threading.Event()

    def refused(_: Asked) -> Answer:
        waiting.set()
        assert go_on.wait(20)
        return error_xml("AccessDenied", "no", 403)

    aws.answers["sts:AssumeRole"] = refused
    client = aws.cloud(read=ROLE).client(PLACE, "sagemaker")
    with ThreadPoolExecutor(8) as pool:
        tasks = [pool.submit(client.call, "ListModelPackageGroups")]
        assert waiting.wait(20)
        tasks += [pool.submit(client.call, "ListModelPackageGroups") for _ in range(7)]
        while pool._work_queue.qsize():
            time.sleep(0.01)
        time.sleep(0.2)  # the last has been taken, and gets to where the others wait
        go_on.set()
    said = {str(task.exception()) for task in tasks}
    assert said == {f"sts:AssumeRole in {PLACE} failed: AccessDenied: no"}
    assert aws.names.count("sts:AssumeRole") < 8  # all of one moment share the answer
    before = len(aws.names)
    aws.answers = {"sagemaker:ListModelPackageGroups": groups}
    assert client.call("ListModelPackageGroups")
    assert aws.names[before:] == ["sts:AssumeRole", "sts:GetCallerIdentity", "sagemaker:ListModelPackageGroups"]


def test_a_session_that_ends_is_renewed(aws: Aws) -> None:
    aws.answers["sagemaker:ListModelPackageGroups"] = groups
    aws.lives = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 700))  # within the window of 15 minutes
    client = aws.cloud(read=ROLE).client(PLACE, "sagemaker")
    for _ in range(3):
        client.call("ListModelPackageGroups")
    assert aws.names.count("sts:AssumeRole") == 4


def test_one_account_is_entered_by_eight_at_a_time_and_others_go_on(aws: Aws) -> None:
    inside, most, lock, full, end = [0], [0], threading.Lock(), threading.Event(), threading.Event()

    def slow(asked: Asked) -> Answer:
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            if inside[0] == 8:
                full.set()
        end.wait(5)
        with lock:
            inside[0] -= 1
        return groups(asked)

    aws.answers["sagemaker:ListModelPackageGroups"] = slow
    aws.answers["sagemaker:ListModelPackages"] = lambda asked: answer_json({})
    cloud = aws.cloud(read=ROLE, workers=16)
    with ThreadPoolExecutor(12) as pool:
        tasks = [pool.submit(cloud.client(PLACE, "sagemaker").call, "ListModelPackageGroups") for _ in range(12)]
        assert full.wait(5)
        assert cloud.client(Target(HUB, "eu-west-1"), "sagemaker").call("ListModelPackages") == {}
        end.set()
    assert len([task.result() for task in tasks]) == 12
    assert most == [8]


def test_a_role_that_is_refused_says_so_and_is_recorded(aws: Aws) -> None:
    aws.answers["sts:AssumeRole"] = lambda asked: error_xml("AccessDenied", "User: ci is not authorized", 403)
    log = CallLog()
    with pytest.raises(CloudError) as caught:
        aws.cloud(log=log, read=ROLE).client(PLACE, "sagemaker").call("ListModelPackageGroups")
    error = caught.value
    assert (error.operation, error.code, error.status, error.where, error.denied) == (
        "sts:AssumeRole",
        "AccessDenied",
        403,
        f"{SPOKE}/eu-west-1",
        True,
    )
    assert "trust the caller" in error.hint
    assert [(call.operation, call.status, call.code) for call in log.calls] == [("AssumeRole", 403, "AccessDenied")]


def test_no_credentials_is_an_error_with_a_hint(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    for client in (aws.cloud(read=ROLE).client(PLACE, "s3"), aws.cloud().client(Target(HUB, "eu-west-1"), "s3")):
        with pytest.raises(CloudError) as caught:
            client.call("HeadBucket", Bucket="bucket")
        assert (caught.value.code, caught.value.status) == ("NoCredentialsError", 0)
        assert "sign in" in caught.value.hint
    with pytest.raises(CloudError):
        aws.cloud().identity()
    assert aws.asked == []


def test_a_profile_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[profile growth]\nregion = eu-west-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "grwth")
    loader.cache_clear()
    for made in (loader, own_session):
        with pytest.raises(HubwrightError) as caught:
            made()
        assert told(caught.value) == (
            'there is no AWS profile "grwth" '
            "(AWS_PROFILE names it: aws configure list-profiles shows which there are; or unset it)"
        )
    monkeypatch.setenv("AWS_PROFILE", "growth")
    assert own_session().get_config_variable("region") == "eu-west-1"


def test_an_endpoint_that_is_no_url_is_told(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "localhost:9")
    with pytest.raises(HubwrightError) as caught:
        aws.cloud().identity()
    assert told(caught.value) == (
        "no client of sts: Invalid endpoint: localhost:9 (AWS_ENDPOINT_URL, or endpoint_url in the AWS configuration,"
        " is a whole URL: https://HOST or http://HOST:PORT)"
    )


@pytest.mark.parametrize(
    ("run", "name"),
    [
        ("r1", "hubwright-r1"),
        ("growth/churn 8 é", "hubwright-growth-churn-8"),
        ("", "hubwright"),
        ("x" * 54, f"hubwright-{'x' * 54}"),
        ("x" * 55, f"hubwright-{'x' * 45}-d5e28568"),
    ],
)
def test_session_names_carry_the_run(run: str, name: str) -> None:
    assert session_name(run) == name
    assert re.fullmatch(r"[\w+=,.@-]{2,64}", session_name(run), re.ASCII)


def test_long_runs_that_differ_at_their_end_have_different_names() -> None:
    assert session_name("x" * 99 + "a") != session_name("x" * 99 + "b")


def test_all_sessions_share_one_loader() -> None:
    assert own_session().get_component("data_loader") is own_session().get_component("data_loader") is loader()


def test_sessions_have_botocores_handlers_and_none_of_each_other() -> None:
    first, second = own_session(), own_session()
    first.register("before-parameter-build.s3", lambda **_: "first")
    second.register("before-parameter-build.s3", lambda **_: "second")
    params = {"Bucket": "bucket", "CopySource": {"Bucket": "other", "Key": "a key"}}
    model = first.get_service_model("s3").operation_model("CopyObject")
    found = {
        name: [
            (answer, given["CopySource"])
            for given in [dict(params)]
            for _, answer in session.get_component("event_emitter").emit(
                "before-parameter-build.s3.CopyObject", params=given, context={}, model=model
            )
            if answer is not None
        ]
        for name, session in (("first", first), ("second", second))
    }
    assert found == {name: [(name, "other/a%20key")] for name in ("first", "second")}


def test_roles_are_assumed_over_one_client_of_the_caller(aws: Aws) -> None:
    made: list[object] = []

    def prepare(session: Session) -> None:
        aws.prepare(session)
        session.register("creating-client-class.sts", lambda **_: made.append(session))

    arns = {account: f"arn:aws:iam::{account}:role/read" for account in ("200000000001", "200000000002")}
    roles = {account: Roles(read=arn) for account, arn in arns.items()}
    cloud = AwsCloud(roles, run="run-1", writable=False, log=CallLog(), prepare=prepare)
    for account in arns:  # each role's session proves itself with a client of its own
        with pytest.raises(AccountError):
            cloud.client(Target(account, "eu-west-1"), "ecr").call("DescribeRepositories")
    assumed = [asked.fields["RoleArn"] for asked in aws.asked if asked.name == "sts:AssumeRole"]
    assert (assumed, len(made), len(set(made))) == ([*arns.values()], 3, 3)


def test_no_secret_is_in_the_log(aws: Aws) -> None:
    aws.answers["sagemaker:ListModelPackageGroups"] = groups
    stream = io.StringIO()
    log = CallLog(stream)
    aws.cloud(log=log, read=ROLE).client(PLACE, "sagemaker").call("ListModelPackageGroups")
    text = stream.getvalue() + repr(log.calls)
    assert not any(secret in text for secret in (*SECRETS, "AKIACALLER", "ASIAROLE"))
    assert isinstance(log.calls[0], Call)


def test_every_request_says_who_it_is_from(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SDK_UA_APP_ID", "growth")
    aws.answers["sagemaker:ListModelPackageGroups"] = groups
    cloud = aws.cloud()
    for _ in range(2):
        cloud.client(Target(HUB, "eu-west-1"), "sagemaker").call("ListModelPackageGroups")
    said = {asked.name: asked.request.headers["User-Agent"].decode() for asked in aws.asked}
    assert said == dict.fromkeys(aws.names, f"{Session().user_agent()} app/growth hubwright/{__version__}")
