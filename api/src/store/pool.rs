//! A pool of database connections that costs no round trip.
//!
//! sqlx's own pool sends a `Sync` whenever a connection comes back, and by default another before it is lent. Here a
//! connection is asked for a sign of life only after it was idle or after its user was cancelled in the middle of a query.

use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::future::BoxFuture;
use sqlx::{ConnectOptions, Connection};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// Idle for longer than this, a connection proves that it is alive before it is lent.
const TRUSTED: Duration = Duration::from_secs(5);
/// Older than this, a connection is replaced, so that a failed-over or rebalanced database is found again.
const LIFETIME: Duration = Duration::from_mins(30);

/// Connections of one kind, opened on demand.
pub(crate) struct Pool<C: Connection + 'static> {
    shared: Arc<Shared<C>>,
}

impl<C: Connection + 'static> Clone for Pool<C> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

/// What every new connection is told before it is used.
pub(crate) type Greeting<C> =
    Arc<dyn for<'c> Fn(&'c mut C) -> BoxFuture<'c, Result<(), sqlx::Error>> + Send + Sync>;

struct Shared<C: Connection + 'static> {
    options: Mutex<C::Options>,
    greeting: Option<Greeting<C>>,
    slots: Arc<Semaphore>,
    size: usize,
    patience: Duration,
    idle: Mutex<Vec<Parked<C>>>,
    returned: Notify,
}

struct Parked<C> {
    connection: C,
    opened: Instant,
    since: Instant,
}

impl<C: Connection + 'static> Pool<C> {
    /// A pool of at most `size` connections; `patience` bounds both the wait for a free one and the opening of a new one.
    pub(crate) fn new(options: C::Options, size: u32, patience: Duration) -> Self {
        Self::with_greeting(options, None, size, patience)
    }

    /// The same, with what each connection is told first.
    pub(crate) fn with_greeting(
        options: C::Options,
        greeting: Option<Greeting<C>>,
        size: u32,
        patience: Duration,
    ) -> Self {
        let size = size as usize;
        let slots = Arc::new(Semaphore::new(size));
        Self {
            shared: Arc::new(Shared {
                options: Mutex::new(options),
                greeting,
                slots,
                size,
                patience,
                idle: Mutex::new(Vec::with_capacity(size)),
                returned: Notify::new(),
            }),
        }
    }

    /// Lends a connection.
    ///
    /// # Errors
    /// [`sqlx::Error::PoolTimedOut`] when none is free in time; otherwise why none could be opened.
    pub(crate) async fn lend(&self) -> Result<Lent<C>, sqlx::Error> {
        let slot = match Arc::clone(&self.shared.slots).try_acquire_owned() {
            Ok(slot) => slot,
            Err(_) => tokio::time::timeout(
                self.shared.patience,
                Arc::clone(&self.shared.slots).acquire_owned(),
            )
            .await
            .map_err(|_| sqlx::Error::PoolTimedOut)?
            .map_err(|_| sqlx::Error::PoolClosed)?,
        };
        while let Some(mut parked) = self.shared.unpark() {
            if parked.opened.elapsed() > LIFETIME {
                continue;
            }
            if parked.since.elapsed() < TRUSTED || alive(&mut parked.connection).await {
                return Ok(self.lent(parked.connection, parked.opened, slot));
            }
        }
        let error = match self.open().await {
            Ok(connection) => return Ok(self.lent(connection, Instant::now(), slot)),
            Err(error) => error,
        };
        // A server that takes no more connections, or no longer this password, still serves those that are open.
        if matches!(error, sqlx::Error::Database(_)) {
            let wait = self.shared.returned.notified();
            let _ = tokio::time::timeout(self.shared.patience / 4, wait).await;
            if let Some(parked) = self.shared.unpark() {
                return Ok(self.lent(parked.connection, parked.opened, slot));
            }
        }
        Err(error)
    }

    /// Opens a connection outside the pool, for work that changes the session.
    ///
    /// # Errors
    /// Why none could be opened; an I/O error when it took too long.
    pub(crate) async fn open(&self) -> Result<C, sqlx::Error> {
        let opening = async {
            let options =
                self.shared.options.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let mut connection = options.connect().await?;
            if let Some(greet) = &self.shared.greeting {
                greet(&mut connection).await?;
            }
            Ok(connection)
        };
        tokio::time::timeout(self.shared.patience, opening)
            .await
            .map_err(|_| sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()))?
    }

    /// Opens connections another way from now on.
    pub(crate) fn replace_options(&self, options: C::Options) {
        *self.shared.options.lock().unwrap_or_else(PoisonError::into_inner) = options;
    }

    /// Connections in use and connections open but idle.
    pub(crate) fn usage(&self) -> (usize, usize) {
        (self.shared.size - self.shared.slots.available_permits(), self.shared.lock().len())
    }

    fn lent(&self, connection: C, opened: Instant, slot: OwnedSemaphorePermit) -> Lent<C> {
        let loan = Loan {
            connection,
            opened,
            lent: Instant::now(),
            slot,
            shared: Arc::clone(&self.shared),
        };
        Lent { loan: Some(loan), settled: false }
    }
}

