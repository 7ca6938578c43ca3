//! Work in the background: listening for other tasks' writes, sweeping expired idempotency keys, webhooks.

pub(crate) mod webhooks;

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::{
    app::Shared,
    store::{Listening, Notice},
};

/// Keeps the read cache honest until the service stops.
pub(crate) async fn listen_for_writes(app: Shared, stop: CancellationToken) {
    let cache = &app.store.cache;
    while !stop.is_cancelled() {
        match app.store.listen().await {
            Ok(Listening::Alone) => return cache.set_listening(true),
            Ok(Listening::Impossible) => {
                tracing::info!(
                    "behind a pooler other tasks' writes are not heard: reads are not cached"
                );
                return;
            }
            Ok(Listening::With(mut listener)) => {
                cache.set_listening(true);
                // Until now a revoked key may have been missed.
                app.authority.forget();
                loop {
                    let received = tokio::select! { received = listener.next() => received, () = stop.cancelled() => return };
                    match received {
                        Ok(Notice::Payment(id)) => cache.writes().note(id),
                        Ok(Notice::ApiKeys) => app.authority.forget(),
                        Ok(Notice::Other) => {}
                        Err(error) => {
                            cache.set_listening(false);
                            tracing::warn!(%error, "other tasks' writes are not heard: reads are not cached");
                            break;
                        }
                    }
                }
            }
            Err(error) => tracing::debug!(%error, "other tasks' writes cannot be heard yet"),
        }
        tokio::select! { () = tokio::time::sleep(Duration::from_millis(500)) => {}, () = stop.cancelled() => return }
    }
}

/// Forgets expired idempotency keys until the service stops.
pub(crate) async fn sweep_keys(app: Shared, stop: CancellationToken) {
    loop {
        let swept = app.store.sweep().await.unwrap_or_default();
        let pause = if swept > 0 { Duration::from_millis(200) } else { Duration::from_mins(1) };
        tokio::select! { () = tokio::time::sleep(pause) => {}, () = stop.cancelled() => return }
    }
}
