//! Where an account's states and locks are: the bucket, the table, and the store and the lock in them.

pub mod bootstrap;
pub mod lock;
pub mod store;
