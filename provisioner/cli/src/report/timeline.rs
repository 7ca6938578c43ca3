//! What a run did when, in a file: a rehearsal starts the real commands and reads it.

use std::fs::File;
use std::io::Write as _;

use engine::Address;
use engine::event::Event;
use engine::plan::Action;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The variable that names the file.
pub(crate) const TIMELINE: &str = "PROVISIONER_TIMELINE";

/// One line of the file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Mark {
    pub(crate) at: Timestamp,
    pub(crate) address: Address,
    pub(crate) what: What,
    /// A reason, where there is one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) why: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum What {
    Began(Action),
    Ended(Action),
    Retried,
    Failed,
    NotEmulated,
}

/// Writes marks, if somebody wants them.
pub(super) struct TimelineFile(Option<File>);

impl TimelineFile {
    pub(super) fn wanted() -> Self {
        let path = std::env::var_os(TIMELINE);
        Self(path.and_then(|path| File::options().create(true).append(true).open(path).ok()))
    }

    pub(super) fn note(&mut self, event: &Event) {
        let Some(file) = &mut self.0 else { return };
        let (address, what, why) = match event {
            Event::Started { address, action, .. } => (address, What::Began(*action), ""),
            Event::Finished { address, action, .. } => (address, What::Ended(*action), ""),
            Event::Retrying { address, error, .. } => (address, What::Retried, error.as_str()),
            Event::Failed { address, error } => (address, What::Failed, error.as_str()),
            Event::NotEmulated { address, why } => (address, What::NotEmulated, why.as_str()),
            Event::Waiting { .. } | Event::Skipped { .. } => return,
        };
        let mark = Mark { at: Timestamp::now(), address: address.clone(), what, why: why.into() };
        if let Ok(mut line) = serde_json::to_vec(&mark) {
            line.push(b'\n');
            // The run is worth more than its timeline.
            let _full_disk = file.write_all(&line);
        }
    }
}
