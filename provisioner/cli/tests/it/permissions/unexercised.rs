//! Rights that the life of an environment here does not use, by name.

/// Asked for in vain by who may only read or ship: roles are then looked up by name.
pub(crate) const IN_PLAN: &[&str] = &["iam:GetAccountAuthorizationDetails", "iam:ListRoles"];

/// MiniStack has no Application Auto Scaling: moto has, and the strict cloud judges there.
pub(crate) const ON_MOTO: &[&str] = &[];

/// What nothing here can exercise, and why.
pub(crate) const NEVER: &[(&str, &str)] = &[];
