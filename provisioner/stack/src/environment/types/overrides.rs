//! Fields of the ECS API that have no name of ours, passed on as they are.
//!
//! What may be passed on is data, in `overrides.json`: the fields that Fargate takes and that we do not decide. What may
//! not, and why, is the table below.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Fields of the ECS API, in its own spelling, for what has no name here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Override {
    /// Members of RegisterTaskDefinition.
    pub task_definition: BTreeMap<String, Value>,
    /// Members of the task definition's one container.
    pub container: BTreeMap<String, Value>,
    /// Members of CreateService and UpdateService.
    pub service: BTreeMap<String, Value>,
}

const FIELDS: &str = include_str!("overrides.json");

impl JsonSchema for Override {
    fn schema_name() -> Cow<'static, str> {
        "Override".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let fields: Value = serde_json::from_str(FIELDS).unwrap_or_default();
        let section = |name: &str, description: &str| {
            serde_json::json!({
                "type": "object",
                "description": description,
                "properties": fields[name],
                "additionalProperties": false,
                "default": {},
            })
        };
        json_schema!({
            "type": "object",
            "properties": {
                "task_definition": section("task_definition", "Members of the ECS API's RegisterTaskDefinition."),
                "container": section("container", "Members of the ECS API's ContainerDefinition."),
                "service": section("service", "Members of the ECS API's CreateService."),
            },
            "additionalProperties": false,
            "default": {},
        })
    }
}

/// Why a field of the ECS API may not be overridden: what to write instead, or what Fargate says.
pub(crate) fn reason_against(section: &str, field: &str) -> Option<&'static str> {
    let fields = match section {
        "task_definition" => TASK_DEFINITION,
        "container" => CONTAINER,
        "service" => SERVICE,
        _ => return None,
    };
    fields.iter().find(|(name, _)| *name == field).map(|(_, reason)| *reason)
}

const OURS: &str = "it is decided by the tool";
const NOT_ON_FARGATE: &str = "Fargate does not take it";
const ONE_CONTAINER: &str = "a task has one container";

const TASK_DEFINITION: &[(&str, &str)] = &[
    ("containerDefinitions", "use `override.container`"),
    ("cpu", "use the service's `cpu`"),
    ("executionRoleArn", OURS),
    ("family", OURS),
    ("inferenceAccelerators", NOT_ON_FARGATE),
    ("ipcMode", NOT_ON_FARGATE),
    ("memory", "use the service's `memory`"),
    ("networkMode", OURS),
    ("placementConstraints", NOT_ON_FARGATE),
    ("proxyConfiguration", ONE_CONTAINER),
    ("requiresCompatibilities", OURS),
    ("runtimePlatform", "use the service's `architecture`"),
    ("tags", "use the environment's `tags`"),
    ("taskRoleArn", "use the service's `permissions`"),
];

const CONTAINER: &[(&str, &str)] = &[
    ("command", "use the service's `command`"),
    ("cpu", "use the service's `cpu`"),
    ("credentialSpecs", "it is for Windows"),
    ("dependsOn", ONE_CONTAINER),
    ("disableNetworking", NOT_ON_FARGATE),
    ("dnsSearchDomains", NOT_ON_FARGATE),
    ("dnsServers", NOT_ON_FARGATE),
    ("dockerSecurityOptions", NOT_ON_FARGATE),
    ("environment", "use the service's `environment`"),
    ("essential", ONE_CONTAINER),
    ("extraHosts", NOT_ON_FARGATE),
    ("firelensConfiguration", ONE_CONTAINER),
    ("healthCheck", "use the service's `health.command`"),
    ("hostname", NOT_ON_FARGATE),
    ("image", "use the service's `image` or `build`"),
    ("links", NOT_ON_FARGATE),
    ("logConfiguration", "use the environment's `logs`"),
    ("memory", "use the service's `memory`"),
    ("name", OURS),
    ("portMappings", "use the service's `port`"),
    ("privileged", NOT_ON_FARGATE),
    ("resourceRequirements", NOT_ON_FARGATE),
    ("secrets", "use the service's `secrets`"),
    ("stopTimeout", "use the service's `stop`"),
    ("volumesFrom", ONE_CONTAINER),
];

const SERVICE: &[(&str, &str)] = &[
    ("capacityProviderStrategy", OURS),
    ("clientToken", OURS),
    ("cluster", OURS),
    ("deploymentController", OURS),
    ("desiredCount", "use the service's `replicas`"),
    ("healthCheckGracePeriodSeconds", "use the service's `health.grace`"),
    ("launchType", OURS),
    ("loadBalancers", "use the service's `route`"),
    ("networkConfiguration", "use the environment's `network`"),
    ("placementConstraints", NOT_ON_FARGATE),
    ("placementStrategy", NOT_ON_FARGATE),
    ("role", OURS),
    ("schedulingStrategy", NOT_ON_FARGATE),
    ("serviceName", OURS),
    ("tags", "use the environment's `tags`"),
    ("taskDefinition", "use `override.task_definition`"),
];
