//! What a kind of resource says about itself, and what a cloud must be able to do with it.
//!
//! The two halves are apart on purpose. A [`Resource`] is a plain struct: the desired state, and at
//! the same time the shape in which a cloud reports what it has. An [`Adapter`] is a cloud's skill
//! with one kind. So the whole product (which resources, in which order, with which values) can be
//! planned and applied over an in-memory cloud without a line of SDK code.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::diff::{Reset, Shared};
use crate::error::Result;

/// A kind of resource. The struct is the desired state; [`Adapter::observe`] returns the same struct
/// as seen, and the engine compares the two as JSON. A field left out of the JSON (an `Option` that is
/// `None` and skipped) belongs to the cloud or to another controller and is never a difference.
/// Collections that must hold exactly what is desired are arrays (see [`crate::diff`]).
pub trait Resource: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// The kind's name in addresses, states and plans: `"nat-gateway"`.
    const KIND: &'static str;
    /// Top-level fields that cannot be changed in place; a difference here replaces the resource and
    /// is the reason that the plan gives.
    const IMMUTABLE: &'static [&'static str] = &[];
    /// Top-level fields that only the create call uses and nothing reports back: never a difference.
    const CREATE_ONLY: &'static [&'static str] = &[];
    /// Top-level fields in which a key that is seen but not desired is a difference too (policies).
    const EXACT: &'static [&'static str] = &[];
    /// Top-level fields that are sets to which others may add elements. What is neither desired nor was
    /// ever applied by us is no difference there, and every update keeps it.
    const SHARED: &'static [Shared] = &[Shared::TAGS];
    /// One that has failed ([`Ready::Never`]) never heals: replace it.
    const FAILS_FOR_GOOD: bool = false;
    /// Its outputs follow from its name: made again under the same name, it has the same ones.
    const STABLE: bool = false;
    /// How a replacement is carried out.
    const REPLACE: Replace = Replace::DeleteFirst;
    /// When an update takes away what is not desired any more.
    const TAKES_AWAY: TakesAway = TakesAway::AtOnce;
    /// Holds data: replacing or deleting it is refused unless the user names it.
    const PRECIOUS: bool = false;
    /// Where the spec says that it is protected against deletion, as a JSON pointer to a boolean: while that
    /// is seen to be so, it is treated as if it held data.
    const GUARD: Option<&'static str> = None;
    /// May exist, carrying our owner tags, before the state knows of it: looked up by name on every
    /// refresh in which the state has no id for it.
    const LOOKED_UP: bool = false;
    /// A look at several at once is answered from an index that may be some seconds old: one that does not
    /// look as it was last made is looked at once more, alone.
    const INDEXED: bool = false;
    /// How many good reads in a row make a fresh one believable.
    const READS: u32 = 1;
    /// How long it takes, for polling and for the remaining-time display.
    const PACE: Pace = Pace::QUICK;
    /// What others may depend on: a struct of [`crate::Input`] fields.
    type Outputs: Serialize + DeserializeOwned + Clone + Send + Sync + 'static;

    /// The way in which the key at `path` (`settings.loadBalancers`) goes when it was applied and is
    /// desired no longer.
    #[must_use]
    fn reset(path: &str) -> Reset {
        let _every_key_alike = path;
        Reset::Omit
    }

    /// The first half of an update whose second half comes later (see [`TakesAway`]): what its dependents need as they
    /// are, and what they need in order to change.
    #[must_use]
    fn meanwhile(&self, _seen: &Self) -> Self {
        self.clone()
    }
}

/// A cloud's skill with one kind of resource.
///
/// Implementations write plain `async fn`. None of them waits: the engine does all waiting.
pub trait Adapter<R: Resource>: Send + Sync + 'static {
    /// Looks at many at once: one paged listing per kind, not one call per resource. What is not there
    /// is left out of the answer; tombstones count as not there.
    fn observe(&self, which: Which<'_, R>) -> impl Future<Output = Result<Vec<Seen<R>>>> + Send;
    /// Makes the one call that brings it into being, carrying the owner tags and the operation's
    /// token. Everything further is sent by [`Adapter::update`] after the next observation.
    fn create(&self, desired: &R, op: &Op) -> impl Future<Output = Result<Id>> + Send;
    /// Brings what was seen to what is desired. May return another id (a swapped association).
    fn update(&self, desired: &R, seen: &Seen<R>) -> impl Future<Output = Result<Id>> + Send;
    /// Takes it away. Gone already is success. Needs no desired side: what the file no longer names is
    /// deleted from what was seen.
    fn delete(&self, seen: &Seen<R>) -> impl Future<Output = Result<()>> + Send;
}

