//! What is desired: resources and what each needs.

mod remembered;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;

use serde_json::Value;

use crate::address::Address;
use crate::error::{Error, Result};
use crate::input;
use crate::resource::Resource;

/// The desired resources by address.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    nodes: BTreeMap<Address, Desired>,
}

/// One desired resource.
#[derive(Clone, Debug)]
pub struct Desired {
    pub spec: Value,
    /// What must be ready before it, through its inputs or by an explicit order.
    pub depends: BTreeSet<Address>,
}

/// A resource in the graph. Dereferences to its outputs, each a reference: using one in another
/// resource is data and dependency at once.
#[derive(Clone, Debug)]
pub struct Node<R: Resource> {
    address: Address,
    outputs: R::Outputs,
}

impl<R: Resource> Node<R> {
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }
}

impl<R: Resource> Deref for Node<R> {
    type Target = R::Outputs;

    fn deref(&self) -> &R::Outputs {
        &self.outputs
    }
}

impl Graph {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a resource under `kind.name`. Fails when the name is taken.
    pub fn add<R: Resource>(&mut self, name: &str, resource: &R) -> Result<Node<R>> {
        let address = Address::new(R::KIND, name);
        let spec = serde_json::to_value(resource)?;
        let depends = input::references(&spec);
        let outputs = input::outputs_of(&address)?;
        if self.nodes.insert(address.clone(), Desired { spec, depends }).is_some() {
            return Err(Error::other(format!("two resources are called {address}")));
        }
        Ok(Node { address, outputs })
    }

    /// Says that `later` must wait for `earlier` although it uses none of its outputs.
    pub fn after<L: Resource, E: Resource>(&mut self, later: &Node<L>, earlier: &Node<E>) {
        if let Some(desired) = self.nodes.get_mut(&later.address) {
            desired.depends.insert(earlier.address.clone());
        }
    }

    /// Replaces what is desired of a resource, and leaves what it depends on.
    pub fn set_spec(&mut self, address: &Address, spec: Value) {
        if let Some(desired) = self.nodes.get_mut(address) {
            desired.spec = spec;
        }
    }

    #[must_use]
    pub fn get(&self, address: &Address) -> Option<&Desired> {
        self.nodes.get(address)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Address, &Desired)> {
        self.nodes.iter()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Keeps what `wanted` names and everything it depends on: the part of the stack that must be
    /// there before an image can be pushed, for example.
    #[must_use]
    pub fn only(&self, wanted: impl Fn(&Address) -> bool) -> Self {
        let mut keep: BTreeSet<&Address> = BTreeSet::new();
        let mut open: Vec<&Address> = self.nodes.keys().filter(|address| wanted(address)).collect();
        while let Some(address) = open.pop() {
            if keep.insert(address) {
                open.extend(self.nodes.get(address).into_iter().flat_map(|node| &node.depends));
            }
        }
        let nodes = self.nodes.iter().filter(|(address, _)| keep.contains(address));
        Self { nodes: nodes.map(|(address, node)| (address.clone(), node.clone())).collect() }
    }

    /// Addresses such that each comes after what it depends on. Fails on a cycle and on a dependency
    /// that is not in the graph.
    pub fn order(&self) -> Result<Vec<&Address>> {
        let mut ordered = Vec::with_capacity(self.nodes.len());
        let mut done: BTreeSet<&Address> = BTreeSet::new();
        while ordered.len() < self.nodes.len() {
            let before = ordered.len();
            for (address, node) in &self.nodes {
                if !done.contains(address)
                    && node.depends.iter().all(|needed| done.contains(needed))
                {
                    done.insert(address);
                    ordered.push(address);
                }
            }
            if ordered.len() == before {
                let stuck: Vec<_> =
                    self.nodes.keys().filter(|a| !done.contains(a)).map(Address::as_str).collect();
                return Err(Error::other(format!(
                    "these depend on each other or on something missing: {}",
                    stuck.join(", ")
                )));
            }
        }
        Ok(ordered)
    }
}
