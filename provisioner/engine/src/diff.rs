//! What differs between the sides of a resource, all as JSON: what is desired, what was applied last,
//! and what is seen.
//!
//! A key that is desired is compared with what is seen. A key that was applied and is desired no longer
//! is a difference as long as it is seen: it must go. A key that was never ours (or is `null`) is the
//! cloud's business, and so is a value that the cloud reports as `null` ("not told").
//!
//! A list must have exactly the desired elements; elements that carry a `name`, `key` or `priority` are
//! compared by it. The exception are the sets that a kind declares as [`Shared`]: an element that is
//! seen there, and that we neither want nor ever applied, is an [`Addition`] by somebody else.

mod shared;
#[cfg(test)]
mod tests;
mod walk;

pub use shared::{Addition, Shared, Sharing};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::input;
use crate::kind::Traits;
use crate::state::Entry;
use walk::Walk;

/// One difference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// `containers.api.environment[LOG_LEVEL].value`
    pub path: String,
    /// As seen; absent when it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Value>,
    /// As desired; absent when it must go. May hold outputs that are known only after apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Value>,
}

impl Difference {
    /// The desired side waits for another resource.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.to.as_ref().is_some_and(input::is_unknown)
    }

    /// The top-level field that it is in.
    #[must_use]
    pub fn field(&self) -> &str {
        self.path.split(['.', '[']).next().unwrap_or_default()
    }
}

/// The way in which a key goes that was applied and is desired no longer.
#[derive(Clone, Debug, PartialEq)]
pub enum Reset {
    /// It is left out of what is sent: the next one is made without it.
    Omit,
    /// The cloud's own word for "nothing" is sent.
    Send(Value),
    /// It stays as it is: from now on it belongs to the cloud or to another controller.
    Leave,
    /// The cloud has no way to take it back; the text says what the user can do.
    Refuse(&'static str),
}

/// The sides of one resource.
#[derive(Clone, Copy)]
pub struct Sides<'a> {
    pub desired: &'a Value,
    /// As last applied; `None` when nothing is known of it.
    pub applied: Option<&'a Value>,
    pub seen: &'a Value,
    /// It was made by us and has never yet been as desired: what the cloud put into its sets by itself
    /// is ours to remove.
    pub fresh: bool,
}

/// The result of a comparison.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    pub differences: Vec<Difference>,
    /// What others have added to shared sets. No difference, and kept by every update.
    pub additions: Vec<Addition>,
    /// Differences that cannot be removed, each with the reason.
    pub refused: Vec<(String, &'static str)>,
    /// What is kept of shared sets: the additions, and the elements that are not even told of.
    kept: Vec<(&'static str, Value)>,
    /// The value that is sent for keys that must go.
    resets: Vec<(Vec<String>, Value)>,
}

impl Comparison {
    /// Compares what is desired of a resource, and what the state knows to have been applied, with what is
    /// seen.
    #[must_use]
    pub fn new(
        desired: &Value,
        entry: Option<&Entry>,
        seen: &Value,
        traits: &Traits,
        sharing: &Sharing,
    ) -> Self {
        let applied = entry.and_then(Entry::applied);
        let fresh = entry.is_some_and(Entry::is_fresh);
        let sides = Sides { desired, applied: applied.as_ref(), seen, fresh };
        compare(sides, traits, sharing)
    }

    /// The desired side as an adapter gets it: with the cloud's word for "nothing" where something must
    /// go, and with the additions, so that an update leaves them where they are.
    #[must_use]
    pub fn complete(&self, desired: &Value) -> Value {
        let mut whole = desired.clone();
        for (path, nothing) in &self.resets {
            let Some((last, parents)) = path.split_last() else { continue };
            let parent = parents.iter().try_fold(&mut whole, |at, key| at.get_mut(key));
            if let Some(Value::Object(fields)) = parent {
                fields.insert(last.clone(), nothing.clone());
            }
        }
        for (field, element) in &self.kept {
            if let Some(Value::Array(elements)) = whole.get_mut(*field) {
                elements.push(element.clone());
            }
        }
        whole
    }

    /// The observation, without additions by others.
    pub(crate) fn without_kept(&self, seen: &Value) -> Value {
        let mut ours = seen.clone();
        for (field, element) in &self.kept {
            if let Some(Value::Array(elements)) = ours.get_mut(*field) {
                elements.retain(|one| one != element);
            }
        }
        ours
    }

    /// Leaves out the keys that must go: the cloud was told, and its word for "nothing" may read otherwise
    /// in its answers.
    pub(crate) fn forget_resets(&mut self) {
        let told: Vec<String> = self.resets.drain(..).map(|(path, _)| path.join(".")).collect();
        self.differences.retain(|difference| !told.contains(&difference.path));
    }
}

/// Compares the sides of a resource.
#[must_use]
pub fn compare(sides: Sides<'_>, traits: &Traits, sharing: &Sharing) -> Comparison {
    let mut walk = Walk { reset: traits.reset, found: Comparison::default() };
    let Sides { desired, applied, seen, fresh } = sides;
    for (field, wanted) in desired.as_object().into_iter().flatten() {
        if traits.create_only.contains(&field.as_str()) {
            continue;
        }
        let (was, now) = (applied.and_then(|one| one.get(field)), seen.get(field));
        let shared = traits.shared.iter().find(|shared| shared.field == field);
        if traits.exact.contains(&field.as_str()) {
            walk.compare_exactly(wanted, now, field);
        } else if let (Some(shared), Some(wanted), Some(now)) =
            (shared, wanted.as_array(), now.and_then(Value::as_array))
        {
            let set =
                shared::Set { shared, wanted, now, was: was.and_then(Value::as_array), fresh };
            walk.compare_shared(&set, sharing);
        } else {
            walk.compare(wanted, was, now, &[field.clone()]);
        }
    }
    let ours = |field: &&String| !traits.create_only.contains(&field.as_str());
    let gone = keys_gone(desired, applied);
    for field in gone.filter(ours) {
        walk.remove(seen.get(field), &[field.clone()]);
    }
    walk.found
}

/// All differences between desired and seen where nothing is known of what was applied, and every list is
/// closed. Top-level fields in `create_only` are left out; in those in `exact`, a key that is seen and not
/// desired counts too.
#[must_use]
pub fn diff(
    desired: &Value,
    seen: &Value,
    create_only: &[&str],
    exact: &[&str],
) -> Vec<Difference> {
    let mut walk = Walk { reset: |_| Reset::Leave, found: Comparison::default() };
    let fields = desired.as_object().into_iter().flatten();
    for (field, value) in fields.filter(|(name, _)| !create_only.contains(&name.as_str())) {
        if exact.contains(&field.as_str()) {
            walk.compare_exactly(value, seen.get(field), field);
        } else {
            walk.compare(value, None, seen.get(field), &[field.clone()]);
        }
    }
    walk.found.differences
}

/// The keys that were applied and are desired no longer.
fn keys_gone<'a>(
    desired: &'a Value,
    applied: Option<&'a Value>,
) -> impl Iterator<Item = &'a String> {
    let applied = applied.and_then(Value::as_object).into_iter().flatten();
    let gone = applied.filter(|(key, was)| {
        !was.is_null() && desired.get(key.as_str()).is_none_or(Value::is_null)
    });
    gone.map(|(key, _)| key)
}
