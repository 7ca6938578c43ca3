//! What can go wrong with a database, sorted by what a client can do about it.

use std::time::Duration;

use sqlx::migrate::MigrateError;
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
    /// All connections for this kind of work are in use. The database may be well.
    #[error("no connection is free")]
    Busy,
    /// Somebody else holds what was to be changed; nothing happened.
    #[error("a row is locked by another session")]
    Locked,
    /// Another process has the SQLite file.
    #[error("another process uses the database file")]
    InUse,
    /// A value that the database cannot hold.
    #[error("the database refused a value")]
    Refused(#[source] sqlx::Error),
    #[error("the database answered unexpectedly")]
    Unexpected(#[source] sqlx::Error),
    #[error("the migrations failed")]
    Migration(#[source] sqlx::migrate::MigrateError),
}

/// What goes wrong with the database while it is migrated is sorted as at any other time.
impl From<MigrateError> for StoreError {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _)
                if unreachable(&cause) =>
            {
                Self::Unavailable(cause)
            }
            error => Self::Migration(error),
        }
    }
}

impl StoreError {
    /// The outcome's name in the metrics.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Open(_) => "open",
            Self::Unavailable(_) => "unavailable",
            Self::Timeout => "timeout",
            Self::Busy => "busy",
            Self::Locked => "locked",
            Self::Refused(_) | Self::Unexpected(_) | Self::Migration(_) | Self::InUse => "error",
        }
    }

    /// What the database itself said.
    pub(super) fn cause(&self) -> Option<&sqlx::Error> {
        match self {
            Self::Unavailable(cause)
            | Self::Refused(cause)
            | Self::Unexpected(cause)
            | Self::Migration(
                MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _),
            ) => Some(cause),
            _ => None,
        }
    }
}

/// Sorts database errors by what a client can do about them (PostgreSQL documentation, appendix A, and SQLite result codes).
pub(super) fn classify(error: sqlx::Error) -> StoreError {
    if unreachable(&error) {
        return StoreError::Unavailable(error);
    }
    match code(&error).as_deref() {
        _ if matches!(error, sqlx::Error::PoolTimedOut) => StoreError::Busy,
        // query_canceled by statement_timeout, and SQLITE_INTERRUPT by our own time limit.
        Some("57014" | "9") => StoreError::Timeout,
        // lock_not_available, by lock_timeout.
        Some("55P03") => StoreError::Locked,
        Some(code) if code.len() == 5 && code.starts_with("22") => StoreError::Refused(error),
        _ => StoreError::Unexpected(error),
    }
}

/// Whether the database is away, full or busy: what may be over when it is asked again.
fn unreachable(error: &sqlx::Error) -> bool {
    use sqlx::Error as E;
    match error {
        E::Io(_) | E::Tls(_) | E::PoolClosed | E::WorkerCrashed | E::Protocol(_) => true,
        E::Database(_) => match code(error).as_deref() {
            None | Some("57014") => false,
            Some("25006") => true,
            Some(code) if code.len() == 5 => {
                ["08", "28", "3D", "40", "53", "57", "58"].contains(&&code[..2])
            }
            Some(_) => primary(error).is_some_and(|code| [5, 6, 8, 10, 13, 14].contains(&code)),
        },
        _ => false,
    }
}

/// Whether only writes fail of it: the database is read-only, or lacks space, memory or connections (SQLSTATE class 53;
/// SQLITE_READONLY and SQLITE_FULL).
pub(super) fn concerns_writes(error: &sqlx::Error) -> bool {
    match code(error).as_deref() {
        Some(code) if code.len() == 5 => code == "25006" || code.starts_with("53"),
        _ => primary(error).is_some_and(|code| [8, 13].contains(&code)),
    }
}

/// The database's own code: five characters of PostgreSQL, or SQLite's extended result code.
pub(super) fn code(error: &sqlx::Error) -> Option<String> {
    Some(error.as_database_error()?.code()?.into_owned())
}

/// The primary one of SQLite's result codes.
pub(super) fn primary(error: &sqlx::Error) -> Option<u32> {
    Some(code(error)?.parse::<u32>().ok()? & 0xff)
}
