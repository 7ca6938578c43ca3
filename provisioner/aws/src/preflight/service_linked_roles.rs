//! Service-linked roles. AWS makes them on a service's first use in an account, too late for the call
//! that needed them: `Unable to assume the service linked role`.

use engine::{Class, Result};

use crate::Aws;
use crate::error::error;

/// The services of ours that work through such a role.
pub const SERVICES: [&str; 3] = [
    "ecs.amazonaws.com",
    "elasticloadbalancing.amazonaws.com",
    "ecs.application-autoscaling.amazonaws.com",
];

impl Aws {
    /// Makes the roles that are missing for `services`, and answers with those made. Roles are looked up
    /// by their path, which names the service.
    pub async fn service_linked_roles(&self, services: &[&str]) -> Result<Vec<String>> {
        let pages = self.read().iam.list_roles().path_prefix("/aws-service-role/").into_paginator();
        let found = pages.items().send().collect::<Result<Vec<_>, _>>().await;
        let found = found.map_err(|e| error("iam:ListRoles", e))?;
        let mut made = Vec::new();
        for service in services {
            let path = format!("/aws-service-role/{service}/");
            if found.iter().any(|role| role.path() == path) {
                continue;
            }
            let call = self.write()?.iam.create_service_linked_role().aws_service_name(*service);
            match call.send().await.map_err(|e| error("iam:CreateServiceLinkedRole", e)) {
                Ok(_) => made.push((*service).to_owned()),
                // Somebody else's first use.
                Err(e) if e.is(Class::Exists) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(made)
    }
}
