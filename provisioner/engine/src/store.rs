//! Where the state is kept, and the journal that keeps it true during a run.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
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
    store: Arc<S>,
    current: Mutex<Current>,
    turn: Turn<Stored>,
}

struct Current {
    /// Shared with the save that is under way.
    state: Arc<State>,
    /// Counts the changes.
    change: u64,
}

struct Stored {
    version: Option<Version>,
    /// The change that was stored last.
    change: u64,
    saving: Option<Saving>,
}

/// A save on its way. It is kept here and not in the commit that began it: whoever waited for that may
/// be gone (an interrupt), and a write whose answer nobody heard would look like somebody else's.
struct Saving {
    change: u64,
    answer: Shared<BoxFuture<'static, Result<Version>>>,
}

impl Stored {
    /// Hears out the save that is on its way, if there is one.
    async fn settle(&mut self) -> Result<()> {
        let Some(Saving { change, answer }) = &self.saving else { return Ok(()) };
        let (change, answer) = (*change, answer.clone().await);
        self.saving = None;
        self.version = Some(answer?);
        self.change = change;
        Ok(())
    }
}

impl<S: Store> Journal<S> {
    /// Goes on from a loaded state.
    pub fn new(store: S, state: State, version: Option<Version>) -> Self {
        Self {
            store: Arc::new(store),
            current: Mutex::new(Current { state: Arc::new(state), change: 0 }),
            turn: Turn::new(Stored { version, change: 0, saving: None }),
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
        change(Arc::make_mut(&mut current.state))
    }

    /// Returns once everything changed before this call is stored.
    pub async fn commit(&self) -> Result<()> {
        let wanted = self.current.lock().unwrap_or_else(PoisonError::into_inner).change;
        let mut stored = self.turn.lock().await;
        // An abandoned one that failed is simply tried again, with all that came since.
        let _tried_again = stored.settle().await;
        if stored.change >= wanted {
            return Ok(());
        }
        let (state, change) = {
            let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::make_mut(&mut current.state).serial += 1;
            (Arc::clone(&current.state), current.change)
        };
        let (store, over) = (Arc::clone(&self.store), stored.version.clone());
        let answer = async move { store.save(&state, over.as_ref()).await }.boxed().shared();
        stored.saving = Some(Saving { change, answer });
        stored.settle().await
    }

    /// The version that was stored last.
    pub async fn version(&self) -> Option<Version> {
        let mut stored = self.turn.lock().await;
        let _unknown_then = stored.settle().await;
        stored.version.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A store that answers after a while, and refuses a write over anything but the last version.
    #[derive(Default)]
    struct Slow(Mutex<Vec<u64>>);

    impl Store for Slow {
        async fn load(&self) -> Result<Option<(State, Version)>> {
            Ok(None)
        }

        async fn save(&self, state: &State, over: Option<&Version>) -> Result<Version> {
            let last = {
                let mut saved = self.0.lock().unwrap();
                let last = saved.last().map(|serial| Version(serial.to_string()));
                saved.push(state.serial);
                last
            };
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
            if over == last.as_ref() {
                return Ok(Version(state.serial.to_string()));
            }
            Err(crate::Error::new(crate::Class::State, "somebody else wrote"))
        }
    }

    /// An interrupt drops whoever waits for a save that S3 has carried out already.
    #[tokio::test]
    async fn an_abandoned_save_is_still_heard() {
        let journal = Journal::new(Slow::default(), State::new("shop", "prod"), None);
        journal.change(|state| state.fence = 1);
        tokio::select! {
            biased;
            _ = journal.commit() => panic!("it takes longer"),
            () = tokio::task::yield_now() => {}
        }
        journal.change(|state| state.fence = 2);
        journal.commit().await.unwrap();
        assert_eq!(journal.version().await, Some(Version("2".into())));
    }
}
