//! Migrations: the task of the new image that must end well before anything is switched to that image.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::state::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stack::Image;
use stack::environment::Migration;

use crate::failure::{Code, Failure};
use crate::release::once::{Once, Settings};
use crate::report;
use crate::run::LockedRun;

/// What is kept in the state of the last migration of a service that ended well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Migrated {
    pub(crate) image: Image,
    pub(crate) revision: String,
    /// None when a release was gone back to, which runs none.
    pub(crate) command: Option<String>,
}

/// The state's name for it.
pub(crate) fn migrated(service: &str) -> String {
    format!("migrated.{service}")
}

impl Migrated {
    /// Notes it among a state's facts.
    pub(crate) fn keep(&self, facts: &mut BTreeMap<String, Value>, service: &str) {
        if let Ok(value) = serde_json::to_value(self) {
            facts.insert(migrated(service), value);
        }
    }
}

/// The command as records and messages show it.
pub(crate) fn command(migration: &Migration) -> String {
    migration.command.join(" ")
}

/// Runs a service's migration with a new revision. Anything but exit code 0 stops the release.
pub(crate) async fn run(
    run: &LockedRun<'_>,
    settings: &Settings,
    service: &str,
    revision: &str,
    wanted: &State,
    migration: &Migration,
) -> Result<(), Failure> {
    report::note(&format!("migration: {}", command(migration)));
    let session = run.session;
    let limit = Duration::from_secs(u64::from(migration.timeout.0));
    let line = |line: &str| report::note(&format!("  {line}"));
    let code = if let Some(home) = session.home.as_ref().filter(|home| !home.has_docker()) {
        let environment = session.environment();
        let ran = home.run_once(&run.aws, environment, wanted, service, &migration.command, line);
        // Dropping it ends the process.
        tokio::select! {
            ran = ran => ran?.code(),
            () = session.clock.sleep(limit) => return Err(too_long(service, migration)),
            () = run.stop.cancelled() => {
                let message = "interrupted; the migration was stopped, and nothing was switched";
                return Err(Failure::new(Code::Interrupted, message));
            }
        }
    } else {
        let once = Once { session, aws: &run.aws, settings, service, revision };
        match once.run(&migration.command, Some(limit), &run.stop, line).await? {
            Some(code) => code,
            None => return Err(too_long(service, migration)),
        }
    };
    if code == 0 {
        return Ok(());
    }
    let message = format!("the migration of {service} ended with exit code {code}");
    Err(Failure::new(Code::RolledBack, message).hint("nothing was switched to the new image"))
}

fn too_long(service: &str, migration: &Migration) -> Failure {
    let message = format!(
        "the migration of {service} was stopped: it did not end within {}",
        migration.timeout
    );
    Failure::new(Code::RolledBack, message)
        .hint("nothing was switched to the new image")
        .hint("a longer one needs `migration: { timeout: .. }` in the environment file")
}
