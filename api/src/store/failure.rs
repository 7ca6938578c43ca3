//! What can go wrong with a database, sorted by what a client can do about it.

use std::time::Duration;

use thiserror::Error;

/// Why the store did not do what was asked.
#[derive(Debug, Error)]
pub(crate) enum StoreError {
    /// The circuit breaker is open: the database was not even asked.
    #[error("the database is not asked for another {0:?}")]
    Open(Duration),
    #[error("the database cannot be reached")]
    Unavailable(#[source] sqlx::Error),
    #[error("the database did not answer in time")]
    Timeout,
    /// A value that the database cannot hold.
    #[error("the database refused a value")]
    Refused(#[source] sqlx::Error),
    #[error("the database answered unexpectedly")]
    Unexpected(#[source] sqlx::Error),
    #[error("the migrations failed")]
    Migration(#[from] sqlx::migrate::MigrateError),
}

/// Sorts database errors by what a client can do about them (PostgreSQL documentation, appendix A, and SQLite result codes).
pub(super) fn classify(error: sqlx::Error) -> StoreError {
    use sqlx::Error as E;
    match &error {
        E::Io(_)
        | E::Tls(_)
        | E::PoolTimedOut
        | E::PoolClosed
        | E::WorkerCrashed
        | E::Protocol(_) => StoreError::Unavailable(error),
        E::Database(refusal) => match refusal.code().as_deref() {
            Some("57014") => StoreError::Timeout,
            Some("25006") => StoreError::Unavailable(error),
            Some(code)
                if code.len() == 5
                    && ["08", "28", "3D", "40", "53", "57", "58"].contains(&&code[..2]) =>
            {
                StoreError::Unavailable(error)
            }
            Some(code) if code.len() == 5 && code.starts_with("22") => StoreError::Refused(error),
            Some(code)
                if code
                    .parse::<u32>()
                    .is_ok_and(|code| [5, 6, 8, 10, 13, 14].contains(&(code & 0xff))) =>
            {
                StoreError::Unavailable(error)
            }
            _ => StoreError::Unexpected(error),
        },
        _ => StoreError::Unexpected(error),
    }
}
