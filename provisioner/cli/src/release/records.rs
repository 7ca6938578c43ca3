//! Releases: what a service was made to run, when, by whom, and how that went. Each is up to three objects in
//! the state bucket, written once and never edited: its start, its end, and what became of it afterwards if the
//! end could not tell.

use aws::store::Objects;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stack::Image;

use crate::failure::{Code, Failure};

/// Where the records are, below the environment's part of the bucket.
const FOLDER: &str = "releases/";

/// The version of the records.
const FORMAT: u32 = 1;

/// The object of what became of a release after its end.
const SETTLED: &str = "settled";

/// The start of a release.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Started {
    pub(crate) format: u32,
    pub(crate) service: String,
    /// Counts up from 1, for each service.
    pub(crate) number: u32,
    pub(crate) what: What,
    pub(crate) image: Image,
    /// The revision's ARN.
    pub(crate) revision: String,
    /// The task definition with every input resolved: what a rollback brings back. Secrets are in it by
    /// their version ids, never by their values.
    pub(crate) definition: Value,
    /// The service as the environment file had it.
    pub(crate) config: Value,
    /// The command of the migration that was run before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) migration: Option<String>,
    pub(crate) at: Timestamp,
    #[serde(flatten)]
    pub(crate) author: Author,
}

/// What made a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "by", content = "of")]
pub(crate) enum What {
    /// `up` made or changed the task definition.
    Up,
    Deploy,
    /// Back to the release of this number.
    Rollback(u32),
}

/// Who, and from where.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Author {
    pub(crate) who: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) commit: Option<String>,
    /// The pipeline run's page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) run: Option<String>,
}

/// The end of a release.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Ended {
    pub(crate) format: u32,
    pub(crate) how: How,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<String>,
    pub(crate) at: Timestamp,
}

/// How a release ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum How {
    Succeeded,
    /// It failed, and the one before it runs again.
    RolledBack,
    /// It failed, and the one before it did not serve again while somebody waited.
    Failed,
    /// The user left it on its way, or did not wait.
    NotWaitedFor,
    /// The process ended before the release did.
    Abandoned,
}

/// A release as it is known. One without an end is on its way, or its process died.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Release {
    #[serde(flatten)]
    pub(crate) started: Started,
    pub(crate) ended: Option<Ended>,
}

/// The releases of one service.
pub(crate) struct Releases {
    objects: Objects,
    service: String,
}

impl Releases {
    pub(crate) fn of(objects: Objects, service: &str) -> Self {
        Self { objects, service: service.into() }
    }

    /// All of them, the newest last.
    pub(crate) async fn all(&self) -> Result<Vec<Release>, Failure> {
        let keys = self.keys().await?;
        let mut all = Vec::new();
        for number in numbers(&keys) {
            all.extend(self.known(&keys, number).await?);
        }
        Ok(all)
    }

    /// One of them.
    pub(crate) async fn get(&self, number: u32) -> Result<Option<Release>, Failure> {
        self.known(&self.keys().await?, number).await
    }

    /// The newest one.
    pub(crate) async fn last(&self) -> Result<Option<Release>, Failure> {
        let keys = self.keys().await?;
        match numbers(&keys).last() {
            Some(number) => self.known(&keys, *number).await,
            None => Ok(None),
        }
    }

    async fn known(&self, keys: &[String], number: u32) -> Result<Option<Release>, Failure> {
        let Some(started) = self.read::<Started>(&self.key(number, "start")).await? else {
            return Ok(None);
        };
        for part in [SETTLED, "end"] {
            let key = self.key(number, part);
            if keys.contains(&key) {
                return Ok(Some(Release { started, ended: self.read(&key).await? }));
            }
        }
        Ok(Some(Release { started, ended: None }))
    }

    /// Writes a start, with the number that follows the last one.
    pub(crate) async fn start(&self, started: Started) -> Result<Started, Failure> {
        let number = numbers(&self.keys().await?).last().map_or(1, |last| last + 1);
        let started = Started { format: FORMAT, number, ..started };
        self.write(&self.key(number, "start"), &started).await?;
        Ok(started)
    }

