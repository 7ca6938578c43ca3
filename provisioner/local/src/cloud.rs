//! The local cloud's life: start, stop, status, and what an unclean death means.
//!
//! MiniStack writes S3's objects at once and everything else only when it ends cleanly. After a SIGKILL the two halves
//! disagree: our own state object (in S3) would name a VPC that no longer exists, which reads as drift. So an unclean
//! death is one thing only, a loss: both halves are removed, the start says so ([`Before::Lost`]), and the caller
//! builds everything anew. A clean end is proved by MiniStack itself: it removes its pid file as its very last act,
//! after saving; so an end by someone else's SIGTERM (a shutdown of the machine) keeps everything.

mod server;
mod status;

use crate::lock::Lock;
use crate::{Engine, Folder, Processes, Progress, Result, folder, record, venv};
use serde::{Deserialize, Serialize};
use server::End;
pub(crate) use server::free_port;
pub use status::{Before, Docker, Running, Start, Started, Status, Stopped};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The label that MiniStack puts on the containers it starts.
const LABEL: &str = "ministack.instance";

/// What is kept between commands.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Record {
    /// The last port: bookmarks and scripts keep working.
    port: Option<u16>,
    /// The server that was started last, until a stop saw its end.
    running: Option<Running>,
}

/// The local cloud of one project.
#[derive(Debug, Clone)]
pub struct LocalCloud {
    folder: Folder,
    venv: PathBuf,
}

impl LocalCloud {
    /// The local cloud of the project in this folder, which must exist.
    pub fn of(project: &Path) -> Result<Self> {
        let folder = Folder::of(project)?;
        Ok(Self { venv: folder.venv(), folder })
    }

    /// Keeps the Python environment elsewhere, to share it between projects; a purge then leaves it alone.
    #[must_use]
    pub fn with_venv(self, venv: PathBuf) -> Self {
        Self { venv, ..self }
    }

