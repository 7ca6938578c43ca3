//! The adapters of the cluster and of what runs in it.

mod cluster;
mod json;
mod service;
pub(crate) mod task_definition;

pub(crate) use json::{
    call, list, name_of, seen_json, seen_tags, tag_list, tags_json, text, without_nulls,
};
