//! Questions of several kinds that one call answers. A look at everything asks for all kinds at once;
//! those that read the same listing are gathered for a moment and share it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use engine::Result;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};

/// How long the first question waits for others, in real time.
const MOMENT: Duration = Duration::from_millis(3);

/// What was found, by its id.
pub(crate) type Found<T> = Arc<BTreeMap<String, T>>;

/// The questions about one listing. Clones share them.
pub(crate) struct Gather<T>(Arc<Mutex<Option<Round<T>>>>);

/// Questions that are answered together.
struct Round<T> {
    /// `None` once the call is under way.
    ids: Arc<Mutex<Option<BTreeSet<String>>>>,
    answer: Answer<T>,
}

/// Driven by whoever waits for it, so that nobody depends on who asked first.
type Answer<T> = Shared<BoxFuture<'static, Result<Found<T>>>>;

impl<T: Send + Sync + 'static> Gather<T> {
    /// Asks for `ids`, together with whoever asks in the same moment. `list` gets all their ids; the
    /// answer may hold more than was asked for here.
    pub(crate) async fn ask<F>(
        &self,
        ids: impl IntoIterator<Item = String>,
        list: impl FnOnce(Vec<String>) -> F + Send + 'static,
    ) -> Result<Found<T>>
    where
        F: Future<Output = Result<BTreeMap<String, T>>> + Send,
    {
        self.join(ids.into_iter().collect(), list).await
    }

    fn join<F>(
        &self,
        mut ids: BTreeSet<String>,
        list: impl FnOnce(Vec<String>) -> F + Send + 'static,
    ) -> Answer<T>
    where
        F: Future<Output = Result<BTreeMap<String, T>>> + Send,
    {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(round) = open.as_ref() {
            let mut gathered = round.ids.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(gathered) = gathered.as_mut() {
                gathered.append(&mut ids);
                return round.answer.clone();
            }
        }
        let ids = Arc::new(Mutex::new(Some(ids)));
        let gathered = Arc::clone(&ids);
        let answer = async move {
            tokio::time::sleep(MOMENT).await;
            let all = gathered.lock().unwrap_or_else(PoisonError::into_inner).take();
            list(all.unwrap_or_default().into_iter().collect()).await.map(Arc::new)
        };
        let answer = answer.boxed().shared();
        *open = Some(Round { ids, answer: answer.clone() });
        answer
    }
}

impl<T> Clone for Gather<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for Gather<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> fmt::Debug for Gather<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gather")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(gather: &Gather<()>, calls: &Arc<Mutex<Vec<usize>>>, ids: &[&str]) -> usize {
        let calls = Arc::clone(calls);
        let list = async move |ids: Vec<String>| {
            calls.lock().unwrap().push(ids.len());
            Ok(ids.into_iter().map(|id| (id, ())).collect())
        };
        gather.ask(ids.iter().map(|id| (*id).to_owned()), list).await.unwrap().len()
    }

    #[tokio::test]
    async fn who_asks_in_the_same_moment_shares_a_call() {
        let (gather, calls) = (Gather::default(), Arc::default());
        let found =
            futures::join!(ask(&gather, &calls, &["a", "b"]), ask(&gather, &calls, &["b", "c"]),);
        assert_eq!(found, (3, 3));
        assert_eq!(ask(&gather, &calls, &["d"]).await, 1, "a later question is another call");
        assert_eq!(*calls.lock().unwrap(), [3, 1]);
    }

    #[tokio::test]
    async fn who_stops_waiting_takes_nobody_along() {
        let (gather, calls) = (Gather::default(), Arc::default());
        let first = ask(&gather, &calls, &["a"]);
        let second = ask(&gather, &calls, &["b"]);
        let impatient = async { tokio::time::timeout(Duration::ZERO, first).await.is_err() };
        assert_eq!(futures::join!(impatient, second), (true, 2));
    }
}
