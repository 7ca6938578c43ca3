//! Finds deletions of what something that stays would still name: a task role under a task definition that
//! a service was taken back to, a target group under a listener rule of somebody else's.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Action, Plan, Step};
use crate::error::{Class, Error, Result};
use crate::kind::{Kinds, Traits};

impl Plan {
    /// Refuses with [`Class::Invalid`] when something is to be deleted that another resource goes on to
    /// name. The order of the tasks cannot help there: the other one never lets go.
    pub fn check_deletions<C>(&self, kinds: &Kinds<C>) -> Result<()> {
        let stays: Vec<&Step> = self.steps.values().filter(|step| step.desired.is_some()).collect();
        for gone in self.steps.values().filter(|step| step.action == Action::Delete) {
            let names = names(gone, kinds.of(&gone.address)?.traits());
            for other in &stays {
                let traits = kinds.of(&other.address)?.traits();
                if let Some(at) = mention(other, &names, traits) {
                    return Err(Error::new(
                        Class::Invalid,
                        format!(
                            "{} is to be deleted, and {} still names it ({at}): change that first",
                            gone.address, other.address
                        ),
                    ));
                }
            }
        }
        Ok(())
    }
}

/// What it is unmistakably called by: its ARNs, and an id that the cloud has chosen.
fn names<'a>(step: &'a Step, traits: &Traits) -> BTreeSet<&'a str> {
    let Some(seen) = &step.seen else { return BTreeSet::new() };
    let id = Some(seen.id.as_str()).filter(|id| !traits.stable && id.contains('-'));
    let outputs = seen.outputs.values().filter_map(Value::as_str);
    let arns = outputs.chain([seen.id.as_str()]).filter(|name| name.contains(':'));
    arns.chain(id).collect()
}

/// Where a resource that stays goes on to name one of these.
fn mention(step: &Step, names: &BTreeSet<&str>, traits: &Traits) -> Option<String> {
    let seen = step.seen.as_ref().filter(|_| step.action == Action::None);
    let sides = step.desired.iter().chain(seen.map(|seen| &seen.spec));
    let additions =
        step.additions.iter().find_map(|addition| find(&addition.value, names, &addition.path));
    let fields = sides.filter_map(Value::as_object).flatten();
    // A policy may speak of anything: it is no use of it.
    let mut fields = fields.filter(|(field, _)| !traits.exact.contains(&field.as_str()));
    additions.or_else(|| fields.find_map(|(field, value)| find(value, names, field)))
}

fn find(value: &Value, names: &BTreeSet<&str>, path: &str) -> Option<String> {
    match value {
        Value::String(text) => {
            names.iter().any(|name| speaks_of(text, name)).then(|| path.to_owned())
        }
        Value::Array(items) => items.iter().find_map(|item| find(item, names, path)),
        Value::Object(fields) => {
            fields.iter().find_map(|(key, value)| find(value, names, &format!("{path}.{key}")))
        }
        _ => None,
    }
}

/// Whether a name is in a text, and does not go on there as a longer one.
fn speaks_of(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let after = text[at + name.len()..].chars().next();
        after.is_none_or(|c| !(c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_name_is_another_one() {
        let role = "arn:aws:iam::1:role/shop-prod-api";
        assert!(speaks_of(role, role));
        assert!(speaks_of("arn:aws:iam::1:role/shop-prod-api:x", role));
        assert!(!speaks_of("arn:aws:iam::1:role/shop-prod-api-task", role));
    }
}
