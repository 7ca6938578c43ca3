//! What the adapters' listings share: tags, details, and answers that several of them need.

pub(crate) mod details;
pub(crate) mod gather;
pub(crate) mod moment;
pub(crate) mod read_cache;
mod tag_index;
pub(crate) mod tags;
