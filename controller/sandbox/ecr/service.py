"""ECR's operations, by name; what is missing here goes to nobody, so that no second truth about images arises."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from controller.sandbox.ecr import images, layers, repositories, scans
from controller.sandbox.principals import Caller
from controller.sandbox.world import World

Operation = Callable[[World, Caller, dict[str, Any]], dict[str, Any]]

OPERATIONS: dict[str, Operation] = {
    "CreateRepository": repositories.create_repository,
    "DescribeRepositories": repositories.describe_repositories,
    "DeleteRepository": repositories.delete_repository,
    "PutImageTagMutability": repositories.put_image_tag_mutability,
    "SetRepositoryPolicy": partial(repositories.repository_policy, deed="set"),
    "GetRepositoryPolicy": partial(repositories.repository_policy, deed="get"),
    "DeleteRepositoryPolicy": partial(repositories.repository_policy, deed="delete"),
    "PutLifecyclePolicy": partial(repositories.lifecycle_policy, deed="put"),
    "GetLifecyclePolicy": partial(repositories.lifecycle_policy, deed="get"),
    "DeleteLifecyclePolicy": partial(repositories.lifecycle_policy, deed="delete"),
    "ListTagsForResource": partial(repositories.repository_tags, deed="list"),
    "TagResource": partial(repositories.repository_tags, deed="tag"),
    "UntagResource": partial(repositories.repository_tags, deed="untag"),
    "PutImage": images.put_image,
    "BatchGetImage": images.batch_get_image,
    "BatchDeleteImage": images.batch_delete_image,
    "DescribeImages": images.describe_images,
    "DescribeImageScanFindings": scans.describe_image_scan_findings,
    "ListImages": images.list_images,
    "ListImageReferrers": images.list_image_referrers,
    "InitiateLayerUpload": layers.initiate_layer_upload,
    "UploadLayerPart": layers.upload_layer_part,
    "CompleteLayerUpload": layers.complete_layer_upload,
    "BatchCheckLayerAvailability": layers.batch_check_layer_availability,
    "GetDownloadUrlForLayer": layers.get_download_url_for_layer,
    "GetAuthorizationToken": layers.get_authorization_token,
}
