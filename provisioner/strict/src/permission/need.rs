//! What a call needs to be allowed: one action on one resource, or several.

use serde_json::Value;

use super::policy::Context;
use super::{containers, load_balancing, network, rest};
use crate::wire::Request;
use crate::world::partition;
use crate::world::value::{list, text};

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Need {
    pub(super) action: String,
    pub(super) resource: String,
    pub(super) context: Context,
}

impl Need {
    pub(super) fn new(action: impl Into<String>, resource: impl Into<String>) -> Self {
        Self { action: action.into(), resource: resource.into(), context: Context::new() }
    }

    /// With a condition key's value; an empty one is none.
    pub(super) fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        let value = value.into();
        if !value.is_empty() {
            self.context.entry(key.to_lowercase()).or_default().push(value);
        }
        self
    }

    /// With tags under `aws:RequestTag/` or `aws:ResourceTag/`.
    pub(super) fn tagged<'a>(
        self,
        kind: &str,
        tags: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        tags.into_iter()
            .fold(self, |need, (key, value)| need.with(&format!("aws:{kind}Tag/{key}"), value))
    }
}

/// Where ARNs are.
pub(super) struct Place<'a> {
    request: &'a Request,
}

impl<'a> Place<'a> {
    pub(super) fn of(request: &'a Request) -> Self {
        Self { request }
    }

    fn partition(&self) -> &'static str {
        partition::of_region(&self.request.region)
    }

    pub(super) fn arn(&self, service: &str, rest: &str) -> String {
        let Request { region, account, .. } = self.request;
        format!("arn:{}:{service}:{region}:{account}:{rest}", self.partition())
    }

    pub(super) fn global(&self, service: &str, rest: &str) -> String {
        format!("arn:{}:{service}::{}:{rest}", self.partition(), self.request.account)
    }
}

/// A list of tags, whatever its members are called.
pub(super) fn tags<'a>(parameters: &'a Value, at: &str) -> Vec<(&'a str, &'a str)> {
    let either = |tag: &'a Value, upper, lower| match text(tag, upper) {
        "" => text(tag, lower),
        found => found,
    };
    let tag = |tag: &'a Value| (either(tag, "Key", "key"), either(tag, "Value", "value"));
    list(parameters, at).iter().map(tag).collect()
}

/// Everything that a call needs; nothing for what AWS lets everybody do.
pub(super) fn needs(
    request: &Request,
    known: &network::Known,
    roles: &containers::Roles,
    groups: &load_balancing::Tags,
    bounds: &rest::Roles,
) -> Vec<Need> {
    let action = request.name();
    let found = match request.service.as_str() {
        "sts" => Some(Vec::new()),
        "ec2" => network::needs(request, &action, known),
        "ecs" | "application-autoscaling" => containers::needs(request, &action, roles),
        "elasticloadbalancing" => load_balancing::needs(request, &action, groups),
        _ => rest::needs(request, &action, bounds),
    };
    // An operation without a rule of its own: the action of its name on everything.
    found.unwrap_or_else(|| vec![Need::new(action, "*")])
}
