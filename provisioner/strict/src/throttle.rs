//! AWS's request rates as token buckets on the virtual clock, per account and Region. Sources: EC2 API "Request
//! throttling", ECS "Request throttling", S3 and Route 53 limits.

use std::collections::HashMap;

use crate::wire::Request;

/// A bucket's name, its size and how fast it fills, in calls and calls per second.
type Rate = (&'static str, f64, f64);

/// Buckets so far, by account, Region and name: what is left, and when that was.
#[derive(Debug, Default)]
pub(crate) struct Buckets(HashMap<(String, String, &'static str), (f64, f64)>);

impl Buckets {
    /// Takes a token; false when there is none.
    pub(crate) fn take(&mut self, request: &Request, now: f64) -> bool {
        let Some((name, burst, rate)) = rate(request) else { return true };
        let key = (request.account.clone(), request.region.clone(), name);
        let (left, since) = self.0.entry(key).or_insert((burst, now));
        *left = (*left + (now - *since).max(0.0) * rate).min(burst);
        *since = now;
        if *left < 1.0 {
            return false;
        }
        *left -= 1.0;
        true
    }
}

fn rate(request: &Request) -> Option<Rate> {
    let operation = request.operation.as_str();
    match request.service.as_str() {
        "ec2" => Some(match operation {
            "CreateVpcEndpoint" | "ModifyVpcEndpoint" | "DeleteVpcEndpoints" => {
                ("endpoints", 4.0, 0.3)
            }
            "CreateNatGateway" | "DeleteNatGateway" => ("nat gateways", 10.0, 1.0),
            "CreateTags" | "DeleteTags" => ("tags", 100.0, 10.0),
            "CreateNetworkInterface" | "DeleteNetworkInterface" => ("interfaces", 100.0, 5.0),
            "AuthorizeSecurityGroupIngress" => ("authorize ingress", 50.0, 5.0),
            "RevokeSecurityGroupIngress" => ("revoke ingress", 50.0, 5.0),
            "DescribeNetworkInterfaces" | "DescribeSecurityGroups" | "DescribeInstances"
                if unbounded(request) =>
            {
                ("unfiltered reads", 50.0, 10.0)
            }
            _ if request.mutating() => ("mutating", 50.0, 5.0),
            _ => ("reads", 100.0, 20.0),
        }),
        "ecs" => Some(match operation {
            "CreateService" | "UpdateService" | "DeleteService" => ("services", 50.0, 5.0),
            "CreateCluster" | "DeleteCluster" | "UpdateCluster" | "PutClusterCapacityProviders" => {
                ("clusters", 20.0, 1.0)
            }
            "RegisterTaskDefinition" | "DeregisterTaskDefinition" => {
                ("task definitions", 20.0, 1.0)
            }
            "DeleteTaskDefinitions" => ("task definition deletes", 5.0, 1.0),
            "DescribeServices" | "ListServices" => ("service reads", 100.0, 20.0),
            "DescribeTasks" | "ListTasks" => ("task reads", 100.0, 20.0),
            "DescribeServiceDeployments"
            | "ListServiceDeployments"
            | "DescribeServiceRevisions" => ("deployment reads", 50.0, 20.0),
            _ => return None,
        }),
        "route53" => Some(("account", 5.0, 5.0)),
        // Not more than once in ten minutes, sustained; a burst is allowed.
        "secretsmanager" if operation == "PutSecretValue" => {
            Some(("secret versions", 50.0, 1.0 / 600.0))
        }
        "s3" if request.mutating() => Some(("writes", 3500.0, 3500.0)),
        "s3" => Some(("reads", 5500.0, 5500.0)),
        _ => None,
    }
}

fn unbounded(request: &Request) -> bool {
    request.parameters.as_object().is_none_or(|map| {
        !map.keys().any(|k| k == "Filter" || k == "MaxResults" || k.ends_with("Id"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Protocol;

    fn call(operation: &str) -> Request {
        Request {
            protocol: Protocol::Ec2,
            service: "ec2".into(),
            operation: operation.into(),
            parameters: serde_json::json!({}),
            account: "1".into(),
            region: "r".into(),
            principal: String::new(),
        }
    }

    #[test]
    fn four_endpoints_at_once_then_one_per_three_seconds() {
        let mut buckets = Buckets::default();
        let taken = (0..6).filter(|_| buckets.take(&call("CreateVpcEndpoint"), 0.0)).count();
        assert_eq!(taken, 4);
        assert!(!buckets.take(&call("DeleteVpcEndpoints"), 3.0));
        assert!(buckets.take(&call("CreateVpcEndpoint"), 3.4));
        assert!(buckets.take(&call("CreateVpc"), 0.0));
    }
}
