//! The idempotency keys that are in use in this process.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

/// The keys that this process is working on. Another process is seen through the database's advisory lock.
#[derive(Default)]
pub(crate) struct InFlight(Mutex<HashSet<(String, String)>>);

impl InFlight {
    /// Takes a key until the guard is dropped; `None` when it is taken.
    pub(crate) fn take(&self, scope: &str, key: &str) -> Option<TakenKey<'_>> {
        let entry = (scope.to_owned(), key.to_owned());
        let fresh = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(entry.clone());
        fresh.then_some(TakenKey { keys: self, entry })
    }
}

pub(crate) struct TakenKey<'a> {
    keys: &'a InFlight,
    entry: (String, String),
}

impl Drop for TakenKey<'_> {
    fn drop(&mut self) {
        self.keys.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.entry);
    }
}
