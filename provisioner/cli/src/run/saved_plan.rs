//! A plan in a file, and the proof that nothing has moved since.

use std::path::Path;

use engine::plan::Plan;
use engine::store::Version;
use serde::{Deserialize, Serialize};
use stack::Environment;

use crate::failure::{Code, Failure, file};

/// The version of the file's form.
const FORMAT: u32 = 1;

/// What `plan --out` writes.
#[derive(Serialize, Deserialize)]
pub(crate) struct SavedPlan {
    format: u32,
    account: String,
    project: String,
    environment: String,
    /// A digest of the environment with all its defaults.
    config: String,
    /// The state's entity tag; absent when there was none.
    state: Option<Version>,
    plan: Plan,
}

impl SavedPlan {
    pub(crate) fn new(
        account: &str,
        environment: &Environment,
        state: Option<Version>,
        plan: Plan,
    ) -> Result<Self, Failure> {
        Ok(Self {
            format: FORMAT,
            account: account.into(),
            project: environment.project.clone(),
            environment: environment.name.clone(),
            config: digest(environment)?,
            state,
            plan,
        })
    }

    pub(crate) fn plan(self) -> Plan {
        self.plan
    }

    pub(crate) fn write(&self, path: &Path) -> Result<(), Failure> {
        let bytes = serde_json::to_vec_pretty(self)
            .map_err(|error| Failure::new(Code::Failed, error.to_string()))?;
        std::fs::write(path, bytes).map_err(|error| file(path, &error))
    }

    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let bytes = std::fs::read(path).map_err(|error| file(path, &error))?;
        let saved: Self = serde_json::from_slice(&bytes).map_err(|error| {
            Failure::new(Code::Failed, format!("{} is no saved plan: {error}", path.display()))
                .hint("make one with `provisioner plan --out FILE`")
        })?;
        if saved.format != FORMAT {
            return Err(Failure::new(
                Code::Failed,
                format!("{} was saved by another version of provisioner", path.display()),
            ));
        }
        Ok(saved)
    }

    /// Refuses when anything is not as it was when this plan was saved.
    pub(crate) fn require_same(&self, now: &Self) -> Result<(), Failure> {
        let steps = |saved: &Self| serde_json::to_value(&saved.plan.steps).ok();
        let moved = if (&self.project, &self.environment) != (&now.project, &now.environment) {
            format!("it is a plan for {}/{}", self.project, self.environment)
        } else if self.account != now.account {
            format!("it is a plan for account {}", self.account)
        } else if self.config != now.config {
            "the environment's files have changed".into()
        } else if self.state != now.state {
            "the state has changed".into()
        } else if steps(self) != steps(now) {
            "the cloud has changed".into()
        } else {
            return Ok(());
        };
        Err(Failure::new(Code::Refused, format!("the saved plan does not hold any more: {moved}"))
            .hint("make a new one with `provisioner plan --out FILE`"))
    }
}

fn digest(environment: &Environment) -> Result<String, Failure> {
    let bytes = serde_json::to_vec(environment)
        .map_err(|error| Failure::new(Code::Failed, error.to_string()))?;
    Ok(image::Digest::of(&bytes).to_string())
}
