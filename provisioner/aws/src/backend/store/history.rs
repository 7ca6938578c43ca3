//! Earlier versions of an object.

use std::cmp::Reverse;

use engine::{Class, Error, Result};
use jiff::Timestamp;

use super::{Object, Objects};
use crate::error::error;

/// One version of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    pub version: String,
    pub written: Timestamp,
    /// In bytes. `None` for the mark that a deletion leaves.
    pub size: Option<u64>,
    /// The one that a read gives.
    pub current: bool,
    /// Names its content, as [`Object::etag`] does. `None` for the mark of a deletion.
    pub etag: Option<String>,
}

/// Versions of an object and deletions, the newest first, and where the listing goes on.
#[derive(Clone, Debug, Default)]
pub struct Page {
    pub past: Vec<Past>,
    next: Option<Markers>,
}

#[derive(Clone, Debug, Default)]
struct Markers {
    key: Option<String>,
    version: Option<String>,
}

impl Objects {
    /// Every version of an object and every deletion, the newest first.
    pub async fn versions(&self, key: &str) -> Result<Vec<Past>> {
        let mut page = self.recent_versions(key).await?;
        let mut found = std::mem::take(&mut page.past);
        while let Some(next) = self.earlier_versions(key, &page).await? {
            page = next;
            found.append(&mut page.past);
        }
        found.sort_by_key(order);
        Ok(found)
    }

    /// The first page of [`Self::versions`].
    pub async fn recent_versions(&self, key: &str) -> Result<Page> {
        self.page(key, Markers::default()).await
    }

    /// The page after this one, if there is one.
    pub async fn earlier_versions(&self, key: &str, page: &Page) -> Result<Option<Page>> {
        match page.next.clone() {
            Some(from) => self.page(key, from).await.map(Some),
            None => Ok(None),
        }
    }

    async fn page(&self, key: &str, from: Markers) -> Result<Page> {
        let full = format!("{}{key}", self.prefix);
        let call = self.aws.read().s3.list_object_versions().bucket(&self.backend.bucket);
        let answer = call
            .prefix(&full)
            .set_key_marker(from.key)
            .set_version_id_marker(from.version)
            .expected_bucket_owner(&self.backend.account)
            .send()
            .await;
        let page = match answer.map_err(|e| self.backend.refused(error("s3:ListObjectVersions", e)))
        {
            Err(error) if error.is(Class::Absent) => return Ok(Page::default()),
            answer => answer?,
        };
        let written = page.versions().iter().filter(|version| version.key() == Some(&full));
        let written = written.map(|version| Past {
            version: version.version_id().unwrap_or_default().into(),
            written: moment(version.last_modified()),
            size: version.size().and_then(|size| u64::try_from(size).ok()),
            current: version.is_latest().unwrap_or_default(),
            etag: version.e_tag().map(Into::into),
        });
        let deleted = page.delete_markers().iter().filter(|mark| mark.key() == Some(&full));
        let deleted = deleted.map(|mark| Past {
            version: mark.version_id().unwrap_or_default().into(),
            written: moment(mark.last_modified()),
            size: None,
            current: mark.is_latest().unwrap_or_default(),
            etag: None,
        });
        let mut past: Vec<Past> = written.chain(deleted).collect();
        past.sort_by_key(order);
        let goes_on = page.is_truncated() == Some(true);
        let (key, version) = (page.next_key_marker, page.next_version_id_marker);
        Ok(Page { past, next: goes_on.then_some(Markers { key, version }) })
    }

    /// Reads one version.
    ///
    /// # Errors
    /// [`Class::Absent`] when there is no such version.
    pub async fn get_version(&self, key: &str, version: &str) -> Result<Object> {
        self.read(key, Some(version)).await?.ok_or_else(|| {
            let message = format!("{} has no version {version}", self.location(key));
            Error::new(Class::Absent, message)
        })
    }
}

/// S3 lists versions and marks apart, each newest first: a stable sort keeps that order among those of one second.
fn order(past: &Past) -> (Reverse<bool>, Reverse<Timestamp>) {
    (Reverse(past.current), Reverse(past.written))
}

fn moment(time: Option<&aws_smithy_types::DateTime>) -> Timestamp {
    time.and_then(|time| {
        let nanoseconds = i32::try_from(time.subsec_nanos()).ok()?;
        Timestamp::new(time.secs(), nanoseconds).ok()
    })
    .unwrap_or(Timestamp::UNIX_EPOCH)
}
