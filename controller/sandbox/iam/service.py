"""IAM's operations, by name; what is missing here goes to nobody, so that no second truth about roles arises."""

from __future__ import annotations

from collections.abc import Callable

from controller.sandbox.iam import policies, providers, roles, simulate
from controller.sandbox.iam.common import Document
from controller.sandbox.principals import Caller
from controller.sandbox.world import World

Operation = Callable[[World, Caller, Document], Document]

OPERATIONS: dict[str, Operation] = {
    "CreateRole": roles.create_role,
    "GetRole": roles.get_role,
    "ListRoles": roles.list_roles,
    "UpdateRole": roles.update_role,
    "UpdateAssumeRolePolicy": roles.update_assume_role_policy,
    "DeleteRole": roles.delete_role,
    "PutRolePolicy": roles.put_role_policy,
    "GetRolePolicy": roles.get_role_policy,
    "DeleteRolePolicy": roles.delete_role_policy,
    "ListRolePolicies": roles.list_role_policies,
    "PutRolePermissionsBoundary": roles.put_role_permissions_boundary,
    "DeleteRolePermissionsBoundary": roles.delete_role_permissions_boundary,
    "TagRole": roles.tag_role,
    "UntagRole": roles.untag_role,
    "ListRoleTags": roles.list_role_tags,
    "CreatePolicy": policies.create_policy,
    "GetPolicy": policies.get_policy,
    "ListPolicies": policies.list_policies,
    "GetPolicyVersion": policies.get_policy_version,
    "ListPolicyVersions": policies.list_policy_versions,
    "CreatePolicyVersion": policies.create_policy_version,
    "SetDefaultPolicyVersion": policies.set_default_policy_version,
    "DeletePolicyVersion": policies.delete_policy_version,
    "DeletePolicy": policies.delete_policy,
    "AttachRolePolicy": policies.attach_role_policy,
    "DetachRolePolicy": policies.detach_role_policy,
    "ListAttachedRolePolicies": policies.list_attached_role_policies,
    "CreateOpenIDConnectProvider": providers.create_provider,
    "GetOpenIDConnectProvider": providers.get_provider,
    "ListOpenIDConnectProviders": providers.list_providers,
    "DeleteOpenIDConnectProvider": providers.delete_provider,
    "AddClientIDToOpenIDConnectProvider": providers.add_audience,
    "RemoveClientIDFromOpenIDConnectProvider": providers.remove_audience,
    "UpdateOpenIDConnectProviderThumbprint": providers.update_thumbprints,
    "TagOpenIDConnectProvider": providers.tag_provider,
    "UntagOpenIDConnectProvider": providers.untag_provider,
    "CreateUser": providers.create_user,
    "GetUser": providers.get_user,
    "PutUserPolicy": providers.put_user_policy,
    "CreateAccessKey": providers.create_access_key,
    "SimulatePrincipalPolicy": simulate.simulate_principal_policy,
}
