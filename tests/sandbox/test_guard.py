"""Calls as AWS authorises them: each service's actions, resources, keys and error shapes, with nothing granted at first."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from controller.sandbox import local
from controller.sandbox.world import World
from tests.sandbox.conftest import CHURN, HUB, REGION, Bench
from tests.sandbox.images import OCI, Image, digest_of
from tests.sandbox.test_packages import create

Json = dict[str, Any]


def policy(*statements: Json) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(actions: str | list[str], resources: str | list[str] = "*", **more: Any) -> Json:
    return {"Effect": "Allow", "Action": actions, "Resource": resources, **more}


def trust(account: str, **more: Any) -> str:
    principal = {"AWS": f"arn:aws:iam::{account}:root"}
    return policy({"Effect": "Allow", "Principal": principal, "Action": ["sts:AssumeRole", "sts:TagSession"], **more})


def lets(account: str, actions: str | list[str], resources: str | list[str] | None = None, **more: Any) -> Json:
    where = {} if resources is None else {"Resource": resources}
    return {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": actions,
        **where,
        **more,
    }


class Stand:
    """A bare world whose calls are authorised."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.world = bench.world = World(logical=True, bare=True)
        self.world.settings.authorize = True
        self.world.settings.status = {"*": ("Completed",)}

    def admin(self, service: str, account: str = HUB) -> Any:
        return self.bench.client(service, account)

    def role(self, name: str, *statements: Json, account: str = HUB, by: str = HUB, **more: Any) -> str:
        """A role with an inline policy, which an account may assume."""
        iam = self.admin("iam", account)
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=more.pop("trust", trust(by)), **more)["Role"][
            "Arn"
        ]
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy(*statements))
        return str(arn)

    def client(self, service: str, role: str, by: str = HUB, **session: Any) -> Any:
        """A client with a session of a role."""
        keys = self.admin("sts", by).assume_role(RoleArn=role, RoleSessionName="run", **session)["Credentials"]
        return self.bench.session.create_client(
            service,
            region_name=REGION,
            endpoint_url="http://sandbox.localhost",
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )


@pytest.fixture
def stand(bench: Bench) -> Stand:
    return Stand(bench)


