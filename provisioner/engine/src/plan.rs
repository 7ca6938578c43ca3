//! What has to happen: the graph compared with the picture.

mod in_use;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::address::Address;
use crate::diff::{Addition, Comparison, Difference, Sharing};
use crate::error::{Class, Error, Result};
use crate::graph::Graph;
use crate::input;
use crate::kind::{Kinds, Observed, OnFailure, Traits};
use crate::refresh::Picture;
use crate::resource::{Id, KEPT, Ready, Replace};
use crate::state::{Entry, State};

/// What happens to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    None,
    Create,
    Update,
    /// Another one takes its place, in the way that [`Step::how`] says.
    Replace,
    Delete,
    /// It is gone already, and only the state still speaks of it.
    Forget,
    /// The endpoint does not implement its kind.
    NotEmulated,
}

/// One resource's part in the plan.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Step {
    pub address: Address,
    pub action: Action,
    /// How it is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub how: Option<Replace>,
    /// Why it is replaced, made although it was made before, or updated although nothing differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
    /// Additions by others to its sets: they stay.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub additions: Vec<Addition>,
    /// What is desired, with inputs resolved as far as they are known. Absent when it must go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Observed>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub depends: BTreeSet<Address>,
    /// Superseded ones that go at the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub older: Vec<Id>,
}

/// All steps by address, unchanged resources among them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Plan {
    pub steps: BTreeMap<Address, Step>,
    /// The rules about what others have added, for the comparisons while it is carried out.
    #[serde(default, skip_serializing_if = "Sharing::is_default")]
    pub sharing: Sharing,
}

impl Plan {
    /// The steps that change something in the cloud.
    pub fn changes(&self) -> impl Iterator<Item = &Step> {
        self.steps.values().filter(|step| {
            !step.older.is_empty()
                || !matches!(step.action, Action::None | Action::Forget | Action::NotEmulated)
        })
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes().next().is_none()
    }

    /// Whether something is as desired and not ready yet: an earlier run was ended before it was.
    #[must_use]
    pub fn waits(&self) -> bool {
        let waits = |step: &Step| {
            let seen = step.seen.as_ref().filter(|_| step.action == Action::None);
            seen.is_some_and(|seen| matches!(seen.ready, Ready::Wait(_)))
        };
        self.steps.values().any(waits)
    }

    /// Resources that hold data or are protected, and would be deleted or replaced.
    pub fn losses<'a, C>(&'a self, kinds: &'a Kinds<C>) -> impl Iterator<Item = &'a Step> {
        self.changes().filter(|step| {
            matches!(step.action, Action::Delete | Action::Replace)
                && kinds
                    .of(&step.address)
                    .is_ok_and(|kind| kind.traits().is_guarded(step.seen.as_ref()))
        })
    }
}

/// Compares. Fails with [`Class::Foreign`] when something of a desired name is somebody else's, and with
/// [`Class::Invalid`] when something must go that cannot be taken back.
pub fn plan<C>(
    kinds: &Kinds<C>,
    graph: &Graph,
    state: &State,
    picture: &Picture,
    sharing: &Sharing,
) -> Result<Plan> {
    if let Some((address, seen)) = picture.foreign.iter().next() {
        return Err(foreign(address, seen));
    }
    let mut known: BTreeMap<&Address, &Map<String, Value>> = BTreeMap::new();
    let mut plan = Plan { steps: BTreeMap::new(), sharing: sharing.clone() };
    let mut deleted_first: BTreeSet<&Address> = BTreeSet::new();
    for address in graph.order()? {
        let Some(desired) = graph.get(address) else { continue };
        let kind = kinds.of(address)?;
        let resolved = input::resolve(&desired.spec, &|of, field| {
            known.get(of)?.get(field)?.as_str().map(str::to_owned)
        });
        let spec = kind.normalize(&resolved)?;
        let entry = state.resources.get(address);
        let mut step = Step {
            address: address.clone(),
            action: Action::Create,
            how: None,
            reason: None,
            differences: Vec::new(),
            additions: Vec::new(),
            desired: Some(spec),
            seen: picture.seen.get(address).cloned(),
            depends: desired.depends.clone(),
            older: Vec::new(),
        };
        if let Some(why) = picture.not_emulated.get(address) {
            step.action = Action::NotEmulated;
            step.reason = Some(why.clone());
        } else if step.seen.is_some() {
            compare(&mut step, entry, kind.traits(), sharing)?;
            let used = input::references(&desired.spec);
            if let Some(vanishing) = used.iter().find(|of| deleted_first.contains(of)) {
                give_way(&mut step, kind.traits(), vanishing);
            }
        } else if entry.is_some_and(|entry| entry.id.is_some()) {
            step.reason = Some("it is gone from the cloud".into());
        }
        let joined = usize::from(step.how == Some(Replace::KeepOld));
        step.older =
            entry.map(|entry| superfluous(&entry.older, joined, kind.traits())).unwrap_or_default();
        if let (Action::None | Action::Update, Some(seen)) =
            (step.action, picture.seen.get(address))
        {
            known.insert(address, &seen.outputs);
        } else if let (Action::Create, true, Some(entry)) =
            (step.action, kind.traits().stable, entry)
        {
            known.insert(address, &entry.outputs);
        }
        if step.how == Some(Replace::DeleteFirst) {
            deleted_first.insert(address);
        }
        plan.steps.insert(address.clone(), step);
    }
    for (address, entry) in &state.resources {
        if graph.get(address).is_some() {
            continue;
        }
        let seen = picture.seen.get(address).cloned();
        let action = match (&seen, picture.not_emulated.contains_key(address)) {
            (_, true) => Action::NotEmulated,
            (Some(_), _) => Action::Delete,
            // Begun and not answered: whether it exists is settled when it is removed.
            (None, _) if entry.intent.is_some() => Action::Delete,
            (None, _) => Action::Forget,
        };
        plan.steps.insert(
            address.clone(),
            Step {
                address: address.clone(),
                action,
                how: None,
                reason: None,
                differences: Vec::new(),
                additions: Vec::new(),
                desired: None,
                seen,
                depends: entry.depends.clone(),
                older: entry.older.clone(),
            },
        );
    }
    Ok(plan)
}

