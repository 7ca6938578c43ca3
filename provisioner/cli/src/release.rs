//! Releases of services: their images, migrations and records, the switch and the way back.

pub(crate) mod diagnosis;
pub(crate) mod images;
mod json;
pub(crate) mod migration;
pub(crate) mod once;
pub(crate) mod promote;
mod records;
pub(crate) mod rollout;
mod run;

pub(crate) use json::release_json;
pub(crate) use records::{Author, How, Release, Releases, Started, What};
pub(crate) use run::{End, Order, Settled, migrate, note, run, settle, settled, short};
