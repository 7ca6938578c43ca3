//! The adapters of all kinds, by AWS service; one file per kind.

mod autoscaling;
pub(crate) mod ec2;
mod ecr;
pub(crate) mod ecs;
pub(crate) mod elbv2;
mod iam;
mod logs;
pub(crate) mod secretsmanager;

pub use elbv2::OtherListener;
