"""The permissions that each deed needs: exactly what the calls of the code ask for, one tuple a deed.

`tests/core/test_access_used.py` plays all flows and holds every action here to a call, and every call to an action.
"""

from __future__ import annotations

READ_OBJECTS = ("s3:GetObject", "s3:GetObjectVersion")
READ_VERSIONS = ("s3:GetObjectVersion",)
"""Of a store: it is always versioned, and what is recorded names its version."""
LIST_OBJECTS = ("s3:ListBucket",)
"""Also what makes S3 say 404 instead of 403 of an object that is not there."""
LIST_VERSIONS = ("s3:ListBucketVersions",)
PUT_OBJECTS = ("s3:PutObject", "s3:PutObjectTagging")
WRITE_OBJECTS = ("s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", *PUT_OBJECTS)
LIST_UPLOADS = ("s3:ListBucketMultipartUploads",)
BUCKET_STATE = ("s3:GetBucketVersioning",)
AUDIT = ("s3:GetObject", "s3:PutObject")
"""The record is read only where one of its name is there already."""
RETAIN = ("s3:PutObjectRetention",)
BUCKET_LOCK = ("s3:GetBucketObjectLockConfiguration",)

DESCRIBE_VERSIONS = ("sagemaker:DescribeModelPackage", "sagemaker:ListModelPackages")
DESCRIBE_GROUPS = ("sagemaker:DescribeModelPackageGroup",)
GROUP_TAGS = ("sagemaker:ListTags",)
SEARCH = ("sagemaker:Search",)
DESCRIBE_JOBS = ("sagemaker:DescribeTrainingJob",)
DESCRIBE_RUNS = ("sagemaker:DescribePipelineExecution", "sagemaker:ListPipelineExecutionSteps")
HOLD_GROUPS = ("sagemaker:AddTags", "sagemaker:DeleteTags")
MAKE_GROUPS = ("sagemaker:AddTags", "sagemaker:CreateModelPackageGroup")
REGISTER = ("sagemaker:CreateModelPackage",)
APPROVE = ("sagemaker:UpdateModelPackage",)
DEPLOY = ("sagemaker:CreateModel",)

LOG_IN = ("ecr:GetAuthorizationToken",)
PULL = ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
PULL_TO_DEPLOY = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
"""What a model's execution role needs by AWS's page on it, and the service SageMaker beside it."""
PUSH = (
    "ecr:BatchCheckLayerAvailability",
    "ecr:CompleteLayerUpload",
    "ecr:InitiateLayerUpload",
    "ecr:PutImage",
    "ecr:UploadLayerPart",
)
LIST_REPOSITORIES = ("ecr:DescribeRepositories",)
LIST_IMAGES = ("ecr:DescribeImages",)
SEE_SCANS = ("ecr:DescribeImageScanFindings",)
MAKE_REPOSITORIES = ("ecr:CreateRepository", "ecr:TagResource")

DECRYPT = ("kms:Decrypt",)
ENCRYPT = ("kms:Decrypt", "kms:GenerateDataKey")
SEE_KEY = ("kms:DescribeKey",)
LEND_KEY = ("kms:CreateGrant", "kms:DescribeKey")

SIMULATE = ("iam:SimulatePrincipalPolicy",)
"""Asking what a role may do, before anything is done."""

LOOK_AT_BUCKETS = ("s3:GetBucketPolicy",)
LOOK_AT_REPOSITORIES = ("ecr:GetRepositoryPolicy",)
LOOK_AT_GROUPS = ("sagemaker:GetModelPackageGroupPolicy",)
LOOK_AT_KEYS = ("kms:GetKeyPolicy",)
LOOK_AT_ROLES = ("iam:GetRole", "iam:GetRolePolicy")
LOOK_AT_PROVIDERS = ("iam:GetOpenIDConnectProvider",)
LOOK_AT_BUSES = ("events:DescribeEventBus",)
LOOK_AT_RULES = ("events:DescribeRule", "events:ListTargetsByRule")
LOOK_AT_QUEUES = ("sqs:GetQueueAttributes", "sqs:GetQueueUrl")

ASSUME = ("sts:AssumeRole",)
TAG_SESSION = ("sts:TagSession",)
ASSUME_WEB = ("sts:AssumeRoleWithWebIdentity",)
PUT_EVENTS = ("events:PutEvents",)
SEND = ("sqs:SendMessage",)
TAKE = ("sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage")
TELL_TABLE = ("dynamodb:GetItem", "dynamodb:PutItem")
