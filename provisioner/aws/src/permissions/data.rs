//! Images, secrets, logs, and the state and its lock.
//!
//! Bucket and table belong to all environments of the account: roles may make them and use their own
//! part of them. Nobody is given what takes them away (`destroy --state`).

use super::ResourceScope::{
    AnyLogGroup, AnyRepository, Bucket, Everything, ExistingSecret, Listing, LockRow, LockTable,
    LogGroup, Objects, Repository, Secret, StateKey,
};
use super::{Call, DEPLOY, NOBODY, Need, PLAN, UP, call, need, renamed};

/// A bucket's setting, whose actions are not called as its operations.
macro_rules! setting {
    ($operation:literal, $action:literal) => {
        renamed!($operation, need($action, UP, Bucket))
    };
}

const LIST: Need = need("s3:ListBucket", PLAN, Listing);

pub(super) const CALLS: &[Call] = &[
    call!("ecr:CreateRepository", UP, Repository, need("ecr:TagResource", UP, Repository)),
    // The stack always has one.
    call!("ecr:DeleteLifecyclePolicy", NOBODY, Repository),
    call!("ecr:DeleteRepository", UP, Repository),
    call!("ecr:DescribeImages", DEPLOY, Repository),
    // A sweep looks for our tags on all repositories.
    call!(
        "ecr:DescribeRepositories",
        PLAN,
        Repository,
        need("ecr:DescribeRepositories", UP, AnyRepository),
    ),
    call!("ecr:GetAuthorizationToken", DEPLOY, Everything),
    call!(
        "ecr:GetLifecyclePolicy",
        PLAN,
        Repository,
        need("ecr:GetLifecyclePolicy", UP, AnyRepository),
    ),
    call!(
        "ecr:ListTagsForResource",
        PLAN,
        Repository,
        need("ecr:ListTagsForResource", UP, AnyRepository),
    ),
    call!("ecr:PutImageScanningConfiguration", UP, Repository),
    call!("ecr:PutImageTagMutability", UP, Repository),
    call!("ecr:PutLifecyclePolicy", UP, Repository),
    call!("ecr:TagResource", UP, Repository),
    call!("ecr:UntagResource", UP, Repository),
    // Not a call of the SDK: what the registry checks while an image is pushed or looked at.
    renamed!(
        "registry:push",
        need("ecr:BatchCheckLayerAvailability", DEPLOY, Repository),
        need("ecr:BatchGetImage", DEPLOY, Repository),
        need("ecr:CompleteLayerUpload", DEPLOY, Repository),
        need("ecr:GetDownloadUrlForLayer", DEPLOY, Repository),
        need("ecr:InitiateLayerUpload", DEPLOY, Repository),
        need("ecr:PutImage", DEPLOY, Repository),
        need("ecr:UploadLayerPart", DEPLOY, Repository),
    ),
    call!(
        "secretsmanager:CreateSecret",
        UP,
        Secret,
        need("secretsmanager:TagResource", UP, Secret),
    ),
    call!("secretsmanager:DeleteSecret", UP, Secret),
    call!(
        "secretsmanager:DescribeSecret",
        PLAN,
        Secret,
        need("secretsmanager:DescribeSecret", PLAN, ExistingSecret),
    ),
    // Values are read where services run as processes: on the local cloud.
    call!("secretsmanager:GetSecretValue", NOBODY, Secret),
    call!("secretsmanager:ListSecrets", UP, Everything),
    call!("secretsmanager:PutSecretValue", UP, Secret),
    call!("secretsmanager:RestoreSecret", UP, Secret),
    call!("secretsmanager:TagResource", UP, Secret),
    call!("secretsmanager:UntagResource", UP, Secret),
    call!("secretsmanager:UpdateSecret", UP, Secret),
    call!("logs:CreateLogGroup", UP, LogGroup, need("logs:TagResource", UP, LogGroup)),
    call!("logs:DeleteLogGroup", UP, LogGroup),
    // The file always says how long.
    call!("logs:DeleteRetentionPolicy", NOBODY, LogGroup),
    call!("logs:DescribeLogGroups", PLAN, Everything),
    call!("logs:FilterLogEvents", DEPLOY, LogGroup),
    call!("logs:GetLogEvents", DEPLOY, LogGroup),
    // A sweep looks for our tags on all groups that have our names in theirs.
    call!(
        "logs:ListTagsForResource",
        PLAN,
        LogGroup,
        need("logs:ListTagsForResource", UP, AnyLogGroup),
    ),
    call!("logs:PutRetentionPolicy", UP, LogGroup),
    call!("logs:TagResource", UP, LogGroup),
    call!("logs:UntagResource", UP, LogGroup),
    // Another condition than the list's own: who replaces or deletes must be able to read.
    call!(
        "s3:GetObject",
        PLAN,
        Objects,
        need("s3:GetObjectVersion", PLAN, Objects),
        need("kms:Decrypt", PLAN, StateKey),
        LIST,
    ),
    call!("s3:PutObject", DEPLOY, Objects, need("kms:GenerateDataKey", DEPLOY, StateKey)),
    call!("s3:DeleteObject", UP, Objects),
    renamed!("s3:ListObjectsV2", LIST),
    renamed!("s3:ListObjectVersions", need("s3:ListBucketVersions", PLAN, Listing)),
    renamed!("s3:HeadBucket", need("s3:ListBucket", UP, Listing)),
    call!("s3:CreateBucket", UP, Bucket),
    setting!("s3:GetBucketEncryption", "s3:GetEncryptionConfiguration"),
    setting!("s3:GetBucketLifecycleConfiguration", "s3:GetLifecycleConfiguration"),
    setting!("s3:GetBucketOwnershipControls", "s3:GetBucketOwnershipControls"),
    setting!("s3:GetBucketPolicy", "s3:GetBucketPolicy"),
    setting!("s3:GetBucketTagging", "s3:GetBucketTagging"),
    setting!("s3:GetBucketVersioning", "s3:GetBucketVersioning"),
    setting!("s3:GetPublicAccessBlock", "s3:GetBucketPublicAccessBlock"),
    setting!("s3:PutBucketEncryption", "s3:PutEncryptionConfiguration"),
    setting!("s3:PutBucketLifecycleConfiguration", "s3:PutLifecycleConfiguration"),
    setting!("s3:PutBucketOwnershipControls", "s3:PutBucketOwnershipControls"),
    setting!("s3:PutBucketPolicy", "s3:PutBucketPolicy"),
    setting!("s3:PutBucketTagging", "s3:PutBucketTagging"),
    setting!("s3:PutBucketVersioning", "s3:PutBucketVersioning"),
    setting!("s3:PutPublicAccessBlock", "s3:PutBucketPublicAccessBlock"),
    call!("s3:AbortMultipartUpload", NOBODY, Objects),
    call!("s3:DeleteBucket", NOBODY, Bucket),
    renamed!(
        "s3:DeleteObjects",
        need("s3:DeleteObject", NOBODY, Objects),
        need("s3:DeleteObjectVersion", NOBODY, Objects),
    ),
    renamed!("s3:ListMultipartUploads", need("s3:ListBucketMultipartUploads", NOBODY, Bucket)),
    call!("dynamodb:GetItem", PLAN, LockRow),
    call!("dynamodb:UpdateItem", DEPLOY, LockRow),
    // DynamoDB uses a key by a grant that it makes in the caller's name (developer guide, "Usage notes
    // for AWS KMS keys").
    call!(
        "dynamodb:CreateTable",
        UP,
        LockTable,
        need("dynamodb:TagResource", UP, LockTable),
        need("kms:CreateGrant", UP, StateKey),
        need("kms:DescribeKey", UP, StateKey),
        need("kms:Encrypt", UP, StateKey),
        need("kms:ReEncryptFrom", UP, StateKey),
        need("kms:ReEncryptTo", UP, StateKey),
    ),
    call!("dynamodb:DescribeTable", UP, LockTable),
    call!("dynamodb:DescribeContinuousBackups", UP, LockTable),
    call!("dynamodb:UpdateContinuousBackups", UP, LockTable),
    // Would take the protection off as well as put it on: without it a table half made is refused, and
    // the one who may do everything finishes it.
    call!("dynamodb:UpdateTable", NOBODY, LockTable),
    call!("dynamodb:DeleteTable", NOBODY, LockTable),
    call!("dynamodb:Scan", NOBODY, LockTable),
];
