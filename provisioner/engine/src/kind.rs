//! Kinds with their types erased: how the engine handles fifty of them in one loop.

use std::collections::BTreeMap;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::address::Address;
use crate::diff::{Reset, Shared};
use crate::error::{Error, Result};
use crate::input;
use crate::resource::{
    Adapter, Id, Op, Owner, Pace, Ready, Replace, Resource, Seen, TakesAway, Which,
};

/// The field in which kinds that have tags keep them.
const TAGS: &str = "tags";

type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// What a kind says about itself: the constants of [`Resource`] as values.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a constant of its own")]
pub struct Traits {
    pub kind: &'static str,
    pub immutable: &'static [&'static str],
    pub create_only: &'static [&'static str],
    pub exact: &'static [&'static str],
    pub shared: &'static [Shared],
    pub reset: fn(&str) -> Reset,
    pub on_failure: OnFailure,
    pub stable: bool,
    pub replace: Replace,
    pub takes_away: TakesAway,
    pub precious: bool,
    pub guard: Option<&'static str>,
    pub looked_up: bool,
    pub indexed: bool,
    pub reads: u32,
    pub pace: Pace,
    /// The names of its fields.
    pub fields: &'static [&'static str],
    /// The names of its outputs.
    pub outputs: &'static [&'static str],
}

/// What becomes of one that has failed ([`Ready::Never`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// It is updated: what was wrong may have been put right elsewhere.
    Update,
    /// It never heals: another one takes its place.
    Replace,
}

impl Traits {
    #[must_use]
    pub fn of<R: Resource>() -> Self {
        Self {
            kind: R::KIND,
            immutable: R::IMMUTABLE,
            create_only: R::CREATE_ONLY,
            exact: R::EXACT,
            shared: R::SHARED,
            reset: R::reset,
            on_failure: if R::FAILS_FOR_GOOD { OnFailure::Replace } else { OnFailure::Update },
            stable: R::STABLE,
            replace: R::REPLACE,
            takes_away: R::TAKES_AWAY,
            precious: R::PRECIOUS,
            guard: R::GUARD,
            looked_up: R::LOOKED_UP,
            indexed: R::INDEXED,
            reads: R::READS,
            pace: R::PACE,
            fields: input::fields::<R>(),
            outputs: input::fields::<R::Outputs>(),
        }
    }

    /// Whether an observation tells its owner.
    #[must_use]
    pub fn is_tagged(&self) -> bool {
        self.fields.contains(&TAGS) && !self.create_only.contains(&TAGS)
    }

    /// Whether this one may be deleted or replaced only by name: it holds data, or it is protected.
    pub(crate) fn is_guarded(&self, seen: Option<&Observed>) -> bool {
        let is_on = |at: &str| seen.is_some_and(|seen| seen.spec.pointer(at) == Some(&true.into()));
        self.precious || self.guard.is_some_and(is_on)
    }

    /// Whether something that was looked up is the one that was looked for: its tags say so. Kinds
    /// without tags are found by names that only we would choose.
    pub(crate) fn is_same(&self, found: Option<&Owner>, wanted: &Owner) -> bool {
        found.map_or(!self.is_tagged(), |owner| owner.same_resource(wanted))
    }
}

/// An observation as JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Observed {
    pub id: Id,
    pub owner: Option<Owner>,
    pub spec: Value,
    pub outputs: Map<String, Value>,
    pub ready: Ready,
}

impl Observed {
    fn of<R: Resource>(seen: &Seen<R>) -> Result<Self> {
        let Value::Object(outputs) = serde_json::to_value(&seen.outputs)? else {
            return Err(Error::other(format!("the outputs of {} are not a struct", R::KIND)));
        };
        Ok(Self {
            id: seen.id.clone(),
            owner: seen.owner.clone(),
            spec: serde_json::to_value(&seen.spec)?,
            outputs,
            ready: seen.ready.clone(),
        })
    }

    fn seen<R: Resource>(&self) -> Result<Seen<R>> {
        Ok(Seen {
            id: self.id.clone(),
            owner: self.owner.clone(),
            spec: R::deserialize(&self.spec)?,
            outputs: R::Outputs::deserialize(&self.outputs)?,
            ready: self.ready.clone(),
        })
    }
}