impl<C: Connection + 'static> Shared<C> {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Parked<C>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unpark(&self) -> Option<Parked<C>> {
        self.lock().pop()
    }
}

async fn alive<C: Connection + 'static>(connection: &mut C) -> bool {
    matches!(tokio::time::timeout(Duration::from_secs(1), connection.ping()).await, Ok(Ok(())))
}

struct Loan<C: Connection + 'static> {
    connection: C,
    opened: Instant,
    lent: Instant,
    slot: OwnedSemaphorePermit,
    shared: Arc<Shared<C>>,
}

impl<C: Connection + 'static> Loan<C> {
    fn park(self) {
        let Self { connection, opened, slot, shared, .. } = self;
        shared.lock().push(Parked { connection, opened, since: Instant::now() });
        shared.returned.notify_one();
        drop(slot);
    }
}

/// A connection on loan. It goes back when dropped, and is thrown away when its last query did not end.
pub(crate) struct Lent<C: Connection + 'static> {
    loan: Option<Loan<C>>,
    settled: bool,
}

impl<C: Connection + 'static> Lent<C> {
    /// Hands the result of the last query on, and remembers whether the connection is fit for another one.
    pub(crate) fn settle<T>(&mut self, outcome: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
        self.settled =
            matches!(&outcome, Ok(_) | Err(sqlx::Error::Database(_) | sqlx::Error::RowNotFound));
        outcome
    }
}

impl<C: Connection + 'static> Lent<C> {
    /// Throws the connection away when its last query did not end, without trying to save it.
    pub(crate) fn discard_unless_settled(&mut self) {
        if !self.settled {
            self.loan = None;
        }
    }
}

impl<C: Connection + 'static> Drop for Lent<C> {
    fn drop(&mut self) {
        let Some(mut loan) = self.loan.take() else { return };
        if self.settled {
            loan.park();
        } else if loan.lent.elapsed() < Duration::from_secs(1) {
            // Cancelled in the middle, most likely by a client that went away: worth saving if the answer comes soon.
            if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                runtime.spawn(async move {
                    if alive(&mut loan.connection).await {
                        loan.park();
                    }
                });
            }
        }
    }
}

impl<C: Connection + 'static> Deref for Lent<C> {
    type Target = C;
    fn deref(&self) -> &C {
        &self
            .loan
            .as_ref()
            .unwrap_or_else(|| unreachable!("a loan ends only when dropped"))
            .connection
    }
}

impl<C: Connection + 'static> DerefMut for Lent<C> {
    fn deref_mut(&mut self) -> &mut C {
        &mut self
            .loan
            .as_mut()
            .unwrap_or_else(|| unreachable!("a loan ends only when dropped"))
            .connection
    }
}
