//! Where trials happen: an emulator that was emptied, a strict cloud and a project of their own.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use strict::{Config, Faults, Running, Strict};

use crate::Result;
use crate::emulator::{Emulator, Kind};
use crate::listing::{Listing, last, list};
use crate::project::Project;
use crate::tool::{self, Ended, Settings, Started};
use crate::trial::Verb;
use crate::wire::KEY;

/// One emulator and the binary: stages are set up here, one after the other.
pub struct Site {
    pub emulator: Emulator,
    program: PathBuf,
    /// Virtual seconds per real second, for tool and cloud alike.
    pub scale: f64,
}

impl Site {
    /// Starts an emulator, and has it load all of its services before clocks are compressed.
    pub async fn open(kind: Kind, scale: f64) -> Result<Self> {
        let emulator = Emulator::start(kind).await?;
        let site = Self { emulator, program: tool::program()?, scale };
        let slow = Self { scale: 1.0, ..site };
        let stage = slow.stage(0).await?;
        stage.cloud.clock().set_scale(1e6);
        list(slow.emulator.wire()).await?;
        // Asked for a service that it has not, MiniStack looks through all it has: seconds, the first time.
        let quota = "ServiceQuotasV20190624.GetServiceQuota";
        let _refused =
            slow.emulator.wire().json("servicequotas", quota, &serde_json::json!({})).await;
        for arguments in [["status", "--env", "prod"], ["plan", "--env", "prod"]] {
            stage.start(&arguments, KEY).await?.end().await?;
        }
        drop(stage);
        Ok(Self { scale, ..slow })
    }

    /// An empty cloud, a project, and the secret's value that the project's file wants.
    pub async fn stage(&self, seed: u64) -> Result<Stage<'_>> {
        self.emulator.reset().await?;
        let strict = self.emulator.kind == Kind::Ministack;
        let config = Config { seed, strict, ..Config::strict(&self.emulator.url, self.scale) };
        let cloud = Strict::start(config).await?;
        let stage = Stage { site: self, cloud, project: Project::prod(self.emulator.kind)? };
        let set = ["secret", "set", "database-url", "--env", "prod"];
        let ended = stage.start_with(&set, KEY, "sqlite://payments").await?.end().await?;
        if !ended.done() {
            return Err(crate::Error::Tool(ended.last_words()));
        }
        Ok(stage)
    }
}

pub struct Stage<'a> {
    pub site: &'a Site,
    pub cloud: Running,
    pub project: Project,
}

impl Stage<'_> {
    /// Starts a command with these credentials.
    pub async fn start(&self, arguments: &[&str], access_key: &str) -> Result<Started> {
        self.start_with(arguments, access_key, "").await
    }

    async fn start_with(
        &self,
        arguments: &[&str],
        access_key: &str,
        input: &str,
    ) -> Result<Started> {
        let settings =
            Settings { endpoint: &self.cloud.endpoint, scale: self.site.scale, access_key };
        tool::start(&self.site.program, self.project.path(), &settings, arguments, input).await
    }

    /// Makes the project's files those that a command is for, and starts it.
    pub async fn begin(&self, verb: Verb) -> Result<Started> {
        self.project.make(verb)?;
        self.start(verb.arguments(), KEY).await
    }

    /// Runs a command that nobody disturbs.
    pub async fn run(&self, verb: Verb) -> Result<Ended> {
        self.cloud.set_faults(Faults::default());
        self.begin(verb).await?.end().await
    }

    /// Runs `plan`: done when there is nothing to change.
    pub async fn plan(&self) -> Result<Ended> {
        self.start(&["plan", "--env", "prod"], KEY).await?.end().await
    }

    pub async fn list(&self) -> Result<Listing> {
        list(self.site.emulator.wire()).await
    }

    /// The revisions of the service's task definition that the tool's state knows, by name.
    pub async fn known_revisions(&self) -> Result<Vec<String>> {
        let show = ["state", "show", "task-definition.api", "--env", "prod", "--json"];
        let ended = self.start(&show, KEY).await?.end().await?;
        let shown: Value = serde_json::from_str(&ended.out)
            .map_err(|_| crate::Error::Tool(format!("state show: {}", ended.last_words())))?;
        let older = shown["older"].as_array().into_iter().flatten();
        Ok(older.chain([&shown["id"]]).map(|arn| last(arn).to_owned()).collect())
    }
}

/// What runs that nobody disturbs do and leave.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Reference {
    /// Where that was.
    pub kind: Kind,
    /// What is there after each command.
    pub after: BTreeMap<Verb, Listing>,
    /// The mutating calls of each command: `service.Operation` and how often.
    pub calls: BTreeMap<Verb, BTreeMap<String, u64>>,
    /// All calls of each command.
    pub total: BTreeMap<Verb, u64>,
    /// How long each command took, in virtual seconds.
    pub seconds: BTreeMap<Verb, f64>,
}

impl Reference {
    /// About how many real milliseconds a command takes at a scale.
    #[must_use]
    pub fn takes(&self, verb: Verb, scale: f64) -> u64 {
        let time = std::time::Duration::from_secs_f64(self.seconds[&verb] / scale);
        u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
    }

    /// Runs all commands once.
    pub async fn of(site: &Site) -> Result<Self> {
        let stage = site.stage(0).await?;
        let mut reference = Self { kind: site.emulator.kind, ..Self::default() };
        for verb in Verb::ALL {
            let from = stage.cloud.counts().total;
            let ended = stage.run(verb).await?;
            if !ended.done() {
                return Err(crate::Error::Tool(format!("{verb}: {}", ended.last_words())));
            }
            reference.seconds.insert(verb, ended.elapsed.as_secs_f64() * site.scale);
            reference.after.insert(verb, stage.list().await?);
            let calls = stage.cloud.calls();
            let own: Vec<_> = calls.iter().filter(|call| call.seq > from).collect();
            reference.total.insert(verb, own.len() as u64);
            let mut counts = BTreeMap::new();
            for call in own.iter().filter(|call| call.mutating) {
                *counts.entry(format!("{}.{}", call.service, call.operation)).or_default() += 1;
            }
            reference.calls.insert(verb, counts);
        }
        Ok(reference)
    }
}