/// [`Which`] as JSON.
#[derive(Clone, Copy)]
pub enum Look<'a> {
    Ids(&'a [Id]),
    Ours(&'a Owner),
    Named(&'a [Value]),
    Lost(&'a Value, &'a Op),
}

/// One kind of resource in the cloud `C`.
pub trait Kind<C>: Send + Sync {
    fn traits(&self) -> &Traits;
    /// Brings a desired value whose inputs were just resolved into the kind's normal form (sets in
    /// order, policies normalised), so that it can be compared with an observation.
    fn normalize(&self, desired: &Value) -> Result<Value>;
    /// The first half of an update ([`Resource::meanwhile`]).
    fn meanwhile(&self, desired: &Value, seen: &Value) -> Result<Value>;
    fn observe<'a>(&'a self, cloud: &'a C, look: Look<'a>) -> Boxed<'a, Vec<Observed>>;
    fn create<'a>(&'a self, cloud: &'a C, desired: &'a Value, op: &'a Op) -> Boxed<'a, Id>;
    fn update<'a>(&'a self, cloud: &'a C, desired: &'a Value, seen: &'a Observed) -> Boxed<'a, Id>;
    fn delete<'a>(&'a self, cloud: &'a C, seen: &'a Observed) -> Boxed<'a, ()>;
}

/// The erased form of the kind `R`.
pub struct Of<R: Resource> {
    traits: Traits,
    kind: PhantomData<fn() -> R>,
}

impl<R: Resource> Of<R> {
    #[must_use]
    pub fn new() -> Self {
        Self { traits: Traits::of::<R>(), kind: PhantomData }
    }
}

impl<R: Resource> Default for Of<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R: Resource, C: Adapter<R>> Kind<C> for Of<R> {
    fn traits(&self) -> &Traits {
        &self.traits
    }

    fn normalize(&self, desired: &Value) -> Result<Value> {
        Ok(serde_json::to_value(parse::<R>(desired)?)?)
    }

    fn meanwhile(&self, desired: &Value, seen: &Value) -> Result<Value> {
        Ok(serde_json::to_value(parse::<R>(desired)?.meanwhile(&parse::<R>(seen)?))?)
    }

    fn observe<'a>(&'a self, cloud: &'a C, look: Look<'a>) -> Boxed<'a, Vec<Observed>> {
        Box::pin(async move {
            let seen = match look {
                Look::Ids(ids) => cloud.observe(Which::Ids(ids)).await,
                Look::Ours(owner) => cloud.observe(Which::Ours(owner)).await,
                Look::Named(desired) => {
                    let desired = desired.iter().map(parse).collect::<Result<Vec<R>>>()?;
                    cloud.observe(Which::Named(&desired)).await
                }
                Look::Lost(desired, op) => {
                    cloud.observe(Which::Lost(&parse::<R>(desired)?, op)).await
                }
            }?;
            seen.iter().map(Observed::of).collect()
        })
    }

    fn create<'a>(&'a self, cloud: &'a C, desired: &'a Value, op: &'a Op) -> Boxed<'a, Id> {
        Box::pin(async move { cloud.create(&parse::<R>(desired)?, op).await })
    }

    fn update<'a>(&'a self, cloud: &'a C, desired: &'a Value, seen: &'a Observed) -> Boxed<'a, Id> {
        Box::pin(async move { cloud.update(&parse::<R>(desired)?, &seen.seen()?).await })
    }

    fn delete<'a>(&'a self, cloud: &'a C, seen: &'a Observed) -> Boxed<'a, ()> {
        Box::pin(async move { cloud.delete(&seen.seen::<R>()?).await })
    }
}

fn parse<R: Resource>(desired: &Value) -> Result<R> {
    R::deserialize(desired)
        .map_err(|error| Error::other(format!("a {} cannot be read: {error}", R::KIND)))
}

/// Everything a cloud can make, by kind.
pub struct Kinds<C>(BTreeMap<&'static str, Box<dyn Kind<C>>>);

impl<C> Kinds<C> {
    #[must_use]
    pub fn new(kinds: Vec<Box<dyn Kind<C>>>) -> Self {
        Self(kinds.into_iter().map(|kind| (kind.traits().kind, kind)).collect())
    }

    pub fn get(&self, kind: &str) -> Result<&dyn Kind<C>> {
        self.0.get(kind).map(AsRef::as_ref).ok_or_else(|| {
            Error::new(
                crate::Class::State,
                format!("this version of the program does not know the kind {kind}"),
            )
        })
    }

    pub fn of(&self, address: &Address) -> Result<&dyn Kind<C>> {
        self.get(address.kind())
    }

    pub fn iter(&self) -> impl Iterator<Item = &dyn Kind<C>> {
        self.0.values().map(AsRef::as_ref)
    }
}
