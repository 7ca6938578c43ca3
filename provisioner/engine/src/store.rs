//! Where the state is kept, and the journal that keeps it true during a run.

use std::future::Future;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Mutex as Turn;

use crate::error::Result;
use crate::state::State;

/// Names one stored state: an S3 entity tag.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Version(pub String);

/// A place for one environment's state.
pub trait Store: Send + Sync + 'static {
    /// The current state; `None` when there is none yet.
    fn load(&self) -> impl Future<Output = Result<Option<(State, Version)>>> + Send;
    /// Replaces exactly the version `over` (`None`: there must be none yet). When somebody else wrote
    /// meanwhile it fails with [`crate::Class::State`] and changes nothing. Retries by itself what can
    /// be retried, and settles a lost answer by reading back.
    fn save(
        &self,
        state: &State,
        over: Option<&Version>,
    ) -> impl Future<Output = Result<Version>> + Send;
}

/// The state during a run. Changes are made in memory at once; [`Journal::commit`] returns when they
/// are stored. Commits that come while one is under way share the next: a hundred resources that
/// finish together cost a few writes.
pub struct Journal<S> {
    store: S,
    current: Mutex<Current>,
    turn: Turn<Stored>,
}

struct Current {
    state: State,
    /// Counts the changes.
    change: u64,
}

struct Stored {
    version: Option<Version>,
    /// The change that was stored last.
    change: u64,
}

impl<S: Store> Journal<S> {
    /// Goes on from a loaded state.
    pub fn new(store: S, state: State, version: Option<Version>) -> Self {
        Self {
            store,
            current: Mutex::new(Current { state, change: 0 }),
            turn: Turn::new(Stored { version, change: 0 }),
        }
    }

    /// Reads the state as it is now.
    pub fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.current.lock().unwrap_or_else(PoisonError::into_inner).state)
    }

    /// Changes the state in memory.
    pub fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.change += 1;
        change(&mut current.state)
    }

    /// Returns once everything changed before this call is stored.
    pub async fn commit(&self) -> Result<()> {
        let wanted = self.current.lock().unwrap_or_else(PoisonError::into_inner).change;
        let mut stored = self.turn.lock().await;
        if stored.change >= wanted {
            return Ok(());
        }
        let (state, change) = {
            let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
            current.state.serial += 1;
            (current.state.clone(), current.change)
        };
        let version = self.store.save(&state, stored.version.as_ref()).await?;
        *stored = Stored { version: Some(version), change };
        Ok(())
    }

    /// The version that was stored last.
    pub async fn version(&self) -> Option<Version> {
        self.turn.lock().await.version.clone()
    }
}