fn compare(
    step: &mut Step,
    entry: Option<&Entry>,
    traits: &Traits,
    sharing: &Sharing,
) -> Result<()> {
    let (Some(desired), Some(seen)) = (&step.desired, &step.seen) else { return Ok(()) };
    let found = Comparison::new(desired, entry, &seen.spec, traits, sharing);
    if !found.refused.is_empty() {
        return Err(not_taken_back(&step.address, &found));
    }
    step.differences = found.differences;
    step.additions = found.additions;
    let fixed = step.differences.iter().find(|d| traits.immutable.contains(&d.field()));
    let replace = |why| (Action::Replace, Some(why));
    (step.action, step.reason) = match (&seen.ready, fixed) {
        (Ready::Never(why), _) if traits.on_failure == OnFailure::Replace => {
            replace(format!("it failed: {why}"))
        }
        (Ready::Leaving(why), _) => replace(format!("it is being deleted: {why}")),
        (_, Some(difference)) if traits.replace == Replace::KeepOld => {
            replace(format!("{} makes a new revision", difference.path))
        }
        (_, Some(difference)) => replace(format!("{} cannot be changed in place", difference.path)),
        (Ready::Never(why), None) => {
            (Action::Update, Some(format!("its last deployment failed: {why}")))
        }
        _ if step.differences.is_empty() => (Action::None, None),
        _ => (Action::Update, None),
    };
    step.how = (step.action == Action::Replace).then_some(traits.replace);
    Ok(())
}

/// Why something that was taken out of the file cannot be taken out of the cloud.
pub(crate) fn not_taken_back(address: &Address, found: &Comparison) -> Error {
    let refused: Vec<String> =
        found.refused.iter().map(|(path, why)| format!("{path} cannot be unset: {why}")).collect();
    Error::new(Class::Invalid, format!("{address}: {}", refused.join("; ")))
}

/// What it uses is deleted before its successor comes, so it must let go, and it can only do that by
/// going itself. Old revisions hold nothing.
fn give_way(step: &mut Step, traits: &Traits, vanishing: &Address) {
    if traits.replace != Replace::KeepOld {
        step.action = Action::Replace;
        step.how = Some(Replace::DeleteFirst);
        step.reason = Some(format!("{vanishing}, which it uses, is replaced"));
    }
}

/// Superseded ones beyond those that a kind keeps, when as many as `joined` come to them.
pub(crate) fn superfluous(older: &[Id], joined: usize, traits: &Traits) -> Vec<Id> {
    let kept = if traits.replace == Replace::KeepOld { KEPT } else { 0 };
    let surplus = (older.len() + joined).saturating_sub(kept);
    older[..surplus.min(older.len())].to_vec()
}

/// Why something that is there cannot be taken for ours.
#[must_use]
pub fn foreign(address: &Address, seen: &Observed) -> Error {
    let whose = seen.owner.as_ref().map_or_else(
        || "carries no tags of ours".into(),
        |owner| format!("belongs to {} of {}/{}", owner.resource, owner.project, owner.environment),
    );
    Error::new(
        Class::Foreign,
        format!("{address}: {} exists already and {whose}; rename ours or remove it", seen.id),
    )
}
