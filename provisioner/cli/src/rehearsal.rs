//! A rehearsal: the real commands, as processes of their own, in front of a strict copy of AWS on this
//! machine, on a clock that lets minutes pass in seconds.

mod copy;
mod findings;
mod last;
mod sandbox;
mod timeline;

pub(crate) use copy::ACCOUNT;
pub(crate) use findings::Findings;
pub(crate) use last::Last;
pub(crate) use sandbox::{Failed, Sandbox};
pub(crate) use timeline::{Span, Timeline};
