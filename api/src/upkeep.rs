//! What goes on in the background: hearing other tasks' writes, and sweeping expired idempotency keys.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::Shared;

/// Keeps the read cache honest until the service stops.
pub(crate) async fn hear(app: Shared, stop: CancellationToken) {
    let cache = &app.store.cache;
    while !stop.is_cancelled() {
        match app.store.listen().await {
            Ok(None) => return cache.hear(true),
            Ok(Some(mut listener)) => {
                cache.hear(true);
                loop {
                    let heard = tokio::select! { heard = listener.next() => heard, () = stop.cancelled() => return };
                    match heard {
                        Ok(Some(id)) => cache.writes().note(id),
                        Ok(None) => {}
                        Err(error) => {
                            cache.hear(false);
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
pub(crate) async fn sweep(app: Shared, stop: CancellationToken) {
    loop {
        let swept = app.store.sweep().await.unwrap_or_default();
        let pause = if swept > 0 { Duration::from_millis(200) } else { Duration::from_mins(1) };
        tokio::select! { () = tokio::time::sleep(pause) => {}, () = stop.cancelled() => return }
    }
}