/// Which resources of a kind to look at.
pub enum Which<'a, R> {
    /// Known ids. Those that no longer exist are left out of the answer.
    Ids(&'a [Id]),
    /// Whatever carries this owner's project and environment tags (or its name prefix, where a kind
    /// has no tags): for the sweep after `destroy` and for rebuilding a lost state.
    Ours(&'a Owner),
    /// The same names as these, whoever owns them. Only asked of kinds that are
    /// [`Resource::LOOKED_UP`] and, with a single element, after a create answered "exists already".
    Named(&'a [R]),
    /// After a lost answer: what the operation may have made, found by its `op` tag or its name.
    Lost(&'a R, &'a Op),
}

/// One observation.
#[derive(Clone, Debug)]
pub struct Seen<R: Resource> {
    pub id: Id,
    /// Who made it, read from its tags. `None` where the kind has no tags or they are not ours.
    pub owner: Option<Owner>,
    pub spec: R,
    pub outputs: R::Outputs,
    pub ready: Ready,
}

/// What one observation says about progress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ready {
    Yes,
    /// On its way; the reason is shown ("provisioning", "2 of 3 tasks running").
    Wait(String),
    /// Failed for good: waiting longer cannot help. A NAT gateway in state `failed`, for example.
    Never(String),
    /// On its way out: wait until it is gone.
    Leaving(String),
}

/// How a replacement is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Replace {
    /// The old one goes before the new one comes: its place or name cannot be shared.
    DeleteFirst,
    /// The new one comes, dependents move over, the old one goes. Its name must be able to exist
    /// twice: derive it from the immutable fields.
    CreateFirst,
    /// As `CreateFirst`, but the last [`KEPT`] old ones stay (task definition revisions).
    KeepOld,
}

/// When an update takes away what is not desired any more. What it adds is always there before its dependents change.
///
/// In the two later cases an update has two halves: up to [`Resource::meanwhile`], and the rest. Each begins with a
/// look, so a run that dies between the two leaves what the next plan calls an update, and the next run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakesAway {
    /// With the update: nobody misses it.
    AtOnce,
    /// When everything that depends on it, or did, has changed and is ready, or is gone: they need it until then.
    /// Firewall rules, for example.
    Last,
    /// When everything that depends on it is ready, and before what no longer depends on it changes or goes: it leads
    /// requests to them. A load balancer's rules, for example.
    Between,
}

/// How many superseded ones a [`Replace::KeepOld`] kind keeps.
pub const KEPT: usize = 10;

/// Expected durations of a kind.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// From the create call until it is ready, as usually seen.
    pub create: Duration,
    /// From the delete call until it is gone, as usually seen.
    pub delete: Duration,
    /// The longest seen; a wait is called stuck past three times this.
    pub longest: Duration,
}

impl Pace {
    /// There at once; give it two minutes of eventual consistency.
    pub const QUICK: Self = Self::seconds(0, 0, 40);

    /// All three in seconds.
    #[must_use]
    pub const fn seconds(create: u64, delete: u64, longest: u64) -> Self {
        Self {
            create: Duration::from_secs(create),
            delete: Duration::from_secs(delete),
            longest: Duration::from_secs(longest),
        }
    }

    /// How long to wait before calling it stuck.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.longest * 3
    }
}

/// The cloud's own identity of a resource: `vpc-0a1b`, an ARN, a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Id(pub String);

impl Id {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<S: Into<String>> From<S> for Id {
    fn from(id: S) -> Self {
        Self(id.into())
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One attempt to create something. Written to the state before the call, carried by the call as a
/// tag, so that a lost answer can be looked up afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Op {
    /// 32 hexadecimal characters: also fit as a client token (ECS takes 36, ACM 32, Secrets Manager
    /// 32 to 64).
    pub id: String,
    pub owner: Owner,
}

/// Who a resource belongs to, as its tags say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    pub project: String,
    pub environment: String,
    /// The address in the graph: `subnet.public-a`. Empty when a whole environment is meant.
    pub resource: String,
    /// The operation that created it. Empty when any is meant.
    pub op: String,
}

impl Owner {
    /// The tag keys, in the order of the fields.
    pub const TAGS: [&'static str; 4] = [
        "provisioner:project",
        "provisioner:environment",
        "provisioner:resource",
        "provisioner:op",
    ];

    /// The owner of a whole environment.
    #[must_use]
    pub fn of(project: &str, environment: &str) -> Self {
        Self {
            project: project.into(),
            environment: environment.into(),
            resource: String::new(),
            op: String::new(),
        }
    }

    /// The four tags of a resource.
    #[must_use]
    pub fn tags(&self) -> [(&'static str, &str); 4] {
        let [project, environment, resource, op] = Self::TAGS;
        [
            (project, &self.project),
            (environment, &self.environment),
            (resource, &self.resource),
            (op, &self.op),
        ]
    }

    /// Reads an owner from tags; `None` when project or environment is missing.
    #[must_use]
    pub fn from_tags<'a>(tag: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        let [project, environment, resource, op] = Self::TAGS.map(&tag);
        Some(Self {
            project: project?.into(),
            environment: environment?.into(),
            resource: resource.unwrap_or_default().into(),
            op: op.unwrap_or_default().into(),
        })
    }

    /// The same project and environment.
    #[must_use]
    pub fn same_environment(&self, other: &Self) -> bool {
        self.project == other.project && self.environment == other.environment
    }

    /// The same resource of the same environment, whichever operation made it.
    #[must_use]
    pub fn same_resource(&self, other: &Self) -> bool {
        self.same_environment(other) && self.resource == other.resource
    }
}