@pytest.fixture
def bucket(stand: Stand) -> str:
    """A spoke's bucket with one object."""
    s3 = stand.admin("s3", CHURN)
    s3.create_bucket(Bucket="lab", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_versioning(Bucket="lab", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="lab", Key="v1/model", Body=b"bytes")
    return "lab"


def denied(call: Callable[[], Any]) -> str:
    with pytest.raises(ClientError) as caught:
        call()
    assert caught.value.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException", "403"), caught.value
    return str(caught.value.response["Error"]["Message"])


def test_json_services_say_who_what_where_and_why(stand: Stand) -> None:
    """The shape of IAM's User Guide, `Troubleshoot access denied error messages`."""
    sm = stand.client("sagemaker", stand.role("reader"))
    arn = f"arn:aws:sagemaker:{REGION}:{HUB}:model-package/churn/1"
    assert denied(lambda: sm.describe_model_package(ModelPackageName=arn)) == (
        f"User: arn:aws:sts::{HUB}:assumed-role/reader/run is not authorized to perform: "
        f"sagemaker:DescribeModelPackage on resource: {arn} because no identity-based policy allows "
        "the sagemaker:DescribeModelPackage action"
    )


def test_registration_may_be_confined_to_pending(stand: Stand) -> None:
    """sagemaker:ModelApprovalStatus: a role that registers cannot register what is Approved, nor approve."""
    stand.admin("sagemaker").create_model_package_group(ModelPackageGroupName="churn")
    base = f"arn:aws:sagemaker:{REGION}:{HUB}:model-package"
    pending = {"StringEquals": {"sagemaker:ModelApprovalStatus": "PendingManualApproval"}}
    role = stand.role(
        "register",
        allow("sagemaker:CreateModelPackage", [f"{base}-group/churn", f"{base}/churn/*"], Condition=pending),
    )
    sm = stand.client("sagemaker", role)
    arn = create(sm, "churn", ModelApprovalStatus="PendingManualApproval")
    assert "CreateModelPackage" in denied(lambda: create(sm, "churn", ModelApprovalStatus="Approved"))
    assert "CreateModelPackage" in denied(lambda: create(sm, "churn"))
    assert "UpdateModelPackage" in denied(
        lambda: sm.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    )


def test_a_group_of_another_account_needs_both_sides(stand: Stand) -> None:
    """Cross-account: the identity's policy and the group's."""
    spoke = stand.admin("sagemaker", CHURN)
    spoke.create_model_package_group(ModelPackageGroupName="churn")
    arn = create(spoke, "churn")
    role = stand.role(
        "reader", allow("sagemaker:DescribeModelPackage", f"arn:aws:sagemaker:{REGION}:{CHURN}:model-package/*")
    )
    sm = stand.client("sagemaker", role)
    assert "because no resource-based policy allows" in denied(lambda: sm.describe_model_package(ModelPackageName=arn))
    grant = lets(HUB, "sagemaker:DescribeModelPackage", f"arn:aws:sagemaker:{REGION}:{CHURN}:model-package/churn/*")
    spoke.put_model_package_group_policy(ModelPackageGroupName="churn", ResourcePolicy=policy(grant))
    assert sm.describe_model_package(ModelPackageName=arn)["ModelPackageVersion"] == 1
    stand.admin("iam").delete_role_policy(RoleName="reader", PolicyName="own")
    assert "because no identity-based policy allows" in denied(lambda: sm.describe_model_package(ModelPackageName=arn))


def test_a_copy_asks_both_ends_of_one_caller(stand: Stand, bucket: str) -> None:
    """CopyObject: GetObjectVersion at the source, PutObject at the destination; tags need their own."""
    hub, spoke = stand.admin("s3"), stand.admin("s3", CHURN)
    hub.create_bucket(Bucket="store", CreateBucketConfiguration={"LocationConstraint": REGION})
    version = spoke.head_object(Bucket=bucket, Key="v1/model")["VersionId"]
    source = {"Bucket": bucket, "Key": "v1/model", "VersionId": version}
    role = stand.role("copier", allow("s3:PutObject", "arn:aws:s3:::store/*"))
    s3 = stand.client("s3", role)
    assert "s3:GetObjectVersion" in denied(lambda: s3.copy_object(Bucket="store", Key="k", CopySource=source))
    both = [allow("s3:PutObject", "arn:aws:s3:::store/*"), allow("s3:GetObjectVersion*", "arn:aws:s3:::lab/*")]
    stand.admin("iam").put_role_policy(RoleName="copier", PolicyName="own", PolicyDocument=policy(*both))
    said = denied(lambda: s3.copy_object(Bucket="store", Key="k", CopySource=source))
    assert said.endswith(
        f'on resource: "arn:aws:s3:::{bucket}/v1/model" because no resource-based policy allows the s3:GetObjectVersion action'
    )
    grant = lets(HUB, "s3:GetObjectVersion*", f"arn:aws:s3:::{bucket}/*")
    spoke.put_bucket_policy(Bucket=bucket, Policy=policy(grant))
    s3.copy_object(Bucket="store", Key="k", CopySource=source)
    spoke.put_object_tagging(Bucket=bucket, Key="v1/model", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    assert "s3:PutObjectTagging" in denied(lambda: s3.copy_object(Bucket="store", Key="k2", CopySource=source))
    s3.copy_object(Bucket="store", Key="k3", CopySource=source, TaggingDirective="REPLACE")


def test_absent_is_403_for_those_who_may_not_list(stand: Stand, bucket: str) -> None:
    """GetObject: without s3:ListBucket an object that is not there is 403, with it 404."""
    s3 = stand.client("s3", stand.role("own", allow("s3:GetObject"), account=CHURN, by=CHURN), CHURN)
    denied(lambda: s3.get_object(Bucket=bucket, Key="absent"))
    denied(lambda: s3.head_object(Bucket=bucket, Key="absent"))
    stand.admin("iam", CHURN).put_role_policy(
        RoleName="own", PolicyName="lists", PolicyDocument=policy(allow("s3:ListBucket", "arn:aws:s3:::lab"))
    )
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get_object(Bucket=bucket, Key="absent")


def test_listing_is_confined_by_prefix(stand: Stand, bucket: str) -> None:
    """s3:prefix."""
    only = allow("s3:ListBucket", "arn:aws:s3:::lab", Condition={"StringLike": {"s3:prefix": "v1/*"}})
    s3 = stand.client("s3", stand.role("lists", only, account=CHURN, by=CHURN), CHURN)
    assert s3.list_objects_v2(Bucket=bucket, Prefix="v1/")["KeyCount"] == 1
    denied(lambda: s3.list_objects_v2(Bucket=bucket))
    denied(lambda: s3.list_objects_v2(Bucket=bucket, Prefix="v2/"))


def test_a_store_can_be_written_once(stand: Stand) -> None:
    """s3:if-none-match with s3:ObjectCreationOperation: whoever may write still cannot overwrite; parts pass."""
    s3 = stand.admin("s3")
    s3.create_bucket(Bucket="store", CreateBucketConfiguration={"LocationConstraint": REGION})
    once = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::store/*",
        "Condition": {"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}},
    }
    s3.put_bucket_policy(Bucket="store", Policy=policy(once))
    said = denied(lambda: s3.put_object(Bucket="store", Key="k", Body=b""))
    assert said.endswith("with an explicit deny in a resource-based policy")
    s3.put_object(Bucket="store", Key="k", Body=b"", IfNoneMatch="*")
    upload = s3.create_multipart_upload(Bucket="store", Key="big")["UploadId"]
    part = s3.upload_part(Bucket="store", Key="big", UploadId=upload, PartNumber=1, Body=b"x")["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": part}]}
    end = {"Bucket": "store", "Key": "big", "UploadId": upload, "MultipartUpload": parts}
    denied(lambda: s3.complete_multipart_upload(**end))
    s3.complete_multipart_upload(**end, IfNoneMatch="*")


def test_encrypted_objects_need_their_key(stand: Stand, bucket: str) -> None:
    """SSE-KMS: kms:Decrypt by the reader's policy and the key's, kms:GenerateDataKey by the writer's, via S3."""
    kms, s3 = stand.admin("kms", CHURN), stand.admin("s3", CHURN)
    key = kms.create_key()["KeyMetadata"]["Arn"]
    s3.put_object(Bucket=bucket, Key="secret", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    s3.put_bucket_policy(Bucket=bucket, Policy=policy(lets(HUB, "s3:GetObject", "arn:aws:s3:::lab/*")))
    role = stand.role("reader", allow("s3:GetObject"))
    reader = stand.client("s3", role)
    assert f"kms:Decrypt on resource: {key}" in denied(lambda: reader.get_object(Bucket=bucket, Key="secret"))
    via = {"StringEquals": {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}}
    decrypt = allow("kms:Decrypt", key, Condition=via)
    stand.admin("iam").put_role_policy(RoleName="reader", PolicyName="key", PolicyDocument=policy(decrypt))
    assert "no resource-based policy allows" in denied(lambda: reader.get_object(Bucket=bucket, Key="secret"))
    own = json.loads(kms.get_key_policy(KeyId=key)["Policy"])
    own["Statement"].append(lets(HUB, "kms:Decrypt", "*", Condition=via))
    kms.put_key_policy(KeyId=key, Policy=json.dumps(own))
    assert reader.get_object(Bucket=bucket, Key="secret")["Body"].read() == b"x"


def test_no_other_account_reads_with_the_key_that_aws_manages(stand: Stand, bucket: str) -> None:
    """ "You can't share an AWS managed key": `aws/s3` is of its account alone, whatever anybody grants there."""
    kms, s3 = stand.admin("kms", CHURN), stand.admin("s3", CHURN)
    made = s3.put_object(Bucket=bucket, Key="secret", Body=b"x", ServerSideEncryption="aws:kms")
    key = s3.head_object(Bucket=bucket, Key="secret")["SSEKMSKeyId"]
    assert made["SSEKMSKeyId"] == key
    described = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert (described["KeyManager"], described["Arn"]) == ("AWS", key)
    assert kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"] == described
    assert s3.get_object(Bucket=bucket, Key="secret")["Body"].read() == b"x"
    s3.put_bucket_policy(Bucket=bucket, Policy=policy(lets(HUB, "s3:GetObject", f"arn:aws:s3:::{bucket}/*")))
    reader = stand.client("s3", stand.role("reader", allow("*")))
    assert f"kms:Decrypt on resource: {key}" in denied(lambda: reader.get_object(Bucket=bucket, Key="secret"))
    stand.world.bare = False  # what stands for all that was granted long ago does not stand for this
    usual = stand.client("s3", stand.role("hubwright", allow("*")))
    assert f"kms:Decrypt on resource: {key}" in denied(lambda: usual.get_object(Bucket=bucket, Key="secret"))


def test_assuming_a_role_needs_trust_and_the_external_id(stand: Stand) -> None:
    """sts:ExternalId, aws:PrincipalOrgID; a session tag needs sts:TagSession on both sides."""
    conditions = {"StringEquals": {"sts:ExternalId": "growth", "aws:PrincipalOrgID": "o-hubwright01"}}
    only = policy(
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{CHURN}:root"},
            "Action": "sts:AssumeRole",
            "Condition": conditions,
        }
    )
    role = stand.role("register", trust=only)
    sts = stand.admin("sts", CHURN)
    assert sts.assume_role(RoleArn=role, RoleSessionName="run", ExternalId="growth")["AssumedRoleUser"]
    assert denied(lambda: sts.assume_role(RoleArn=role, RoleSessionName="run")) == (
        f"User: arn:aws:iam::{CHURN}:user/administrator is not authorized to perform: sts:AssumeRole on resource: {role}"
    )
    denied(lambda: sts.assume_role(RoleArn=role, RoleSessionName="run", ExternalId="other"))
    tags = [{"Key": "spoke", "Value": CHURN}]
    said = denied(lambda: sts.assume_role(RoleArn=role, RoleSessionName="run", ExternalId="growth", Tags=tags))
    assert "sts:TagSession" in said
    denied(
        lambda: stand.admin("sts", "333333333333").assume_role(RoleArn=role, RoleSessionName="run", ExternalId="growth")
    )


def test_session_tags_confine_by_a_policy_variable(stand: Stand) -> None:
    """${aws:PrincipalTag/spoke} in a resource: a session tagged with one account cannot write below another's."""
    s3 = stand.admin("s3")
    s3.create_bucket(Bucket="store", CreateBucketConfiguration={"LocationConstraint": REGION})
    role = stand.role("register", allow("s3:PutObject", "arn:aws:s3:::store/models/${aws:PrincipalTag/spoke}/*"))
    mine = stand.client("s3", role, Tags=[{"Key": "spoke", "Value": CHURN}])
    mine.put_object(Bucket="store", Key=f"models/{CHURN}/x", Body=b"")
    denied(lambda: mine.put_object(Bucket="store", Key="models/333333333333/x", Body=b""))
    denied(lambda: stand.client("s3", role).put_object(Bucket="store", Key=f"models/{CHURN}/x", Body=b""))


def test_the_account_of_a_resource_is_known_to_every_call(stand: Stand) -> None:
    """aws:ResourceAccount: a tagged session reads and copies what the account of its tag has, however open others are."""
    own = {"StringEquals": {"aws:ResourceAccount": "${aws:PrincipalTag/spoke}"}}
    deeds = ["s3:GetObject", "s3:ListBucket", "kms:DescribeKey", "ecr:DescribeImages", "sagemaker:ListModelPackages"]
    role = stand.role("register", allow(deeds, Condition=own), allow("s3:PutObject"))
    tagged = {"Tags": [{"Key": "spoke", "Value": CHURN}]}
    s3, kms = stand.client("s3", role, **tagged), stand.client("kms", role, **tagged)
    stand.admin("s3").create_bucket(Bucket="store", CreateBucketConfiguration={"LocationConstraint": REGION})
    for account in (CHURN, "333333333333"):
        theirs, bucket = stand.admin("s3", account), f"lab-{account}"
        theirs.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        theirs.put_object(Bucket=bucket, Key="x", Body=b"x")
        places = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
        theirs.put_bucket_policy(Bucket=bucket, Policy=policy(lets(HUB, "s3:*", places)))
        opened = policy(lets(HUB, "kms:*", "*"), lets(account, "kms:*", "*"))
        key = stand.admin("kms", account).create_key(Policy=opened)["KeyMetadata"]["Arn"]
        copied = {"Bucket": "store", "Key": "x", "CopySource": f"{bucket}/x"}
        calls: list[Callable[[], Any]] = [
            lambda bucket=bucket: s3.get_object(Bucket=bucket, Key="x"),  # type: ignore[misc]
            lambda bucket=bucket: s3.list_objects_v2(Bucket=bucket),  # type: ignore[misc]
            lambda copied=copied: s3.copy_object(**copied),  # type: ignore[misc]
            lambda key=key: kms.describe_key(KeyId=key),  # type: ignore[misc]
        ]
        for call in calls:
            if account == CHURN:
                call()
            else:
                assert "because no identity-based policy allows" in denied(call)


def test_session_policies_and_boundaries_only_narrow(stand: Stand) -> None:
    """The intersection: each has to allow; the words say which does not."""
    iam = stand.admin("iam")
    edge = iam.create_policy(PolicyName="edge", PolicyDocument=policy(allow("ecr:*")))["Policy"]["Arn"]
    role = stand.role("worker", allow("*"), PermissionsBoundary=edge)
    assert stand.client("ecr", role).describe_repositories()["repositories"] == []
    said = denied(lambda: stand.client("sagemaker", role).list_model_package_groups())
    assert "because no permissions boundary allows" in said
    narrow = stand.client("ecr", role, Policy=policy(allow("ecr:GetAuthorizationToken")))
    assert narrow.get_authorization_token()["authorizationData"]
    assert "because no session policy allows" in denied(narrow.describe_repositories)


def test_a_registry_login_is_its_principals(stand: Stand) -> None:
    """/v2/: pull and push are ecr:BatchGetImage, ecr:PutImage and so on, by identity and repository policy."""
    ecr, image = stand.admin("ecr", CHURN), Image("one")
    ecr.create_repository(repositoryName="team/app")
    host = f"{CHURN}.dkr.ecr.{REGION}.amazonaws.com"

    def send(token: str, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        headers = {"Authorization": f"Basic {token}", "Content-Type": OCI}
        status, _, data = local.send(stand.world, method, f"https://{host}/v2/team/app/{path}", headers, body)
        return status, data

    own = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    for data in (image.config, image.layer):
        place = f"blobs/uploads/?digest={digest_of(data)}"
        assert send(own, "POST", place, data)[0] == 201
    assert send(own, "PUT", "manifests/1", image.manifest)[0] == 201
    pull = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"]
    role = stand.role(
        "puller", allow("ecr:GetAuthorizationToken"), allow(pull, f"arn:aws:ecr:{REGION}:{CHURN}:repository/team/*")
    )
    token = stand.client("ecr", role).get_authorization_token()["authorizationData"][0]["authorizationToken"]
    status, data = send(token, "GET", "manifests/1")
    (error,) = json.loads(data)["errors"]
    assert (status, error["code"]) == (403, "DENIED")
    assert error["message"].endswith("because no resource-based policy allows the ecr:BatchGetImage action")
    ecr.set_repository_policy(repositoryName="team/app", policyText=policy(lets(HUB, pull)))
    assert send(token, "GET", "manifests/1")[0] == 200
    assert send(token, "GET", f"blobs/{digest_of(image.config)}")[0] == 200
    assert send(token, "PUT", "manifests/2", image.manifest)[0] == 403
    assert send(token, "POST", "blobs/uploads/")[0] == 403


def test_jobs_become_roles_by_their_token(stand: Stand) -> None:
    """AssumeRoleWithWebIdentity: provider, audience and subject have to fit; no keys are needed."""
    url = "https://token.actions.githubusercontent.com"
    iam = stand.admin("iam")
    provider = iam.create_open_id_connect_provider(Url=url, ClientIDList=["sts.amazonaws.com"])[
        "OpenIDConnectProviderArn"
    ]
    issuer = url.removeprefix("https://")
    conditions = {
        "StringEquals": {f"{issuer}:aud": "sts.amazonaws.com"},
        "StringLike": {f"{issuer}:sub": "repo:acme/models:*"},
    }
    document = policy(
        {
            "Effect": "Allow",
            "Principal": {"Federated": provider},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": conditions,
        }
    )
    role = stand.role("plan", trust=document)

    def assume(subject: str, audience: str = "sts.amazonaws.com") -> Any:
        claims = {"iss": url, "sub": subject, "aud": audience, "exp": 4_000_000_000}
        part = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
        return stand.admin("sts").assume_role_with_web_identity(
            RoleArn=role, RoleSessionName="job", WebIdentityToken=f"e30.{part}.x"
        )

    assert assume("repo:acme/models:ref:refs/heads/main")["AssumedRoleUser"]["Arn"].endswith("assumed-role/plan/job")
    denied(lambda: assume("repo:other/models:ref:refs/heads/main"))
    with pytest.raises(ClientError, match="InvalidIdentityToken"):
        assume("repo:acme/models:x", audience="other")


def test_every_decision_is_recorded(stand: Stand) -> None:
    """Principal, action, resource, outcome, and the statements that applied."""
    role = stand.role("reader", allow("ecr:DescribeRepositories", Sid="Reads"))
    ecr = stand.client("ecr", role)
    stand.world.decisions.clear()
    ecr.describe_repositories()
    denied(lambda: ecr.create_repository(repositoryName="x/y"))
    first, second = [item.document() for item in stand.world.decisions]
    assert first | {"call": 0} == {
        "call": 0,
        "principal": f"arn:aws:sts::{HUB}:assumed-role/reader/run",
        "action": "ecr:DescribeRepositories",
        "resource": f"arn:aws:ecr:{REGION}:{HUB}:repository/*",
        "allowed": True,
        "reason": "",
        "statements": [{"source": f"role {HUB}/reader/own", "sid": "Reads", "effect": "Allow"}],
    }
    assert (second["action"], second["allowed"], second["statements"]) == ("ecr:CreateRepository", False, [])
