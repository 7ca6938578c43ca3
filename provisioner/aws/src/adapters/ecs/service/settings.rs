//! A service's settings in their normal form: the fields of CreateService as DescribeServices reports
//! them, and what UpdateService can do about a difference.

use std::collections::BTreeSet;

use engine::{Class, Error, Result, diff};
use serde_json::{Value, json};

use super::Fields;
use crate::adapters::ecs::{list, text};

/// A field of CreateService.
struct Field {
    name: &'static str,
    /// What it means when AWS leaves it out of an answer, as JSON. `None`: that it is not set.
    default: Option<fn() -> Value>,
    place: Place,
    updatable: bool,
}

/// Where DescribeServices reports a field.
#[derive(PartialEq)]
enum Place {
    Service,
    /// Only in the primary deployment.
    Deployment,
}

const LAUNCH_TYPE: &str = "launchType";
const PROVIDERS: &str = "capacityProviderStrategy";

/// Source: the request syntax of CreateService and UpdateService in the ECS API reference.
const FIELDS: &[Field] = &[
    updatable("availabilityZoneRebalancing", Some(|| json!("DISABLED"))),
    updatable(PROVIDERS, Some(|| json!([]))),
    updatable("deploymentConfiguration", None),
    updatable("deploymentController", Some(|| json!({"type": "ECS"}))),
    updatable("desiredCount", None),
    updatable("enableECSManagedTags", Some(|| json!(false))),
    updatable("enableExecuteCommand", Some(|| json!(false))),
    updatable("healthCheckGracePeriodSeconds", Some(|| json!(0))),
    fixed(LAUNCH_TYPE),
    updatable("loadBalancers", Some(|| json!([]))),
    updatable("networkConfiguration", None),
    updatable("placementConstraints", Some(|| json!([]))),
    updatable("placementStrategy", Some(|| json!([]))),
    updatable("platformVersion", None),
    updatable("propagateTags", Some(|| json!("NONE"))),
    fixed("role"),
    fixed("schedulingStrategy"),
    deployed("serviceConnectConfiguration", || json!({"enabled": false})),
    updatable("serviceRegistries", Some(|| json!([]))),
    updatable("taskDefinition", None),
    deployed("volumeConfigurations", || json!([])),
    deployed("vpcLatticeConfigurations", || json!([])),
];

const fn updatable(name: &'static str, default: Option<fn() -> Value>) -> Field {
    Field { name, default, place: Place::Service, updatable: true }
}

const fn fixed(name: &'static str) -> Field {
    Field { name, default: None, place: Place::Service, updatable: false }
}

const fn deployed(name: &'static str, default: fn() -> Value) -> Field {
    Field { name, default: Some(default), place: Place::Deployment, updatable: true }
}

/// The settings of a service as described. `emulated`: emulators leave out fields that they keep no
/// track of, so nothing is concluded from an absence there (`null`: not told).
pub(super) fn seen(service: &Value, emulated: bool) -> Fields {
    let primary = primary(service);
    let mut settings = Fields::new();
    for field in FIELDS {
        let value = match (&field.place, field.name) {
            (Place::Deployment, name) => &primary[name],
            (Place::Service, "role") => &service["roleArn"],
            (Place::Service, name) => &service[name],
        };
        let value = match (value, field.default) {
            (Value::Null, _) if emulated => Value::Null,
            (Value::Null, None) => continue,
            (Value::Null, Some(default)) => default(),
            (value, _) => value.clone(),
        };
        settings.insert(field.name.into(), value);
    }
    let network = settings.get_mut("networkConfiguration");
    if let Some(network) = network.and_then(|network| network.get_mut("awsvpcConfiguration")) {
        for name in ["subnets", "securityGroups"] {
            if let Some(items) = network.get_mut(name).and_then(Value::as_array_mut) {
                items.sort_by_key(Value::to_string);
            }
        }
    }
    settings
}

/// The deployment that the service is heading for.
pub(super) fn primary(service: &Value) -> &Value {
    let mut deployments = list(service, "deployments").iter();
    deployments.find(|deployment| text(deployment, "status") == "PRIMARY").unwrap_or(&Value::Null)
}

