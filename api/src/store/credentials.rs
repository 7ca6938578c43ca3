//! What happens when the server takes our credentials no longer, as it does once a password was changed.

use std::time::{Duration, Instant};

use super::{Backend, Store, postgres::credentials::Turn};

/// How often a connection that is open is looked for, about a second apart.
const TURN_TRIES: u32 = 60;

/// How long a task waits for its turn at most.
const TURN_PATIENCE: Duration = Duration::from_mins(15);

impl Store {
    /// Waits until the server of a running service refuses its credentials, as it does once a password was changed. Only a
    /// new start knows the new one.
    pub(crate) async fn refused(&self) {
        self.refused.cancelled().await;
    }

    /// The server takes our credentials no longer: reads them again from their source, or asks to end.
    pub(super) fn credentials_refused(&self) {
        let Backend::Postgres(postgres) = &self.backend else { return };
        let Some(file) = &self.url_file else { return self.refused.cancel() };
        let read = crate::settings::read_url(file).map_err(|error| error.to_string());
        let replaced = read
            .and_then(|url| postgres.replace_url(url).map_err(|_| "it holds no URL".to_owned()));
        match replaced {
            Ok(true) => {
                tracing::warn!("the server refuses the password: DATABASE_URL_FILE has another");
            }
            // Those who asked with the old one are still being refused.
            Ok(false) if postgres.was_replaced_lately() => {}
            Ok(false) => self.refused.cancel(),
            Err(error) => {
                tracing::error!(error, "DATABASE_URL_FILE cannot be used");
                self.refused.cancel();
            }
        }
    }

    /// Waits for this task's turn to end, so that tasks whose password was changed leave one by one and their successors
    /// can come. Open connections go on working meanwhile; without any there is nothing to wait for.
    pub(crate) async fn turn_to_leave(&self) -> Option<Turn> {
        let Backend::Postgres(postgres) = &self.backend else { return None };
        if postgres.has_pooler() {
            // No lock outlives a transaction there; at least not all leave in the same moment.
            tokio::time::sleep(Duration::from_millis(rand::random_range(0..20_000))).await;
            return None;
        }
        let began = Instant::now();
        let mut tried = 0;
        let mut turn = loop {
            match tokio::time::timeout(Duration::from_secs(2), postgres.take_turn()).await {
                Ok(Ok(Some(turn))) => break turn,
                // Whoever has the turn may hang.
                Ok(Ok(None)) if began.elapsed() > TURN_PATIENCE => return None,
                Ok(Ok(None)) => {}
                Ok(Err(_)) | Err(_) if !postgres.has_connections() || tried > TURN_TRIES => {
                    return None;
                }
                Ok(Err(_)) | Err(_) => tried += 1,
            }
            // Not all at the same moment.
            tokio::time::sleep(Duration::from_millis(rand::random_range(500..1500))).await;
        };
        while let Ok(false) = turn.may_leave().await {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        // When it cannot be told, the next task may leave too early; this one has to leave all the same.
        if let Err(error) = turn.note_leaving().await {
            tracing::debug!(%error, "the leaving is not noted");
        }
        Some(turn)
    }
}
