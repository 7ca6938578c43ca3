//! An environment's state as one object: `<project>/<environment>/state.json`.

use engine::state::{FORMAT, State};
use engine::store::{Store, Version};
use engine::{Class, Error, Result};
use serde::Deserialize;

use super::{Object, Objects, Page, Past};

/// The state's key under the environment's prefix.
pub(crate) const STATE: &str = "state.json";

/// Keeps the state in S3.
#[derive(Clone, Debug)]
pub struct S3Store {
    objects: Objects,
}

impl S3Store {
    #[must_use]
    pub fn new(objects: Objects) -> Self {
        Self { objects }
    }

    /// Earlier states and the current one, the newest first.
    pub async fn history(&self) -> Result<Vec<Past>> {
        self.objects.versions(STATE).await
    }

    /// The state as it was in one version.
    pub async fn at(&self, version: &str) -> Result<State> {
        let object = self.objects.get_version(STATE, version).await?;
        self.read(&object)
    }

    /// What is stored now, readable or not: its version, and the state or what is wrong with it.
    pub async fn current(&self) -> Result<Option<(Version, Result<State>)>> {
        let object = self.objects.get(STATE).await?;
        Ok(object.map(|object| (Version(object.etag.clone()), self.read(&object))))
    }

    /// The newest readable state before this version, or before the mark that a deletion left (`None`).
    pub async fn before(&self, current: Option<&Version>) -> Result<Option<(String, State)>> {
        self.before_in(self.recent().await?, current).await
    }

    /// The versions that were written last: for [`Self::before_in`].
    pub async fn recent(&self) -> Result<Page> {
        self.objects.recent_versions(STATE).await
    }

    /// As [`Self::before`], with a listing that was made at hand, maybe before the version was written.
    pub async fn before_in(
        &self,
        recent: Page,
        current: Option<&Version>,
    ) -> Result<Option<(String, State)>> {
        let is_current = |one: &Past| current.is_some_and(|v| one.etag.as_ref() == Some(&v.0));
        let knows = current.is_none() || recent.past.iter().any(is_current);
        let mut page = if knows { recent } else { self.recent().await? };
        let mut is_before = current.is_none();
        loop {
            for one in &page.past {
                if !is_before {
                    is_before = is_current(one);
                } else if one.size.is_some() {
                    match self.at(&one.version).await {
                        Ok(state) => return Ok(Some((one.version.clone(), state))),
                        Err(error) if matches!(error.class, Class::State | Class::Absent) => {}
                        Err(error) => return Err(error),
                    }
                }
            }
            let Some(earlier) = self.objects.earlier_versions(STATE, &page).await? else {
                return Ok(None);
            };
            page = earlier;
        }
    }

    /// Makes an earlier version the current state. The current one may be damaged: it stays in the
    /// history. Serial and fence go on from the newest ones, so that nobody takes it for stale.
    pub async fn restore(&self, version: &str) -> Result<State> {
        let mut state = self.at(version).await?;
        let current = self.objects.get(STATE).await?;
        let newest = match current.as_ref().map(|object| State::from_bytes(&object.bytes)) {
            Some(Ok(current)) => Some(current),
            _ => self.before(None).await?.map(|(_, state)| state),
        };
        if let Some(newest) = newest {
            state.serial = state.serial.max(newest.serial);
            state.fence = state.fence.max(newest.fence);
        }
        state.serial += 1;
        let bytes = state.to_bytes()?;
        match current {
            Some(current) => self.objects.replace(STATE, bytes, &current.etag).await?,
            None => self.objects.put_new(STATE, bytes).await?,
        };
        Ok(state)
    }

    /// Deletes exactly the state that `over` names: the end of a destroyed environment. Earlier
    /// versions stay in the history until they expire.
    pub async fn delete(&self, over: &Version) -> Result<()> {
        self.objects.delete(STATE, &over.0).await
    }

    fn read(&self, object: &Object) -> Result<State> {
        State::from_bytes(&object.bytes).map_err(|error| {
            let version = object.version.as_deref().unwrap_or("unversioned");
            let place = format!("{} (version {version})", self.objects.location(STATE));
            let advice = if is_newer(&object.bytes) {
                ""
            } else {
                "; `state rebuild` makes it again from the cloud; `state history` lists earlier versions, \
                 `state restore <version>` brings one back"
            };
            Error { message: format!("{place}: {}{advice}", error.message), ..error }
        })
    }
}

/// Whether a program newer than this one wrote it.
fn is_newer(bytes: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    serde_json::from_slice::<Format>(bytes).is_ok_and(|read| read.format > FORMAT)
}

impl Store for S3Store {
    async fn load(&self) -> Result<Option<(State, Version)>> {
        let Some(object) = self.objects.get(STATE).await? else { return Ok(None) };
        Ok(Some((self.read(&object)?, Version(object.etag))))
    }

    async fn save(&self, state: &State, over: Option<&Version>) -> Result<Version> {
        let bytes = state.to_bytes()?;
        let written = match over {
            Some(version) => self.objects.replace(STATE, bytes, &version.0).await,
            None => self.objects.put_new(STATE, bytes).await,
        };
        written.map(Version).map_err(|error| match error.class {
            Class::Exists => Error { class: Class::State, ..error },
            _ => error,
        })
    }
}
