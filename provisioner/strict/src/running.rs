//! Starting a strict cloud, and the handle to a running one.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::call::{Call, Counts, Log};
use crate::clock::Clock;
use crate::cloud::{Cloud, lock};
use crate::fault::Faults;
use crate::permission::{Caller, Exercised, PolicyError};
use crate::world::Inventory;
use crate::{control, proxy};

/// How a strict cloud is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// `http://host:port` of the emulator behind it.
    pub upstream: String,
    /// Real time added to every API call.
    pub delay: Duration,
    /// Whether AWS's rules and durations apply; without, calls are only counted, delayed and hit by faults.
    pub strict: bool,
    /// Source of all chance.
    pub seed: u64,
    /// Virtual seconds per real second; 0 for a clock moved by hand.
    pub clock_scale: f64,
    pub faults: Faults,
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Where the control endpoint listens.
    pub control: SocketAddr,
    /// A file that gets one JSON line per call.
    pub log: Option<PathBuf>,
}

impl Config {
    /// A transparent cloud in front of `upstream`: no rules, no faults, free ports on loopback.
    pub fn transparent(upstream: impl Into<String>) -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            upstream: upstream.into(),
            delay: Duration::ZERO,
            strict: false,
            seed: 0,
            clock_scale: 1.0,
            faults: Faults::default(),
            listen: any,
            control: any,
            log: None,
        }
    }

    /// A strict cloud in front of `upstream`, on a clock `scale` times as fast.
    pub fn strict(upstream: impl Into<String>, scale: f64) -> Self {
        Self { strict: true, clock_scale: scale, ..Self::transparent(upstream) }
    }
}

/// Why a strict cloud does not start.
#[derive(Debug, Error)]
pub enum StartError {
    #[error("`{url}` is not an upstream of the form http://host:port")]
    Upstream { url: String },
    #[error("cannot listen on {address}")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error("cannot write the call log to {path}")]
    Log { path: PathBuf, source: std::io::Error },
}

/// Starts strict clouds.
pub struct Strict;

impl Strict {
    /// Listens, and serves until the handle is dropped.
    ///
    /// # Errors
    /// When the upstream's address is not understood, or a port or the log file cannot be had.
    pub async fn start(config: Config) -> Result<Running, StartError> {
        let upstream = http::Uri::try_from(config.upstream.trim_end_matches('/'))
            .ok()
            .filter(|uri| uri.scheme_str() == Some("http"))
            .and_then(|uri| uri.authority().cloned())
            .ok_or_else(|| StartError::Upstream { url: config.upstream.clone() })?;
        let file = match &config.log {
            Some(path) => Some(
                std::fs::File::options()
                    .create(true)
                    .append(true)
                    .open(path)
                    .map_err(|source| StartError::Log { path: path.clone(), source })?,
            ),
            None => None,
        };
        let (listener, address) = listen(config.listen).await?;
        let (controller, control) = listen(config.control).await?;
        let cloud = Arc::new(Cloud::new(upstream, &config, Log::to_file(file)));
        let router = control::router(Arc::clone(&cloud));
        let tasks = [
            tokio::spawn(proxy::serve(listener, Arc::clone(&cloud))),
            tokio::spawn(async move {
                let _ = axum::serve(controller, router).await;
            }),
        ];
        Ok(Running {
            endpoint: format!("http://{address}"),
            control: format!("http://{control}"),
            cloud,
            tasks,
        })
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// A strict cloud at work; it stops when this is dropped.
pub struct Running {
    /// What `AWS_ENDPOINT_URL` must say.
    pub endpoint: String,
    /// Where the control endpoint answers.
    pub control: String,
    cloud: Arc<Cloud>,
    tasks: [JoinHandle<()>; 2],
}

impl Running {
    /// Calls so far, by number.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.cloud.calls()
    }

    #[must_use]
    pub fn counts(&self) -> Counts {
        self.cloud.counts()
    }

    /// The virtual clock, to read or to move.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.cloud.clock
    }

    /// Replaces the faults and starts counting anew.
    pub fn set_faults(&self, faults: Faults) {
        self.cloud.set_faults(faults);
    }

    /// What exists, of all that was made through this cloud, or of what one account made.
    #[must_use]
    pub fn inventory(&self, account: Option<&str>) -> Inventory {
        self.cloud.inventory(account)
    }

    /// From here on, whoever signs with this key may do what these policies allow and nothing else. Callers
    /// that are not named so may do everything.
    ///
    /// # Errors
    /// When a policy has something that is not evaluated here.
    pub fn grant(&self, caller: &Caller) -> Result<(), PolicyError> {
        lock(&self.cloud.permissions).grant(caller)
    }

    /// Which actions a granted caller was allowed and refused so far.
    #[must_use]
    pub fn exercised(&self, key: &str) -> Exercised {
        lock(&self.cloud.permissions).exercised(key)
    }

    /// Forgets what the cloud knows, when the emulator behind it was reset; the log stays.
    pub fn forget(&self) {
        self.cloud.forget();
    }

    /// Forgets the log and the counts, not what the cloud knows.
    pub fn reset_log(&self) {
        self.cloud.reset_log();
    }

    /// Waits until a call is held by a `hold-before` or `hold-after` fault; its number.
    pub async fn held(&self) -> u64 {
        let mut held = self.cloud.held.subscribe();
        held.wait_for(|seq| *seq > 0).await.map_or(0, |seq| *seq)
    }

    /// Lets held calls go: their connections are reset.
    pub fn release(&self) {
        self.cloud.released.send_modify(|n| *n += 1);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}
