//! The adapters of Application Auto Scaling. Its resources have names and no tags of ours.

mod policy;
mod target;

use engine::{Class, Owner, Result};

/// The scalable targets of an environment begin with this: its clusters are named after it.
fn prefix(owner: &Owner) -> String {
    format!("service/{}-{}", owner.project, owner.environment)
}

/// The result of a delete call: gone already is success, in whatever code it is told
/// (`ObjectNotFoundException` on AWS).
fn gone(result: Result<()>) -> Result<()> {
    let missing = ["No scaling policy found", "No scalable target found"];
    result.or_else(|e| {
        let gone = e.is(Class::Absent) || missing.iter().any(|text| e.message.starts_with(text));
        if gone { Ok(()) } else { Err(e) }
    })
}
