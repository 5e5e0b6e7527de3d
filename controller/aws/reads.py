"""The operations that read: the only ones a planning run may send. What is not named here counts as a write."""

from __future__ import annotations

from collections.abc import Mapping

READS: Mapping[str, frozenset[str]] = {
    "sagemaker": frozenset(
        {
            "BatchDescribeModelPackage",
            "DescribeAction",
            "DescribeArtifact",
            "DescribeContext",
            "DescribeExperiment",
            "DescribeModelCard",
            "DescribeModelPackage",
            "DescribeModelPackageGroup",
            "DescribePipeline",
            "DescribePipelineDefinitionForExecution",
            "DescribePipelineExecution",
            "DescribeProcessingJob",
            "DescribeTrainingJob",
            "DescribeTransformJob",
            "DescribeTrial",
            "DescribeTrialComponent",
            "GetModelPackageGroupPolicy",
            "ListActions",
            "ListArtifacts",
            "ListAssociations",
            "ListContexts",
            "ListModelPackageGroups",
            "ListModelPackages",
            "ListPipelineExecutionSteps",
            "ListTags",
            "QueryLineage",
            "Search",
        },
    ),
    "s3": frozenset(
        {
            "GetBucketEncryption",
            "GetBucketLifecycleConfiguration",
            "GetBucketLocation",
            "GetBucketOwnershipControls",
            "GetBucketPolicy",
            "GetBucketPolicyStatus",
            "GetBucketTagging",
            "GetBucketVersioning",
            "GetObject",
            "GetObjectAttributes",
            "GetObjectLockConfiguration",
            "GetObjectRetention",
            "GetObjectTagging",
            "GetPublicAccessBlock",
            "HeadBucket",
            "HeadObject",
            "ListMultipartUploads",
            "ListObjectVersions",
            "ListObjectsV2",
            "ListParts",
        },
    ),
    "ecr": frozenset(
        {
            "BatchCheckLayerAvailability",
            "BatchGetImage",
            "DescribeImageScanFindings",
            "DescribeImageSigningStatus",
            "DescribeImages",
            "DescribeRegistry",
            "DescribeRepositories",
            "GetAccountSetting",
            "GetAuthorizationToken",
            "GetDownloadUrlForLayer",
            "GetLifecyclePolicy",
            "GetRegistryPolicy",
            "GetRepositoryPolicy",
            "ListImageReferrers",
            "ListImages",
            "ListTagsForResource",
        },
    ),
    "sts": frozenset({"AssumeRole", "GetCallerIdentity"}),
    "kms": frozenset({"DescribeKey", "GetKeyPolicy", "GetPublicKey", "ListAliases", "ListResourceTags"}),
    "iam": frozenset(
        {
            "GetOpenIDConnectProvider",
            "GetPolicy",
            "GetPolicyVersion",
            "GetRole",
            "GetRolePolicy",
            "ListAttachedRolePolicies",
            "ListRolePolicies",
            "ListRoleTags",
            "SimulatePrincipalPolicy",
        },
    ),
    "events": frozenset(
        {
            "DescribeArchive",
            "DescribeEventBus",
            "DescribeRule",
            "ListRules",
            "ListTagsForResource",
            "ListTargetsByRule",
        },
    ),
    "sqs": frozenset({"GetQueueAttributes", "GetQueueUrl", "ListQueueTags"}),
    "dynamodb": frozenset({"BatchGetItem", "DescribeTable", "GetItem", "Query", "Scan"}),
}


def is_read(service: str, operation: str) -> bool:
    """Whether the call changes nothing. Of registry requests (`oci`) GET and HEAD read."""
    if service == "oci":
        return operation in {"GET", "HEAD"}
    return operation in READS.get(service, frozenset())
