//! IAM: whether the caller's policies allow a call. Emulators check no dependent action (passing a role,
//! tagging on create), compare resources that are not AWS's, and ignore most conditions.
//!
//! Judged are callers whose policies are known here; everybody else may do everything. Sources: Service
//! Authorization Reference (actions, resource types, condition keys), IAM User Guide ("Policy evaluation
//! logic"), and the services' guides on tagging during creation and on permissions for dependent calls.

mod containers;
mod denial;
mod load_balancing;
mod need;
mod network;
mod policy;
mod rest;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::need::{Need, needs};
use self::policy::{Policies, UnreadablePolicy};
use crate::wire::Request;
use crate::wire::error::Fault;

pub use self::policy::UnreadablePolicy as PolicyError;

/// Who signs with an access key, and with which policies.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Caller {
    /// The access key id.
    pub key: String,
    /// As it stands in refusals: `arn:aws:sts::123456789012:assumed-role/deploy/run`.
    pub arn: String,
    /// Identity-based policy documents.
    pub policies: Vec<Value>,
}

/// What a caller was allowed and refused so far, as `action`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Exercised {
    pub allowed: BTreeSet<String>,
    pub refused: BTreeSet<String>,
}

#[derive(Debug)]
struct Judged {
    arn: String,
    policies: Policies,
    exercised: Exercised,
}

/// Callers, and what the policies' conditions ask of resources.
#[derive(Debug, Default)]
pub(crate) struct Permissions {
    callers: BTreeMap<String, Judged>,
    known: network::Known,
    roles: containers::Roles,
    groups: load_balancing::Tags,
    bounds: rest::Roles,
}

impl Permissions {
    pub(crate) fn grant(&mut self, caller: &Caller) -> Result<(), UnreadablePolicy> {
        let policies = Policies::read(&caller.policies)?;
        let exercised = Exercised::default();
        let judged = Judged { arn: caller.arn.clone(), policies, exercised };
        self.callers.insert(caller.key.clone(), judged);
        Ok(())
    }

    pub(crate) fn exercised(&self, key: &str) -> Exercised {
        self.callers.get(key).map(|caller| caller.exercised.clone()).unwrap_or_default()
    }

    /// AWS's refusal when the caller's policies do not allow the call.
    pub(crate) fn refuse(&mut self, request: &Request) -> Option<Fault> {
        let caller = self.callers.get_mut(&request.principal)?;
        // An emulator with one account of its own takes any key for it.
        let account = caller.arn.split(':').nth(4).unwrap_or_default().to_owned();
        let request = &Request { account, ..request.clone() };
        let needs = needs(request, &self.known, &self.roles, &self.groups, &self.bounds);
        for Need { action, resource, context } in needs {
            if !caller.policies.allow(&action, &resource, &context) {
                let fault = denial::fault(request, &caller.arn, &action, &resource);
                caller.exercised.refused.insert(action);
                return Some(fault);
            }
            caller.exercised.allowed.insert(action);
        }
        None
    }

    /// Takes in what a successful call changed, whoever made it.
    pub(crate) fn learn(&mut self, request: &Request, answer: &Value) {
        match request.service.as_str() {
            "ec2" => self.known.learn(request, answer),
            "ecs" => self.roles.learn(request, answer),
            "iam" => self.bounds.learn(request),
            "elasticloadbalancing" => self.groups.learn(request, answer),
            _ => {}
        }
    }

    /// Forgets resources; callers stay.
    pub(crate) fn forget(&mut self) {
        self.known = network::Known::default();
        self.roles = containers::Roles::default();
        self.groups = load_balancing::Tags::default();
        self.bounds = rest::Roles::default();
    }
}
