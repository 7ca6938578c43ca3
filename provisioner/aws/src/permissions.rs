//! What IAM must allow for each call that is made here, and the policies that follow for three roles.
//!
//! The tables have one row per operation of the SDK that an adapter calls. Actions, resource types and
//! condition keys are those of AWS's Service Authorization Reference; actions that AWS asks for beside
//! the operation's own (tagging on create, passing a role, what load balancing and scaling do in the
//! caller's name) stand in the row of the call that needs them.

mod data;
mod ec2;
mod ecs;
mod identity;
mod place;
mod policy;
mod promotion;
mod resource_scope;
#[cfg(test)]
mod sources;
mod traffic;

pub use place::{Place, Source};
pub use policy::{LIMIT, allowed, policies};
use resource_scope::ResourceScope;

/// Who calls. Each may also do what the one before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// `plan`, `status`, `outputs`, `releases`, `state list`: reads what the environment is made of.
    Plan,
    /// `deploy`, `rollback`, `scale`, `restart`, `run`, `logs`, `explain`.
    Deploy,
    /// `up`, `destroy`, `secret`, `state`.
    Up,
}

impl Role {
    pub const ALL: [Self; 3] = [Self::Plan, Self::Deploy, Self::Up];
}

/// One operation, written as in our error messages.
struct Call {
    operation: &'static str,
    needs: &'static [Need],
}

/// One action on one set of resources.
struct Need {
    action: &'static str,
    on: ResourceScope,
    /// The first role that has it.
    from: Option<Role>,
}

/// A call whose one action has the operation's name.
macro_rules! call {
    ($operation:literal, $from:ident, $on:expr $(, $more:expr)* $(,)?) => {
        $crate::permissions::Call {
            operation: $operation,
            needs: &[$crate::permissions::need($operation, $from, $on) $(, $more)*],
        }
    };
}

/// A call whose actions are named otherwise.
macro_rules! renamed {
    ($operation:literal $(, $need:expr)* $(,)?) => {
        $crate::permissions::Call { operation: $operation, needs: &[$($need),*] }
    };
}

use {call, renamed};

const PLAN: Option<Role> = Some(Role::Plan);
const DEPLOY: Option<Role> = Some(Role::Deploy);
const UP: Option<Role> = Some(Role::Up);
/// What no role gets, each for the reason at its row.
const NOBODY: Option<Role> = None;

const fn need(action: &'static str, from: Option<Role>, on: ResourceScope) -> Need {
    Need { action, on, from }
}

/// Whether a call is in the tables, by the name that [`crate::Aws::calls`] counts it under.
#[must_use]
pub fn is_declared(operation: &str) -> bool {
    calls().any(|call| call.operation == operation)
}

fn calls() -> impl Iterator<Item = &'static Call> {
    let tables = [ec2::CALLS, traffic::CALLS, ecs::CALLS, identity::CALLS, data::CALLS];
    tables.into_iter().flatten()
}
