//! `serve` and `migrate`: a life from start to SIGTERM.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    net::{TcpListener, TcpSocket},
    signal::unix::{Signal, SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use super::Failure;
use crate::{
    app::{App, Phase, Shared},
    background,
    http::{
        router::router,
        server::{self, Limits},
    },
    settings::{SettingError, Settings},
    store::{Store, StoreError},
    telemetry::{metrics, trace},
};

/// Where metrics are shown when nothing is said.
const METRICS_PORT: u16 = 9090;
/// Connections to the metrics port at once.
const METRICS_CONNECTIONS: usize = 32;
/// The bytes of answers that the kernel holds for one client.
const SEND_BUFFER: u32 = 128 * 1024;
/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;

pub(super) async fn serve(mut settings: Settings) -> Result<(), Failure> {
    let began = Instant::now();
    settings.read_files()?;
    settings.check()?;
    let mut signals = Signals::new()?;
    crate::telemetry::logs::start(&settings);
    let traces = trace::start(&settings);
    let app = Arc::new(App::new(settings.clone(), store(&settings)?));
    let stop = CancellationToken::new();
    show_metrics(&app, &stop)?;
    let listener = listen("PORT", settings.host, settings.port)?;
    let port = listener.local_addr().map_or(settings.port, |address| address.port());
    tracing::info!(
        version = settings.release_version,
        database = app.store.kind(),
        port,
        "listening"
    );

    let closing = CancellationToken::new();
    let router = router(Arc::clone(&app));
    let mut serving = tokio::spawn(server::serve(
        listener,
        router,
        limits(&settings),
        closing.clone(),
        settings.shutdown_timeout,
    ));
    // Kept until the process ends: others whose password is refused wait for it.
    let mut turn = None;
    let end = {
        let refused = async {
            app.store.refused().await;
            tracing::warn!(
                "the server no longer takes this user or password: leaving when it is this task's turn"
            );
            app.store.turn_to_leave().await
        };
        tokio::pin!(refused);
        let starting = start(Arc::clone(&app), began, stop.clone());
        tokio::pin!(starting);
        let mut started = false;
        loop {
            tokio::select! {
                outcome = &mut starting, if !started => { outcome?; started = true; }
                end = signals.next() => break end,
                taken = &mut refused, if started => { turn = taken; break End::Refused }
            }
        }
    };
    app.enter(Phase::Draining);
    if end != End::Interrupted && !settings.drain.is_zero() {
        tracing::info!(seconds = settings.drain.as_secs(), "draining");
        tokio::select! { () = tokio::time::sleep(settings.drain) => {}, _ = signals.next() => {} }
    }
    closing.cancel();
    let cut =
        tokio::select! { cut = &mut serving => cut.unwrap_or_default(), _ = signals.next() => 0 };
    if cut > 0 {
        tracing::warn!(connections = cut, "stopped before every request was answered");
    }
    stop.cancel();
    if let Some(traces) = traces {
        let _ = tokio::task::spawn_blocking(move || {
            traces.shutdown_with_timeout(Duration::from_secs(2))
        })
        .await;
    }
    drop(turn);
    tracing::info!("stopped");
    if end == End::Refused {
        return Err(wrong_database("the server no longer takes this user or password".to_owned()));
    }
    Ok(())
}

pub(super) async fn migrate(mut settings: Settings) -> Result<(), Failure> {
    settings.read_files()?;
    settings.check_database()?;
    let store = store(&settings)?;
    store.migrate().await.map_err(|error| failure(&store, &error))
}

/// The limits of clients: what the settings say, as far as files may be opened.
fn limits(settings: &Settings) -> Limits {
    let files = server::raise_file_limit().unwrap_or_else(|error| {
        tracing::warn!(%error, "the limit of open files cannot be raised");
        None
    });
    // Besides clients: the database, the standard streams, the metrics.
    let others = settings.database_pool as usize + METRICS_CONNECTIONS + 64;
    let files = files.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX));
    let connections = settings.max_connections.min(files.saturating_sub(others).max(1));
    if connections < settings.max_connections {
        tracing::warn!(connections, files, "MAX_CONNECTIONS is lowered to what open files allow");
    }
    Limits {
        connections,
        connections_per_peer: settings.max_connections_per_peer,
        head: settings.head_timeout,
        answer: settings.answer_timeout,
    }
}

