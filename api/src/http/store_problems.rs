//! What clients are told of a database that did not do what was asked.

use crate::{
    problem::{Code, Problem},
    store::StoreError,
};

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Open(wait) => {
                Self::new(Code::DatabaseUnavailable).retry_after(wait.as_secs() + 1)
            }
            StoreError::Unavailable(cause) => {
                tracing::warn!(error = %cause, "database unavailable");
                Self::new(Code::DatabaseUnavailable).retry_after(1)
            }
            StoreError::Timeout => Self::new(Code::Timeout),
            StoreError::Busy => Self::new(Code::Overloaded).retry_after(1),
            StoreError::Locked => Self::new(Code::Overloaded).retry_after(1).detail(
                "Somebody else is changing the same payment; nothing happened, retry after a moment.",
                "Outra pessoa está alterando o mesmo pagamento; nada aconteceu, tente novamente em instantes.",
            ),
            StoreError::Refused(cause) => {
                tracing::info!(error = %cause, "the database refused a value");
                Self::new(Code::ValidationFailed)
            }
            StoreError::Unexpected(_) | StoreError::Migration(_) | StoreError::InUse => {
                tracing::error!(error = ?error, "unexpected answer of the database");
                Self::new(Code::Internal)
            }
        }
    }
}