/// The fields to send in order to get from `seen` to `desired`.
///
/// # Errors
/// [`Class::Invalid`] for a difference that UpdateService cannot remove.
pub(super) fn changes(desired: &Fields, seen: &Fields) -> Result<Fields> {
    let (wanted, now) = (Value::Object(desired.clone()), Value::Object(seen.clone()));
    let found = diff::diff(&wanted, &now, &[], &[]);
    let mut names: BTreeSet<&str> = found.iter().map(diff::Difference::field).collect();
    let mut changes = Fields::new();
    if names.contains(LAUNCH_TYPE) && uses_providers(seen) && !uses_providers(desired) {
        names.remove(LAUNCH_TYPE);
        changes.insert(PROVIDERS.into(), json!([]));
        changes.insert("forceNewDeployment".into(), true.into());
    }
    let can_change = |name: &str| FIELDS.iter().any(|field| field.name == name && field.updatable);
    let fixed: Vec<&str> = names.iter().copied().filter(|name| !can_change(name)).collect();
    if !fixed.is_empty() {
        return Err(Error::new(
            Class::Invalid,
            format!(
                "{} of an existing service cannot be changed: UpdateService does not take it; \
                 delete the service, or give it another name",
                fixed.join(", ")
            ),
        ));
    }
    let value = |name: &str| Some((name.to_owned(), desired.get(name)?.clone()));
    changes.extend(names.into_iter().filter_map(value));
    Ok(changes)
}

/// Whether somebody has moved the service from its launch type to capacity providers. UpdateService takes
/// no launch type, but an empty strategy leads back to it; the deployment must be asked for.
/// Source: `capacityProviderStrategy` of UpdateService in the ECS API reference.
fn uses_providers(settings: &Fields) -> bool {
    settings.get(PROVIDERS).and_then(Value::as_array).is_some_and(|items| !items.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(value: Value) -> Fields {
        let Value::Object(fields) = value else { panic!("{value} is no object") };
        fields
    }

    #[test]
    fn absence_means_the_default_on_aws_and_nothing_on_an_emulator() {
        let service = json!({"deployments": [
            {"status": "ACTIVE"},
            {"status": "PRIMARY", "serviceConnectConfiguration": {"enabled": true}}]});
        let told = seen(&service, false);
        assert_eq!(told["propagateTags"], "NONE");
        assert_eq!(told["serviceConnectConfiguration"], json!({"enabled": true}));
        assert!(!told.contains_key("launchType"));
        assert_eq!(seen(&service, true)["propagateTags"], Value::Null);
    }

    #[test]
    fn only_what_differs_is_sent_and_in_full() {
        let now = fields(json!({
            "desiredCount": 7, "healthCheckGracePeriodSeconds": 0,
            "deploymentConfiguration": {"maximumPercent": 200, "minimumHealthyPercent": 100}}));
        let wanted = fields(json!({
            "healthCheckGracePeriodSeconds": 0,
            "deploymentConfiguration": {"maximumPercent": 150, "minimumHealthyPercent": 100}}));
        let sent = json!({
            "deploymentConfiguration": {"maximumPercent": 150, "minimumHealthyPercent": 100}});
        assert_eq!(Value::Object(changes(&wanted, &now).unwrap()), sent);
    }

    #[test]
    fn capacity_providers_give_way_to_the_launch_type() {
        let wanted = fields(json!({"launchType": "FARGATE", "propagateTags": "SERVICE"}));
        let moved = fields(json!({
            "capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1}],
            "propagateTags": "SERVICE"}));
        let sent = json!({"capacityProviderStrategy": [], "forceNewDeployment": true});
        assert_eq!(Value::Object(changes(&wanted, &moved).unwrap()), sent);
    }

    #[test]
    fn what_cannot_change_is_refused_by_name() {
        let (wanted, now) = (json!({"launchType": "FARGATE"}), json!({"launchType": "EC2"}));
        let refused = changes(&fields(wanted), &fields(now)).unwrap_err();
        assert!(refused.is(Class::Invalid) && refused.message.starts_with("launchType of"));
    }
}
