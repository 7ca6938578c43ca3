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
                    Some("ACTIVE") => None,
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
        self.refuse_network(p)
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
