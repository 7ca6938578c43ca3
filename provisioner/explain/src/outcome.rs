//! How it stands with the revision that should run, told from AWS's words and from what they leave out:
//! a finished rollback is `COMPLETED` too, and emulators say so before a single task runs.

use serde::{Deserialize, Serialize};

use crate::picture::{Counts, Picture, WayOut, short};

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Our revision's tasks run, their targets are healthy, and the probe, if there was one, passed.
    Serves,
    /// Not there yet, and not given up.
    Rolling,
    /// Another revision is the service's own again.
    RolledBack,
    /// Our revision does not serve, and nothing is under way.
    Failed,
}

impl Picture {
    /// How it stands with our revision.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        if self.refusal.is_some() {
            return Outcome::Failed;
        }
        let Some(primary) = self.primary() else {
            return if self.all_run() { Outcome::Serves } else { Outcome::Failed };
        };
        if !self.is_ours(&primary.task_definition) {
            return Outcome::RolledBack;
        }
        let probed = self.probe.as_ref().is_none_or(|probe| probe.passed);
        let healthy = self.targets.iter().all(|target| target.state != "unhealthy");
        match primary.rollout_state.as_str() {
            "FAILED" => Outcome::Failed,
            "IN_PROGRESS" => Outcome::Rolling,
            _ if self.all_run() && probed && healthy => Outcome::Serves,
            _ => Outcome::Failed,
        }
    }

    /// One sentence on how it stands.
    #[must_use]
    pub fn headline(&self) -> String {
        let (service, environment) = (&self.service, &self.environment);
        let ours = short(&self.revision.arn);
        let counts = self.our_counts();
        let counts = format!("{} of {} tasks run", counts.running, counts.desired);
        let primary = self.primary().map(|it| short(&it.task_definition)).unwrap_or_default();
        let still = self.before.as_ref().filter(|before| before.running > 0).map(|before| {
            format!("; {} still serves with {} tasks", short(&before.revision), before.running)
        });
        let still = still.unwrap_or_default();
        match self.outcome() {
            Outcome::Serves => format!("{service} in {environment} serves {ours}: {counts}"),
            Outcome::Rolling => {
                let failed = self.our_deployment().map_or(0, |it| it.failed_tasks);
                format!(
                    "{service} in {environment} rolls out {ours}: {counts}, {failed} failed{still}"
                )
            }
            Outcome::RolledBack => {
                format!("{service} in {environment} was rolled back: {primary} runs, not {ours}")
            }
            Outcome::Failed => {
                format!("{service} in {environment} does not serve {ours}: {counts}{still}")
            }
        }
    }

    fn all_run(&self) -> bool {
        let counts = self.our_counts();
        counts.desired > 0 && counts.running >= counts.desired
    }

    /// Our deployment's tasks, of as many as the service should have.
    fn our_counts(&self) -> Counts {
        let ours = self.our_deployment().map_or(self.counts, |deployment| deployment.counts);
        let running = match self.way_out {
            // Where ECS is an emulator that starts nothing, the processes themselves are the truth.
            Some(WayOut::Local) => self.running_tasks(),
            _ => ours.running,
        };
        Counts { desired: ours.desired.max(self.counts.desired), running, ..ours }
    }

    fn running_tasks(&self) -> u32 {
        let ours = self.tasks.iter().filter(|task| self.is_ours(&task.task_definition));
        ours.map(|task| u32::from(task.last_status == "RUNNING")).sum()
    }
}