/// The URL is a secret, so a failure does not repeat it.
fn store(settings: &Settings) -> Result<Store, Failure> {
    Store::new(settings).map_err(|_| wrong_database("cannot be read as a database URL".to_owned()))
}

/// What to say when a database cannot be prepared.
fn failure(store: &Store, error: &StoreError) -> Failure {
    store
        .hopeless(error)
        .map_or_else(|| Failure::new(format!("{error}{}", cause(error))), wrong_database)
}

fn wrong_database(reason: String) -> Failure {
    SettingError { variable: "DATABASE_URL", reason }.into()
}

fn listen(variable: &str, host: IpAddr, port: u16) -> Result<TcpListener, Failure> {
    let address = SocketAddr::new(host, port);
    let failed =
        |error| Failure::new(format!("{variable}: {address} cannot be listened on: {error}"));
    let listen = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        // Connections inherit it. Else the kernel takes megabytes for each client that does not read.
        socket.set_send_buffer_size(SEND_BUFFER)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listen().map_err(failed)
}

/// Opens the metrics port. Only a port that was asked for by name must be free: several instances on one machine are no mistake.
fn show_metrics(app: &Shared, stop: &CancellationToken) -> Result<(), Failure> {
    let asked = app.settings.metrics_port;
    let port = asked.unwrap_or(METRICS_PORT);
    if port == 0 {
        return Ok(());
    }
    let listener = match listen("METRICS_PORT", app.settings.metrics_host, port) {
        Ok(listener) => listener,
        Err(failure) if asked.is_some() => return Err(failure),
        Err(_) => {
            tracing::warn!(port, "the default metrics port is taken: metrics are not shown");
            return Ok(());
        }
    };
    if let Some(handle) = metrics::start(&app.settings.release_version) {
        tokio::spawn(metrics::fold(handle.clone(), stop.clone()));
        let measured = Arc::clone(app);
        let router = metrics::router(handle, move || measured.measure());
        let limits = Limits {
            connections: METRICS_CONNECTIONS,
            connections_per_peer: METRICS_CONNECTIONS,
            ..limits(&app.settings)
        };
        let patience = Duration::from_secs(1);
        tokio::spawn(server::serve(listener, router, limits, stop.clone(), patience));
    }
    Ok(())
}

/// Migrates, waiting for a database that cannot be reached yet; then lets requests in.
async fn start(app: Shared, began: Instant, stop: CancellationToken) -> Result<(), Failure> {
    let mut pause = Duration::from_millis(100);
    while let Err(error) = prepare(&app).await {
        let may_pass =
            matches!(error, StoreError::Unavailable(_) | StoreError::Open(_) | StoreError::Timeout);
        if !may_pass || app.store.hopeless(&error).is_some() {
            return Err(failure(&app.store, &error));
        }
        tracing::warn!(
            host = app.settings.database_host(),
            error = format!("{error}{}", cause(&error)),
            "waiting for the database of DATABASE_URL"
        );
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(5));
    }
    app.enter(Phase::Ready);
    tracing::info!(
        milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        "ready"
    );
    tokio::spawn(background::listen_for_writes(Arc::clone(&app), stop.clone()));
    tokio::spawn(background::sweep_keys(Arc::clone(&app), stop.clone()));
    tokio::spawn(background::webhooks::measure(Arc::clone(&app), stop.clone()));
    tokio::spawn(background::webhooks::deliver(app, stop));
    Ok(())
}

async fn prepare(app: &Shared) -> Result<(), StoreError> {
    app.store.migrate().await?;
    let candidate: [u8; 32] = rand::random();
    app.sign_cursors_with(app.store.shared_value("cursor key", &candidate).await?);
    Ok(())
}

fn cause(error: &StoreError) -> String {
    std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default()
}

/// Why a service ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Terminated,
    /// Someone at a terminal does not want to wait for a load balancer that is not there.
    Interrupted,
    /// The database's password was changed, say: whoever starts us again has the new one.
    Refused,
}

/// SIGTERM and SIGINT.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        let failed = |error| Failure::new(format!("signals cannot be received: {error}"));
        Ok(Self {
            terminate: signal(SignalKind::terminate()).map_err(failed)?,
            interrupt: signal(SignalKind::interrupt()).map_err(failed)?,
        })
    }

    /// Waits for either.
    async fn next(&mut self) -> End {
        tokio::select! {
            _ = self.terminate.recv() => End::Terminated,
            _ = self.interrupt.recv() => End::Interrupted,
        }
    }
}
