//! One file per verb, each readable from top to bottom.

pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod deploy;
pub(crate) mod destroy;
pub(crate) mod drift;
pub(crate) mod explain;
pub(crate) mod iam;
pub(crate) mod init;
pub(crate) mod local;
pub(crate) mod logs;
pub(crate) mod outputs;
pub(crate) mod plan;
pub(crate) mod rebuild;
pub(crate) mod rehearse;
pub(crate) mod releases;
pub(crate) mod restart;
pub(crate) mod rollback;
pub(crate) mod run;
pub(crate) mod scale;
pub(crate) mod schema;
pub(crate) mod secret;
pub(crate) mod state;
pub(crate) mod status;
pub(crate) mod supervise;
pub(crate) mod up;
