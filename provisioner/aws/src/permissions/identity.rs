//! IAM, STS, Service Quotas and the index of tags.

use super::ResourceScope::{Attached, Boundary, BoundedRole, Everything, Role, ServiceLinkedRole};
use super::{Call, DEPLOY, NOBODY, Need, PLAN, UP, call, need, renamed};

const TAGGED: Need = need("iam:TagRole", UP, Role);

pub(super) const CALLS: &[Call] = &[
    // Only those that the file names.
    call!("iam:AttachRolePolicy", UP, Attached),
    call!("iam:CreateRole", UP, BoundedRole, TAGGED),
    call!("iam:CreateServiceLinkedRole", UP, ServiceLinkedRole),
    call!("iam:DeleteRole", UP, Role),
    // Takes the bounds off.
    call!("iam:DeleteRolePermissionsBoundary", NOBODY, Role),
    call!("iam:DeleteRolePolicy", UP, Role),
    call!("iam:DetachRolePolicy", UP, Role),
    // Tells all of the account's policies: only a sweep, which looks for our tags, needs that. Without
    // it roles are asked for by name.
    call!("iam:GetAccountAuthorizationDetails", UP, Everything),
    call!("iam:GetRole", PLAN, Role),
    call!("iam:GetRolePolicy", PLAN, Role),
    call!("iam:ListAttachedRolePolicies", PLAN, Role),
    call!("iam:ListInstanceProfilesForRole", UP, Role),
    call!("iam:ListRolePolicies", PLAN, Role),
    call!("iam:ListRoles", UP, Everything),
    call!("iam:PutRolePermissionsBoundary", UP, Boundary),
    call!("iam:PutRolePolicy", UP, BoundedRole),
    // Somebody put our role into a profile of theirs, whose name nobody knows beforehand.
    call!("iam:RemoveRoleFromInstanceProfile", NOBODY, Everything),
    call!("iam:TagRole", UP, Role),
    call!("iam:UntagRole", UP, Role),
    call!("iam:UpdateAssumeRolePolicy", UP, Role),
    call!("iam:UpdateRoleDescription", UP, Role),
    call!("servicequotas:GetServiceQuota", DEPLOY, Everything),
    call!("tag:GetResources", PLAN, Everything),
    // Everybody may always ask who they are (STS API reference).
    renamed!("sts:GetCallerIdentity"),
];
