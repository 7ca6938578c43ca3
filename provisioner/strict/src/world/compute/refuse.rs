//! What ECS refuses, in its words. Sources: Amazon ECS API reference (error lists), service event messages, error texts
//! seen in public repositories.

use serde_json::Value;

use super::learn::target_groups;
use super::{Compute, cluster_name, fargate};
use crate::wire::Request;
use crate::wire::error::Fault;
use crate::world::durations::IAM_PROPAGATION;
use crate::world::identity::Identity;
use crate::world::traffic::Traffic;
use crate::world::value::{list, text};

impl Compute {
    pub(crate) fn refuse(&self, request: &Request, traffic: &Traffic, now: f64) -> Option<Fault> {
        let p = &request.parameters;
        match request.operation.as_str() {
            "RegisterTaskDefinition" => fargate::refuse(p),
            "CreateService" => self.refuse_service(p, traffic, now),
            "RunTask" => self.refuse_network(p),
            "UpdateService" => {
                let service = self.service(p)?;
                match service.status(now) {
                    Some("ACTIVE") => self.refuse_settings(p, Some(&service.json)),
                    Some(_) => {
                        Some(Fault::refusal("ServiceNotActiveException", "Service was not ACTIVE."))
                    }
                    None => Some(Fault::refusal("ServiceNotFoundException", "Service not found.")),
                }
            }
            "DeleteService" => {
                let service = self.service(p)?;
                let force = p.get("force").and_then(Value::as_bool) == Some(true);
                let rolling = service.deployment.old.is_some() && now < service.deployment.complete;
                (rolling && !force && service.deleted.is_none())
                    .then(|| invalid("The service cannot be stopped while deployments are active."))
            }
            "DeleteCluster" => {
                let name = cluster_name(p);
                let services = || {
                    self.services
                        .iter()
                        .filter(|((cluster, _), _)| *cluster == name)
                        .map(|(_, s)| s)
                };
                if services().any(|s| matches!(s.status(now), Some("ACTIVE" | "DRAINING"))) {
                    let message = "The Cluster cannot be deleted while Services are active.";
                    return Some(Fault::refusal("ClusterContainsServicesException", message));
                }
                services().any(|s| s.tasks(now) > 0).then(|| {
                    let message = "The Cluster cannot be deleted while Tasks are active.";
                    Fault::refusal("ClusterContainsTasksException", message)
                })
            }
            _ => None,
        }
    }

    /// A task that is run by hand needs its roles at once; a service waits for them.
    pub(crate) fn refuse_roles(
        &self,
        request: &Request,
        identity: &Identity,
        now: f64,
    ) -> Option<Fault> {
        if request.operation != "RunTask" {
            return None;
        }
        let roles = self.roles(text(&request.parameters, "taskDefinition"));
        let role = roles.into_iter().find(|arn| identity.fresh(arn, now))?;
        Some(Fault::refusal(
            "ClientException",
            format!(
                "ECS was unable to assume the role '{role}' that was provided for this task. Please verify that the role being passed has the proper trust relationship and permissions and that your IAM user has permissions to pass this role."
            ),
        ))
    }

    /// In an account that never used ECS, its service-linked role appears only after the first call.
    pub(crate) fn refuse_linked_role(&self, request: &Request, now: f64) -> Option<Fault> {
        let first = matches!(request.operation.as_str(), "CreateCluster" | "CreateService");
        (first && self.first_use.is_none_or(|at| now < at + IAM_PROPAGATION)).then(|| {
            invalid("Unable to assume the service linked role. Please verify that the ECS service linked role exists.")
        })
    }

