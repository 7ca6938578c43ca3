//! What an environment consists of: a pure function from an environment and a few facts to a graph.

mod names;
mod network;
mod secrets;
mod service;
mod traffic;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use engine::{Graph, Input, Node, Owner, Result};
use kinds::{Cluster, Tags};

pub use names::Names;
pub use secrets::{ExistingSecret, VERSION_LABEL, secret, versions};

use crate::environment::Environment;

/// What the environment's files do not say, learnt once and kept in the state.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The account that everything is in: twelve digits. Without it, roles trust ECS for every account.
    pub account: Option<String>,
    /// The partition of ARNs; without it, the Region's.
    pub partition: Option<String>,
    /// The availability zones, in the order of their subnets.
    pub zones: Vec<String>,
    /// What each service runs.
    pub images: BTreeMap<String, Image>,
    /// Task definitions that services were taken back to: they stand as they were, but for the secrets.
    pub pinned: BTreeMap<String, kinds::TaskDefinition>,
    /// The environment's secrets that exist already, as they were found.
    pub existing: BTreeMap<String, ExistingSecret>,
    /// Priorities of listener rules that others have taken: ours get others.
    pub avoided: BTreeSet<u32>,
}

/// What a service runs.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Image {
    /// Any reference, taken as it is.
    Reference(String),
    /// The image with this digest (`sha256:…`) in the service's own repository.
    Built(String),
    /// The image with this tag in the service's own repository: for a Docker engine that was given the
    /// image directly and knows it by no digest.
    Tagged(String),
    /// The image that a tag named when it was looked up. Tasks run the digest, so a tag that moves
    /// changes nothing by itself; the reference is kept for showing.
    Resolved { reference: String, digest: String },
}

impl Image {
    /// The reference that tasks run; none for what is in the service's own repository.
    #[must_use]
    pub fn reference(&self) -> Option<String> {
        match self {
            Self::Reference(reference) => Some(reference.clone()),
            Self::Resolved { reference, digest } => {
                Some(format!("{}@{digest}", repository_name(reference)))
            }
            Self::Built(_) | Self::Tagged(_) => None,
        }
    }
}

/// A reference without its tag and digest.
#[must_use]
pub fn repository_name(reference: &str) -> &str {
    let name = reference.split('@').next().unwrap_or(reference);
    // What follows a host's colon is its port.
    name.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')).map_or(name, |(name, _)| name)
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reference(image) | Self::Built(image) | Self::Tagged(image) => f.write_str(image),
            Self::Resolved { reference, digest } => write!(f, "{reference}@{digest}"),
        }
    }
}

/// Declares everything. The order of the declarations does not matter: the dependencies are in the
/// values.
///
/// # Errors
/// When an image or a zone that the environment needs is not among the facts.
pub fn stack(environment: &Environment, facts: &Facts) -> Result<Graph> {
    let mut stack =
        Stack { environment, facts, names: Names::new(environment), graph: Graph::new() };
    let network = stack.network()?;
    let cluster = stack.cluster()?;
    let secrets = stack.secrets()?;
    let entrance = stack.entrance(&network)?;
    let mut services = Vec::new();
    for name in environment.services.keys() {
        services.push(stack.service(name, &network, entrance.as_ref(), &cluster, &secrets)?);
    }
    stack.openings(entrance.as_ref(), &services)?;
    Ok(stack.graph)
}

/// The graph while it grows.
struct Stack<'a> {
    environment: &'a Environment,
    facts: &'a Facts,
    names: Names,
    graph: Graph,
}

impl Stack<'_> {
    fn tags<R: engine::Resource>(&self, name: &str, display: &str) -> Tags {
        tags::<R>(self.environment, &self.names, name, display)
    }

    fn cluster(&mut self) -> Result<Node<Cluster>> {
        let name = self.names.base();
        let cluster = Cluster {
            name: name.clone(),
            container_insights: "disabled".into(),
            capacity_providers: BTreeSet::from(["FARGATE".into(), "FARGATE_SPOT".into()]),
            tags: self.tags::<Cluster>("main", &name),
        };
        self.graph.add("main", &cluster)
    }
}

/// The tags of a task that runs once with what a service has: a sweep and a bill tell by them whose it is.
#[must_use]
pub fn task_tags(environment: &Environment, service: &str) -> Tags {
    let names = Names::new(environment);
    tags::<kinds::Service>(environment, &names, service, &names.of(service))
}

/// The tags of the resource `kind.name`: the owner's, the user's, and a `Name` for the consoles.
fn tags<R: engine::Resource>(
    environment: &Environment,
    names: &Names,
    name: &str,
    display: &str,
) -> Tags {
    let resource = engine::Address::new(R::KIND, name).to_string();
    let owner = Owner { resource, ..names.owner() };
    let [project, of, address, _] = owner.tags();
    let mut tags = Tags::default().with("Name", display);
    for (key, value) in &environment.tags {
        tags = tags.with(key, value);
    }
    [project, of, address].into_iter().fold(tags, |tags, (key, value)| tags.with(key, value))
}

/// The ids of several nodes.
fn ids<'a>(nodes: impl IntoIterator<Item = &'a Input>) -> BTreeSet<Input> {
    nodes.into_iter().cloned().collect()
}
