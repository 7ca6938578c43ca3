//! What things are called: project, environment and service in every name, within AWS's limits.

use engine::Owner;
use sha2::{Digest, Sha256};

use crate::environment::Environment;

/// The names of one environment.
#[derive(Clone, Debug)]
pub struct Names {
    project: String,
    environment: String,
    region: String,
    /// The path of roles.
    path: String,
}

impl Names {
    #[must_use]
    pub fn new(environment: &Environment) -> Self {
        Self {
            project: environment.project.clone(),
            environment: environment.name.clone(),
            region: environment.region.clone(),
            path: environment.iam.path.clone(),
        }
    }

    /// The owner of everything here.
    #[must_use]
    pub fn owner(&self) -> Owner {
        Owner::of(&self.project, &self.environment)
    }

    /// `payments-prod`
    #[must_use]
    pub fn base(&self) -> String {
        format!("{}-{}", self.project, self.environment)
    }

    /// `payments-prod-api`
    #[must_use]
    pub fn of(&self, part: &str) -> String {
        format!("{}-{part}", self.base())
    }

    /// `/payments/prod/api`, for log groups.
    #[must_use]
    pub fn log_group(&self, service: &str) -> String {
        format!("/{}", self.path(service))
    }

    /// `payments/prod/api`, for repositories.
    #[must_use]
    pub fn repository(&self, service: &str) -> String {
        self.path(service)
    }

    /// `payments/prod/database-url`, for secrets.
    #[must_use]
    pub fn secret(&self, secret: &str) -> String {
        self.path(secret)
    }

    fn path(&self, part: &str) -> String {
        format!("{}/{}/{part}", self.project, self.environment)
    }

    /// A load balancer's name: 32 characters (Elastic Load Balancing API, CreateLoadBalancer).
    #[must_use]
    pub fn load_balancer(&self) -> String {
        within(&self.base(), 32)
    }

    /// What all target groups' names begin with, of services too that the file no longer has.
    #[must_use]
    pub fn target_groups(&self) -> String {
        start_within(&self.of(""), 25)
    }

    /// What all roles' names begin with.
    #[must_use]
    pub fn roles(&self) -> String {
        let limit = if self.path == "/" { 64 } else { 57 };
        start_within(&format!("{}-{}-", self.base(), self.region), limit)
    }

    /// A target group's name: 32 characters. What cannot be changed in place is part of it, so that a
    /// successor can stand beside it.
    #[must_use]
    pub fn target_group(&self, service: &str, fixed: &str) -> String {
        let name = within(&self.of(service), 25);
        format!("{name}-{}", short_digest(fixed))
    }

    /// A role's name: 64 characters. Roles are global, so the region is part of it; so is a path, which
    /// cannot be changed, and under which no two roles have one name either.
    #[must_use]
    pub fn role(&self, service: &str, purpose: &str) -> String {
        let name = format!("{}-{}-{service}-{purpose}", self.base(), self.region);
        match self.path.as_str() {
            "/" => within(&name, 64),
            path => format!("{}-{}", within(&name, 57), short_digest(path)),
        }
    }
}

/// The name, or as much of it as fits and a digest of the whole.
fn within(name: &str, limit: usize) -> String {
    if name.len() <= limit {
        return name.into();
    }
    let kept: String = name.chars().take(limit - 7).collect();
    format!("{}-{}", kept.trim_end_matches('-'), short_digest(name))
}

/// As much of a start as every name has that begins with it, cut to the limit or not.
fn start_within(start: &str, limit: usize) -> String {
    if start.len() <= limit - 7 {
        return start.into();
    }
    let kept: String = start.chars().take(limit - 7).collect();
    kept.trim_end_matches('-').into()
}

/// Six hexadecimal characters.
fn short_digest(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    format!("{:02x}{:02x}{:02x}", digest[0], digest[1], digest[2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut_and_stay_apart() {
        let one = within(&"a".repeat(40), 32);
        let other = within(&"a".repeat(41), 32);
        assert_eq!(one.len(), 32);
        assert_ne!(one, other);
        assert_eq!(within("short", 32), "short");
    }

    #[test]
    fn every_name_has_its_start() {
        for base in 1..30 {
            let start = format!("{}-", "b".repeat(base));
            for service in 1..30 {
                let name = format!("{start}{}", "s".repeat(service));
                let name = within(&name, 25);
                assert!(name.starts_with(&start_within(&start, 25)), "{name} of {start}");
            }
        }
    }
}