    /// Where it keeps its things.
    #[must_use]
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// The server's log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.folder.log()
    }

    /// Makes sure that it runs with these settings and answers. Running already is fine; with other settings (region,
    /// engine, version) it is saved and restarted.
    ///
    /// # Errors
    /// No suitable Python, pip's failure, a server that ends or stays silent, files that cannot be written.
    pub async fn start(&self, start: &Start, observe: impl Fn(Progress)) -> Result<Started> {
        let _lock = Lock::hold(&self.folder.lock(), || observe(Progress::WaitingForOther)).await?;
        let record: Record = record::read(&self.folder.record())?.unwrap_or_default();
        let host = match &start.docker {
            Docker::On(engine) => Some(engine.host.clone()),
            Docker::Off => None,
        };
        let mut lost = None;
        if let Some(running) = record.running {
            let changed = changes(&running, &start.region, host.as_deref());
            if running.process.is_alive() && changed.is_none() && server::answers(&running).await {
                return Ok(Started { running, before: Before::Ran });
            }
            if running.process.is_alive() {
                let because = changed.unwrap_or_else(|| "it does not answer".to_owned());
                observe(Progress::Restarting { because });
            }
            if self.end(&running, &observe).await? == End::Lost {
                lost = Some(running.process.pid);
            }
        }
        for stray in server::strays(&self.folder) {
            // Started by a command that died before it could write it down.
            stray.terminate();
            if !stray.gone(server::END).await {
                stray.kill();
                lost = Some(stray.pid);
            }
        }
        let before = match lost {
            Some(pid) => {
                observe(Progress::Lost { pid });
                self.forget()?;
                Before::Lost
            }
            None if self.folder.state().exists() => Before::Saved,
            None => Before::Nothing,
        };

        let engine = host.as_deref();
        let interpreter = venv::ensure(&self.venv, engine.is_some(), &observe).await?;
        let port = server::free_port(record.port)?;
        if let Some(old) = record.port.filter(|old| *old != port) {
            observe(Progress::PortTaken { port: old, instead: port });
        }
        observe(Progress::Starting { port });
        let running = server::spawn(&self.folder, &interpreter, port, &start.region, engine)?;
        record::write(
            &self.folder.record(),
            &Record { port: Some(port), running: Some(running.clone()) },
        )?;
        server::wait(&self.folder, &running).await?;
        observe(Progress::Ready { endpoint: running.endpoint() });
        Ok(Started { running, before })
    }

    /// How it is; looks only, waits for no one.
    pub async fn status(&self) -> Result<Status> {
        let Some(record) = record::read::<Record>(&self.folder.record())? else {
            return Ok(Status::Absent);
        };
        let Some(running) = record.running else { return Ok(Status::Stopped) };
        Ok(if !running.process.is_alive() {
            if server::saved(&self.folder, &running) {
                Status::Stopped
            } else {
                Status::Lost(running)
            }
        } else if server::answers(&running).await {
            Status::Running(running)
        } else {
            Status::Silent(running)
        })
    }

    /// Saves and ends it, and removes the containers that its tasks left behind. Service processes run on: they are
    /// found again. With `purge`, everything goes: processes, containers, image tags, files.
    ///
    /// # Errors
    /// A process that outlives SIGKILL, an engine that refuses, files that cannot be removed. A purge that fails can
    /// be repeated.
    pub async fn stop(&self, purge: bool, observe: impl Fn(Progress)) -> Result<Stopped> {
        if !self.folder.root().exists() {
            return Ok(Stopped::WasNotRunning);
        }
        let _lock = Lock::hold(&self.folder.lock(), || observe(Progress::WaitingForOther)).await?;
        let record: Record = record::read(&self.folder.record())?.unwrap_or_default();
        let mut stopped = Stopped::WasNotRunning;
        let mut host = None;
        if let Some(running) = &record.running {
            let ran = running.process.is_alive();
            stopped = match self.end(running, &observe).await? {
                End::Saved if ran => Stopped::Saved,
                End::Saved => Stopped::WasNotRunning,
                End::Lost => {
                    self.forget()?;
                    Stopped::Lost
                }
            };
            host.clone_from(&running.docker);
            record::write(&self.folder.record(), &Record { port: record.port, running: None })?;
        }
        if purge {
            self.purge(host.as_deref(), &observe).await?;
        }
        Ok(stopped)
    }

    /// Names an image that the engine has, so that a task that asks for `repository:tag` finds it without a registry,
    /// and remembers the name for the purge.
    pub async fn tag_image(
        &self,
        engine: &Engine,
        image: &str,
        repository: &str,
        tag: &str,
    ) -> Result<()> {
        self.remember_image(&engine.host, &format!("{repository}:{tag}"))?;
        engine.tag(image, repository, tag).await
    }

    /// Gives the engine an image, as `docker save` writes them, and remembers the name in it for the purge.
    pub async fn load_image(
        &self,
        engine: &Engine,
        archive: Vec<u8>,
        reference: &str,
    ) -> Result<()> {
        self.remember_image(&engine.host, reference)?;
        engine.load(archive).await
    }

    /// Ends the server if it runs, sweeps its containers, and tells whether it had saved.
    async fn end(&self, running: &Running, observe: &impl Fn(Progress)) -> Result<End> {
        let end = server::end(&self.folder, running, observe).await?;
        // The server removes its containers when it ends, but a task that it replaces meanwhile escapes it.
        self.sweep(running.docker.as_deref(), observe).await?;
        Ok(end)
    }

    async fn sweep(&self, host: Option<&str>, observe: &impl Fn(Progress)) -> Result<()> {
        let Some(host) = host else { return Ok(()) };
        let Some(engine) = crate::engine_at(host).await else { return Ok(()) };
        let ours = engine.containers(LABEL, &format!("{}:", self.folder.instance())).await?;
        for container in &ours {
            engine.remove_container(container).await?;
        }
        if !ours.is_empty() {
            observe(Progress::RemovedContainers { count: ours.len() });
        }
        Ok(())
    }

    /// Removes both halves of what it held; they are of no use apart.
    fn forget(&self) -> Result<()> {
        folder::remove(&self.folder.state())?;
        folder::remove(&self.folder.objects())?;
        folder::remove(&self.folder.tmp())?;
        self.folder.make()
    }

    async fn purge(&self, host: Option<&str>, observe: &impl Fn(Progress)) -> Result<()> {
        let count = Processes::stop_all(&self.folder.services()).await?;
        if count > 0 {
            observe(Progress::StoppedProcesses { count });
        }
        for stray in server::strays(&self.folder) {
            stray.kill();
            stray.gone(server::END).await;
        }
        let images: BTreeMap<String, BTreeSet<String>> =
            record::read(&self.folder.images())?.unwrap_or_default();
        let mut hosts: BTreeSet<&str> = images.keys().map(String::as_str).collect();
        hosts.extend(host);
        let mut removed = 0;
        for host in hosts {
            self.sweep(Some(host), observe).await?;
            let (Some(engine), Some(tags)) = (crate::engine_at(host).await, images.get(host))
            else {
                continue;
            };
            for tag in tags {
                engine.untag(tag).await?;
                removed += 1;
            }
        }
        if removed > 0 {
            observe(Progress::RemovedImages { count: removed });
        }
        // The venv first: when this is cut short, the records that the rest needs are still there.
        folder::remove(&self.folder.venv())?;
        folder::remove(self.folder.root())?;
        if let Some(parent) = self.folder.root().parent() {
            // Other files of the user's may live beside ours.
            let _ = std::fs::remove_dir(parent);
        }
        observe(Progress::Removed { path: self.folder.root().to_owned() });
        Ok(())
    }

    fn remember_image(&self, host: &str, reference: &str) -> Result<()> {
        self.folder.make()?;
        let path = self.folder.images();
        let mut images: BTreeMap<String, BTreeSet<String>> =
            record::read(&path)?.unwrap_or_default();
        if images.entry(host.to_owned()).or_default().insert(reference.to_owned()) {
            record::write(&path, &images)?;
        }
        Ok(())
    }
}

fn changes(running: &Running, region: &str, docker: Option<&str>) -> Option<String> {
    if running.version != venv::MINISTACK {
        Some(format!("MiniStack {} is to be {}", running.version, venv::MINISTACK))
    } else if running.region != region {
        Some(format!("it serves {}, not {region}", running.region))
    } else if running.docker.as_deref() != docker {
        Some(match docker {
            Some(host) => format!("a Docker engine answers at {host}"),
            None => "it is to run without Docker".to_owned(),
        })
    } else {
        None
    }
}
