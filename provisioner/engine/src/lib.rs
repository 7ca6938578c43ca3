//! Brings a graph of resources into being, whatever cloud holds them.
//!
//! Read [`resource`] first: what a kind of resource must say about itself and what an adapter must
//! be able to do with it. Then follow one run: [`refresh`] looks at everything, [`plan`] compares it
//! with the [`graph`], [`apply`] makes it so and keeps the [`state`] true after every step. [`drift`]
//! tells what others have changed since, and [`rebuild`] makes a lost state again.

pub mod additions;
mod address;
pub mod apply;
pub mod clock;
pub mod diff;
pub mod drift;
mod ensure;
pub mod error;
pub mod event;
pub mod graph;
pub mod input;
pub mod kind;
pub mod lock;
mod look;
pub mod memory;
mod order;
pub mod plan;
pub mod rebuild;
pub mod refresh;
mod remove;
pub mod resource;
pub mod state;
pub mod store;

pub use address::Address;
pub use clock::Clock;
pub use diff::{Reset, Shared, Sharing};
pub use error::{Class, Error, Result};
pub use graph::{Graph, Node};
pub use input::Input;
pub use kind::{Kind, Kinds, Observed, Of};
pub use resource::{
    Adapter, Id, Op, Owner, Pace, Ready, Replace, Resource, Seen, TakesAway, Which,
};
