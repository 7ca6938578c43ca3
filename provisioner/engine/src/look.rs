//! Looks during a run, many questions in one call: those of a kind that come within a few
//! milliseconds of each other share a listing.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::address::Address;
use crate::clock::Clock;
use crate::clock::patient;
use crate::error::{Error, Result};
use crate::kind::{Kinds, Look, Observed};
use crate::resource::Id;

/// How long a question waits for company, in real time.
const GATHER: Duration = Duration::from_millis(3);

type Question = (Id, oneshot::Sender<Result<Option<Observed>>>);

pub(crate) struct Looker<'a, C> {
    cloud: &'a C,
    kinds: &'a Kinds<C>,
    clock: Clock,
    open: Mutex<BTreeMap<String, Vec<Question>>>,
}

impl<'a, C: Sync> Looker<'a, C> {
    pub(crate) fn new(cloud: &'a C, kinds: &'a Kinds<C>, clock: Clock) -> Self {
        Self { cloud, kinds, clock, open: Mutex::new(BTreeMap::new()) }
    }

    /// One resource as it is now; `None` when it is not there.
    pub(crate) async fn look(&self, address: &Address, id: &Id) -> Result<Option<Observed>> {
        let (answer, answered) = oneshot::channel();
        let first = {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            let questions = open.entry(address.kind().to_owned()).or_default();
            questions.push((id.clone(), answer));
            questions.len() == 1
        };
        if first {
            tokio::time::sleep(GATHER).await;
            self.ask(address).await;
        }
        answered.await.map_err(|_| Error::other("the run ended while it was looked at"))?
    }

    async fn ask(&self, address: &Address) {
        let questions = {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.remove(address.kind()).unwrap_or_default()
        };
        let mut ids: Vec<Id> = questions.iter().map(|(id, _)| id.clone()).collect();
        ids.sort();
        ids.dedup();
        let seen = match self.kinds.of(address) {
            Ok(kind) => patient(&self.clock, || kind.observe(self.cloud, Look::Ids(&ids))).await,
            Err(error) => Err(error),
        };
        for (id, answer) in questions {
            let seen = match &seen {
                Ok(all) => Ok(all.iter().find(|one| one.id == id).cloned()),
                Err(error) => Err(error.clone()),
            };
            let _nobody_waits_any_more = answer.send(seen);
        }
    }
}
