//! Service-linked roles. AWS makes them on a service's first use in an account, too late for the call
//! that needed them: `Unable to assume the service linked role`.

use std::time::Duration;

use engine::clock::Backoff;
use engine::{Class, Clock, Error, Result};

use crate::Aws;
use crate::error::error;

/// The services of ours that work through such a role.
pub const SERVICES: [&str; 3] = [
    "ecs.amazonaws.com",
    "elasticloadbalancing.amazonaws.com",
    "ecs.application-autoscaling.amazonaws.com",
];

/// How long a failure that passes is waited out: nothing else was changed yet, and all that follows needs the roles.
const PATIENCE: Duration = Duration::from_mins(2);

impl Aws {
    /// Makes the roles that are missing for `services`, and answers with those made. Roles are looked up
    /// by their path, which names the service.
    pub async fn service_linked_roles(
        &self,
        services: &[&str],
        clock: &Clock,
    ) -> Result<Vec<String>> {
        let pages = self.read().iam.list_roles().path_prefix("/aws-service-role/").into_paginator();
        let found = pages.items().send().collect::<Result<Vec<_>, _>>().await;
        let found = found.map_err(|e| error("iam:ListRoles", e))?;
        let mut made = Vec::new();
        for service in services {
            let path = format!("/aws-service-role/{service}/");
            if found.iter().any(|role| role.path() == path) {
                continue;
            }
            if self.make_service_linked_role(service, clock).await? {
                made.push((*service).to_owned());
            }
        }
        Ok(made)
    }

    /// Whether this made it. A second call finds that the name is taken: it may be repeated.
    async fn make_service_linked_role(&self, service: &str, clock: &Clock) -> Result<bool> {
        let mut backoff = Backoff::new();
        loop {
            let call = self.write()?.iam.create_service_linked_role().aws_service_name(service);
            let failure =
                match call.send().await.map_err(|e| error("iam:CreateServiceLinkedRole", e)) {
                    Ok(_) => return Ok(true),
                    // Somebody else's first use, or ours, whose answer was lost.
                    Err(e) if e.is(Class::Exists) => return Ok(false),
                    Err(e) => e,
                };
            let delay = backoff.next(PATIENCE).filter(|_| passes(&failure)).ok_or(failure)?;
            clock.sleep(delay).await;
        }
    }
}

fn passes(failure: &Error) -> bool {
    matches!(failure.class, Class::Throttled | Class::Transient | Class::Lost | Class::Blocked)
}