    /// Writes an end, and returns it.
    pub(crate) async fn end(
        &self,
        number: u32,
        how: How,
        why: Option<String>,
    ) -> Result<Ended, Failure> {
        let ended = Ended { format: FORMAT, how, why, at: Timestamp::now() };
        self.write(&self.key(number, "end"), &ended).await?;
        Ok(ended)
    }

    /// Writes what became of a release after its end. What was written first stays.
    pub(crate) async fn correct(
        &self,
        number: u32,
        how: How,
        why: Option<String>,
    ) -> Result<(), Failure> {
        let ended = Ended { format: FORMAT, how, why, at: Timestamp::now() };
        let key = self.key(number, SETTLED);
        if self.objects.get(&key).await?.is_none() {
            self.write(&key, &ended).await?;
        }
        Ok(())
    }

    /// The newest one, which gets an end if its process died before it could give it one. To be called
    /// under the lock.
    pub(crate) async fn settle(&self) -> Result<Option<Release>, Failure> {
        let Some(mut last) = self.last().await? else { return Ok(None) };
        if last.ended.is_none() {
            let why = Some("its process ended".into());
            last.ended = Some(self.end(last.started.number, How::Abandoned, why).await?);
        }
        Ok(Some(last))
    }

    /// Removes the records of all services, those that the file no longer names too, when the environment goes.
    pub(crate) async fn remove_all(objects: &Objects) -> Result<(), Failure> {
        for key in objects.list(FOLDER).await? {
            if let Some(object) = objects.get(&key).await? {
                objects.delete(&key, &object.etag).await?;
            }
        }
        Ok(())
    }

    async fn keys(&self) -> Result<Vec<String>, Failure> {
        Ok(self.objects.list(&self.folder()).await?)
    }

    fn folder(&self) -> String {
        format!("{FOLDER}{}/", self.service)
    }

    fn key(&self, number: u32, part: &str) -> String {
        format!("{}{number:08}.{part}.json", self.folder())
    }

    async fn read<T: serde::de::DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Failure> {
        let Some(object) = self.objects.get(key).await? else { return Ok(None) };
        serde_json::from_slice(&object.bytes).map(Some).map_err(|error| {
            let place = self.objects.location(key);
            Failure::new(Code::State, format!("{place} is no release record: {error}"))
        })
    }

    async fn write(&self, key: &str, record: &impl Serialize) -> Result<(), Failure> {
        let bytes = serde_json::to_vec_pretty(record)
            .map_err(|error| Failure::new(Code::Failed, error.to_string()))?;
        self.objects.put_new(key, bytes).await?;
        Ok(())
    }
}

/// The numbers of the releases that have a start, in order.
fn numbers(keys: &[String]) -> Vec<u32> {
    let starts = keys.iter().filter_map(|key| key.strip_suffix(".start.json"));
    let mut numbers: Vec<u32> =
        starts.filter_map(|key| key.rsplit('/').next()?.parse().ok()).collect();
    numbers.sort_unstable();
    numbers
}

impl Release {
    /// Whether it is one to go back to: somebody has seen it serve.
    pub(crate) fn is_good(&self) -> bool {
        self.how() == Some(How::Succeeded)
    }

    /// Whether it is known not to serve.
    pub(crate) fn is_broken(&self) -> bool {
        matches!(self.how(), Some(How::RolledBack | How::Failed))
    }

    pub(crate) fn how(&self) -> Option<How> {
        self.ended.as_ref().map(|ended| ended.how)
    }

    /// Whether nobody knows yet what became of it: its process died, or did not wait.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.how(), Some(How::Abandoned | How::NotWaitedFor))
    }
}

impl Author {
    /// This process's user, commit and pipeline run.
    pub(crate) fn here(who: &str, run: Option<String>) -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let commit = ["GITHUB_SHA", "CI_COMMIT_SHA"].into_iter().find_map(variable);
        Self { who: who.into(), commit, run }
    }
}
