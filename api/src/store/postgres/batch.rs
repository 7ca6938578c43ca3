//! What batches of statements have in common.

/// The same failure for another of those who share it; what matters to them is that the database could not be asked.
pub(super) fn same_failure(error: &sqlx::Error) -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::other(error.to_string()))
}
