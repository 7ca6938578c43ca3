//! Earlier versions of an object.

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

impl Objects {
    /// Every version of an object and every deletion, the newest first.
    pub async fn versions(&self, key: &str) -> Result<Vec<Past>> {
        let full = format!("{}{key}", self.prefix);
        let mut found = Vec::new();
        let (mut from_key, mut from_version) = (None, None);
        loop {
            let call = self.aws.read().s3.list_object_versions().bucket(&self.bucket);
            let answer = call
                .prefix(&full)
                .set_key_marker(from_key)
                .set_version_id_marker(from_version)
                .expected_bucket_owner(&self.account)
                .send()
                .await;
            let page = match answer.map_err(|e| error("s3:ListObjectVersions", e)) {
                Err(error) if error.is(Class::Absent) => break,
                answer => answer?,
            };
            let written = page.versions().iter().filter(|version| version.key() == Some(&full));
            found.extend(written.map(|version| Past {
                version: version.version_id().unwrap_or_default().into(),
                written: moment(version.last_modified()),
                size: version.size().and_then(|size| u64::try_from(size).ok()),
                current: version.is_latest().unwrap_or_default(),
                etag: version.e_tag().map(Into::into),
            }));
            let deleted = page.delete_markers().iter().filter(|mark| mark.key() == Some(&full));
            found.extend(deleted.map(|mark| Past {
                version: mark.version_id().unwrap_or_default().into(),
                written: moment(mark.last_modified()),
                size: None,
                current: mark.is_latest().unwrap_or_default(),
                etag: None,
            }));
            if page.is_truncated() != Some(true) {
                break;
            }
            (from_key, from_version) = (page.next_key_marker, page.next_version_id_marker);
        }
        // S3 lists versions and marks apart, each newest first; a stable sort keeps that order among
        // those of one second.
        found
            .sort_by_key(|past| (std::cmp::Reverse(past.current), std::cmp::Reverse(past.written)));
        Ok(found)
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

fn moment(time: Option<&aws_smithy_types::DateTime>) -> Timestamp {
    time.and_then(|time| {
        let nanoseconds = i32::try_from(time.subsec_nanos()).ok()?;
        Timestamp::new(time.secs(), nanoseconds).ok()
    })
    .unwrap_or(Timestamp::UNIX_EPOCH)
}
