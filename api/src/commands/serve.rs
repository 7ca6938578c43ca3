//! `serve` and `migrate`: a life from start to SIGTERM.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use super::Failure;
use crate::{
    app::{App, Phase, Shared},
    router::router,
    server,
    settings::Settings,
    store::{Store, StoreError},
};

pub(super) async fn serve(settings: Settings) -> Result<(), Failure> {
    let began = Instant::now();
    settings.check()?;
    crate::logs::start(&settings);
    let store = Store::new(&settings).map_err(|_| Failure::new("DATABASE_URL: cannot be read as a database URL"))?;
    let address = SocketAddr::new(settings.host, settings.port);
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| Failure::new(format!("PORT: {address} cannot be listened on: {error}")))?;
    let address = listener.local_addr().unwrap_or(address);
    let (drain, patience) = (settings.drain, settings.shutdown_timeout);
    let app = Arc::new(App::new(settings, store));
    tracing::info!(version = app.settings.release_version, database = app.store.kind(), %address, "listening");

    let stop = CancellationToken::new();
    let mut serving = tokio::spawn(server::serve(listener, router(Arc::clone(&app)), stop.clone(), patience));
    let starting = start(Arc::clone(&app), began);
    tokio::pin!(starting);
    let mut started = false;
    let urgent = loop {
        tokio::select! {
            outcome = &mut starting, if !started => { outcome?; started = true; }
            urgent = stopped() => break urgent?,
        }
    };
    app.enter(Phase::Draining);
    if !urgent && !drain.is_zero() {
        tracing::info!(seconds = drain.as_secs(), "draining");
        tokio::select! { () = tokio::time::sleep(drain) => {}, _ = stopped() => {} }
    }
    stop.cancel();
    let cut = tokio::select! {
        cut = &mut serving => cut.unwrap_or_default(),
        _ = stopped() => 0,
    };
    if cut > 0 {
        tracing::warn!(connections = cut, "stopped before every request was answered");
    }
    tracing::info!("stopped");
    Ok(())
}

pub(super) async fn migrate(settings: Settings) -> Result<(), Failure> {
    settings.check_database()?;
    let store = Store::new(&settings).map_err(|_| Failure::new("DATABASE_URL: cannot be read as a database URL"))?;
    store.migrate().await.map_err(|error| Failure::new(format!("{error}{}", cause(&error))))
}

/// Migrates, waiting for a database that cannot be reached yet.
async fn start(app: Shared, began: Instant) -> Result<(), Failure> {
    let mut pause = Duration::from_millis(100);
    loop {
        match app.store.migrate().await {
            Ok(()) => break,
            Err(error @ StoreError::Unavailable(_)) => {
                tracing::warn!(error = cause(&error), "the database cannot be reached yet");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(5));
            }
            Err(error) => return Err(Failure::new(format!("{error}{}", cause(&error)))),
        }
    }
    app.enter(Phase::Ready);
    tracing::info!(milliseconds = began.elapsed().as_millis(), "ready");
    Ok(())
}

fn cause(error: &StoreError) -> String {
    std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default()
}

/// Waits for SIGTERM (false) or SIGINT (true: someone at a terminal who does not want to wait).
async fn stopped() -> Result<bool, Failure> {
    let failed = |error| Failure::new(format!("signals cannot be received: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    tokio::select! {
        _ = terminate.recv() => Ok(false),
        _ = interrupt.recv() => Ok(true),
    }
}
