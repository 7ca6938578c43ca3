//! The cluster, what runs in it, and how many.
//!
//! Task definitions and services are kept in ECS's own JSON (camelCase, as `RegisterTaskDefinition`
//! and `CreateService` take it). So a user may set any field that ECS has, the plan shows it under the
//! name that AWS's documentation uses, and what nobody sets is ECS's business.

use std::collections::{BTreeMap, BTreeSet};

use engine::{Input, Pace, Replace, Reset, Resource};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::Tags;

/// An ECS cluster.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Cluster {
    pub name: String,
    /// `enabled`, `enhanced` or `disabled`.
    pub container_insights: String,
    /// `FARGATE`, `FARGATE_SPOT`.
    pub capacity_providers: BTreeSet<String>,
    pub tags: Tags,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClusterOutputs {
    pub arn: Input,
    pub name: Input,
}

impl Resource for Cluster {
    const KIND: &'static str = "cluster";
    const IMMUTABLE: &'static [&'static str] = &["name"];
    const STABLE: bool = true;
    const PACE: Pace = Pace::seconds(5, 2, 60);
    type Outputs = ClusterOutputs;
}

/// A revision of a task definition. Every change makes a new revision; old ones stay for rollbacks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TaskDefinition {
    pub family: String,
    /// The fields of `RegisterTaskDefinition`, but for the family, the containers and the tags.
    pub settings: Map<String, Value>,
    /// Container definitions by name; `environment` and `secrets` in the order of their names.
    #[serde(deserialize_with = "in_order")]
    pub containers: BTreeMap<String, Map<String, Value>>,
    pub tags: Tags,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TaskDefinitionOutputs {
    /// With the revision.
    pub arn: Input,
}

impl Resource for TaskDefinition {
    const KIND: &'static str = "task-definition";
    const IMMUTABLE: &'static [&'static str] = &["family", "settings", "containers"];
    const REPLACE: Replace = Replace::KeepOld;
    type Outputs = TaskDefinitionOutputs;
}

/// A service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Service {
    pub name: String,
    /// The cluster's name.
    pub cluster: Input,
    /// How many tasks the create call asks for. Later the number is the scaler's, or
    /// `settings.desiredCount` where there is no scaler.
    pub initial_count: u32,
    /// The fields of `CreateService`, but for name, cluster, count and tags; `subnets` and
    /// `securityGroups` in order.
    #[serde(deserialize_with = "network_in_order")]
    pub settings: Map<String, Value>,
    pub tags: Tags,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ServiceOutputs {
    pub arn: Input,
    pub name: Input,
}

impl Resource for Service {
    const KIND: &'static str = "service";
    const IMMUTABLE: &'static [&'static str] = &["name", "cluster"];
    const STABLE: bool = true;
    const CREATE_ONLY: &'static [&'static str] = &["initial_count"];
    // It goes when its targets are deregistered and its tasks have stopped, which take 15 and 30 seconds unless the
    // environment says otherwise: up to an hour and two minutes, for which three times the longest is enough.
    const PACE: Pace = Pace::seconds(75, 50, 1500);
    type Outputs = ServiceOutputs;

    /// UpdateService keeps what a request leaves out, so each setting needs a value that means "none".
    /// Source: the parameters of UpdateService and CreateService in the ECS API reference.
    fn reset(path: &str) -> Reset {
        let Some(setting) = path.strip_prefix("settings.") else { return Reset::Omit };
        Reset::Send(match setting {
            "capacityProviderStrategy"
            | "deploymentConfiguration.lifecycleHooks"
            | "loadBalancers"
            | "placementConstraints"
            | "placementStrategy"
            | "serviceRegistries"
            | "volumeConfigurations"
            | "vpcLatticeConfigurations" => json!([]),
            "enableECSManagedTags" | "enableExecuteCommand" => json!(false),
            "propagateTags" => json!("NONE"),
            // CreateService's default. UpdateService would keep what is there.
            "availabilityZoneRebalancing" => json!("ENABLED"),
            "platformVersion" => json!("LATEST"),
            "serviceConnectConfiguration" => json!({"enabled": false}),
            "deploymentController" => json!({"type": "ECS"}),
            "deploymentConfiguration.alarms" => {
                json!({"alarmNames": [], "enable": false, "rollback": false})
            }
            "deploymentConfiguration.bakeTimeInMinutes" => json!(0),
            "deploymentConfiguration.strategy" => json!("ROLLING"),
            "deploymentConfiguration.maximumPercent" => json!(200),
            "deploymentConfiguration.minimumHealthyPercent" => json!(100),
            "deploymentConfiguration.deploymentCircuitBreaker" => {
                json!({"enable": false, "rollback": false})
            }
            // The scaler's from now on.
            "desiredCount" => return Reset::Leave,
            // It goes with the load balancer, and means nothing without one.
            "healthCheckGracePeriodSeconds" => return Reset::Leave,
            _ => {
                return Reset::Refuse(
                    "UpdateService has no value that takes it back; delete the service, or give it \
                     another name",
                );
            }
        })
    }
}

fn in_order<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Map<String, Value>>, D::Error> {
    let mut containers = BTreeMap::<String, Map<String, Value>>::deserialize(deserializer)?;
    for list in ["environment", "secrets"] {
        for items in containers.values_mut().filter_map(|c| c.get_mut(list)?.as_array_mut()) {
            items.sort_by_key(|item| item["name"].to_string());
        }
    }
    Ok(containers)
}

fn network_in_order<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Map<String, Value>, D::Error> {
    let mut settings = Map::deserialize(deserializer)?;
    let network = settings.get_mut("networkConfiguration");
    if let Some(network) = network.and_then(|network| network.get_mut("awsvpcConfiguration")) {
        for list in ["subnets", "securityGroups"] {
            if let Some(items) = network.get_mut(list).and_then(Value::as_array_mut) {
                items.sort_by_key(Value::to_string);
            }
        }
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// ELB API reference, deregistration_delay: up to an hour. ECS API reference, stopTimeout: up to two minutes.
    #[test]
    fn the_longest_drain_is_waited_for() {
        assert!(Service::PACE.patience() > std::time::Duration::from_mins(60 + 2 + 10));
    }

    #[test]
    fn a_service_does_not_care_for_the_order_of_its_subnets() {
        let service = |subnets: Value| -> Service {
            serde_json::from_value(json!({
                "name": "api", "cluster": "c", "initial_count": 1, "tags": [],
                "settings": {"networkConfiguration": {"awsvpcConfiguration": {"subnets": subnets}}}
            }))
            .unwrap()
        };
        let one = service(json!(["subnet-1", "subnet-2"]));
        assert_eq!(one.settings, service(json!(["subnet-2", "subnet-1"])).settings);
        assert_ne!(one.settings, service(json!(["subnet-2"])).settings);
    }
}