    fn refuse_service(&self, p: &Value, traffic: &Traffic, now: f64) -> Option<Fault> {
        let key = (cluster_name(p), text(p, "serviceName").to_owned());
        match self.services.get(&key).and_then(|s| s.status(now)) {
            Some("ACTIVE") => return Some(invalid("Creation of service was not idempotent.")),
            Some("DRAINING") => {
                return Some(invalid("Unable to Start a service that is still Draining."));
            }
            _ => {}
        }
        for arn in target_groups(p) {
            let Some(group) = traffic.groups.get(&arn) else { continue };
            if !traffic.fronts(&arn) {
                return Some(invalid(&format!(
                    "The target group with targetGroupArn {arn} does not have an associated load balancer."
                )));
            }
            let awsvpc = self
                .definition(text(p, "taskDefinition"))
                .is_some_and(|d| text(d, "networkMode") == "awsvpc");
            if awsvpc && group.target == "instance" {
                return Some(invalid(&format!(
                    "The provided target group {arn} has target type instance, which is incompatible with the awsvpc network mode specified in the task definition."
                )));
            }
        }
        if let Some(definition) = self.definition(text(p, "taskDefinition")) {
            let known = |name: &str| {
                list(definition, "containerDefinitions").iter().any(|c| text(c, "name") == name)
            };
            let named = list(p, "loadBalancers").iter().map(|l| text(l, "containerName"));
            if let Some(name) = named.filter(|n| !n.is_empty()).find(|n| !known(n)) {
                return Some(invalid(&format!(
                    "The container {name} does not exist in the task definition."
                )));
            }
        }
        self.refuse_settings(p, None).or_else(|| self.refuse_network(p))
    }

    /// Fields that do not go together. `before`: the service as it is, when it is updated.
    fn refuse_settings(&self, p: &Value, before: Option<&Value>) -> Option<Fault> {
        let field = |path: &str| {
            let said = p.pointer(path).filter(|value| !value.is_null());
            said.or_else(|| before?.pointer(path)).cloned().unwrap_or_default()
        };
        let most = field("/deploymentConfiguration/maximumPercent").as_i64();
        // New services have it enabled since September 2025; a create call that does not say so was both refused and
        // accepted, by reports: only what is said counts there.
        if field("/availabilityZoneRebalancing") == "ENABLED"
            && most.is_some_and(|most| most <= 100)
        {
            return Some(invalid(
                "Availability Zone rebalancing does not support maximumPercent <= 100.",
            ));
        }
        let role = |definition: &Value| text(definition, "taskRoleArn").to_owned();
        let named = field("/taskDefinition");
        let definition = self.definition(named.as_str().unwrap_or_default())?;
        (field("/enableExecuteCommand") == true && role(definition).is_empty()).then(|| {
            invalid(
                "The service couldn't be created because a valid taskRoleArn is not being used. Specify a valid task role in your task definition and try again.",
            )
        })
    }

    fn refuse_network(&self, p: &Value) -> Option<Fault> {
        let definition = self.definition(text(p, "taskDefinition"))?;
        let given = p.pointer("/networkConfiguration/awsvpcConfiguration/subnets").is_some();
        (text(definition, "networkMode") == "awsvpc" && !given).then(|| {
            invalid(
                "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
            )
        })
    }
}

fn invalid(message: &str) -> Fault {
    Fault::refusal("InvalidParameterException", message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn zones_are_rebalanced_only_with_room() {
        let compute = Compute::default();
        let percent = |most: u32| json!({"deploymentConfiguration": {"maximumPercent": most}});
        let enabled = json!({"availabilityZoneRebalancing": "ENABLED"});
        let both = json!({"availabilityZoneRebalancing": "ENABLED", "deploymentConfiguration": {"maximumPercent": 100}});
        assert!(compute.refuse_settings(&both, None).is_some());
        assert!(compute.refuse_settings(&percent(100), None).is_none());
        assert!(compute.refuse_settings(&percent(100), Some(&enabled)).is_some());
        assert!(compute.refuse_settings(&percent(150), Some(&enabled)).is_none());
        let off = json!({"availabilityZoneRebalancing": "DISABLED", "deploymentConfiguration": {"maximumPercent": 100}});
        assert!(compute.refuse_settings(&off, Some(&enabled)).is_none());
    }

    #[test]
    fn exec_needs_a_task_role() {
        let mut compute = Compute::default();
        for (name, role) in [("without", ""), ("with", "arn:aws:iam::1:role/task")] {
            let arn = format!("arn:aws:ecs:us-east-1:1:task-definition/{name}:1");
            compute.definitions.insert(arn, json!({"taskRoleArn": role}));
        }
        let exec = |name: &str| json!({"taskDefinition": format!("{name}:1"), "enableExecuteCommand": true});
        assert!(compute.refuse_settings(&exec("without"), None).is_some());
        assert!(compute.refuse_settings(&exec("with"), None).is_none());
    }
}
