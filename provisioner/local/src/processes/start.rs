//! Starting processes: a version's folder, an address and a port for each, and a supervisor that gets its order.

use super::{Processes, Replica, Written, files};
use crate::lock::Lock;
use crate::supervise::{Order, exit_file, up_file};
use crate::{Error, Exit, Process, Result, ServiceSpec, last_lines, record};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// A port that is free on every address.
pub(crate) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|it| it.local_addr());
    listener.map(|address| address.port()).map_err(Error::system("find a free port"))
}

impl Processes {
    /// Makes the folder of the next version, with a copy of the program when the spec asks for one.
    pub(super) async fn make_version(&self, spec: &ServiceSpec) -> Result<u32> {
        let _lock = Lock::hold(&files::lock(&self.folder), || ()).await?;
        let taken = self.versions(&spec.name)?.iter().map(|it| it.number).max().unwrap_or(0);
        let mut number = taken + 1;
        let mut folder = files::version(&self.folder, &spec.name, number)?;
        while folder.exists() {
            number += 1;
            folder = files::version(&self.folder, &spec.name, number)?;
        }
        std::fs::create_dir_all(&folder).map_err(Error::file("make", &folder))?;
        if spec.snapshot {
            std::fs::copy(&spec.program, program(&folder)).map_err(|error| Error::Unstartable {
                service: spec.name.clone(),
                program: spec.program.clone(),
                message: error.to_string(),
            })?;
        }
        let created_at = jiff::Timestamp::now();
        let written =
            Written { digest: spec.digest()?, revision: spec.revision.clone(), created_at };
        record::write(&files::written(&folder), &written)?;
        Ok(number)
    }

    /// Starts more processes of a version that exists; the spec must be the one that it was made from.
    pub async fn start_replicas(
        &self,
        spec: &ServiceSpec,
        version: u32,
        count: u32,
    ) -> Result<Vec<Replica>> {
        // Addresses are given out under a lock, and taken once the replica's file names them.
        let _lock = Lock::hold(&files::lock(&self.folder), || ()).await?;
        let folder = files::version(&self.folder, &spec.name, version)?;
        let mut started = Vec::new();
        for _ in 0..count {
            match self.start_replica(spec, version, &folder).await {
                Ok(replica) => started.push(replica),
                Err(error) => {
                    super::retire(&started).await?;
                    return Err(error);
                }
            }
        }
        Ok(started)
    }

    async fn start_replica(
        &self,
        spec: &ServiceSpec,
        version: u32,
        folder: &Path,
    ) -> Result<Replica> {
        let mut number = 1;
        while folder.join(number.to_string()).exists() {
            number += 1;
        }
        let folder = folder.join(number.to_string());
        std::fs::create_dir_all(&folder).map_err(Error::file("make", &folder))?;
        let (address, port) = (self.free_address()?, free_port()?);
        let text = address.to_string();
        let snapshot = program(folder.parent().unwrap_or(&folder));
        let order = Order {
            folder: folder.clone(),
            program: if snapshot.exists() { snapshot } else { spec.program.clone() },
            args: spec.filled_args(&text, port),
            env: spec.filled_env(&text, port),
            directory: spec.directory.clone(),
            address,
            port,
            grace: spec.grace,
        };
        self.spawn(spec, &order, &folder).await?;
        let replica = files::replica(&spec.name, version, number, folder.clone())?;
        replica.ok_or_else(|| unstartable(spec, end(&folder)))
    }

    /// Starts the supervisor, hands it the order through a pipe, and waits until it has written down a process or
    /// why there is none.
    async fn spawn(&self, spec: &ServiceSpec, order: &Order, folder: &Path) -> Result<()> {
        let said = folder.join("supervisor.log");
        let output = std::fs::File::create(&said).map_err(Error::file("write", &said))?;
        let mut child = Command::new(&self.supervisor.program)
            .args(&self.supervisor.args)
            .current_dir(&self.folder)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(output)
            .process_group(0)
            .spawn()
            .map_err(Error::system(format!("start {}", self.supervisor.program.display())))?;
        let supervisor = child.id().and_then(Process::of);
        let text =
            serde_json::to_vec(order).map_err(|error| unstartable(spec, error.to_string()))?;
        if let Some(mut pipe) = child.stdin.take() {
            // A supervisor that ended already is told apart below.
            let _ = pipe.write_all(&text).await;
            let _ = pipe.shutdown().await;
        }
        loop {
            if up_file(folder).exists() || exit_file(folder).exists() {
                return Ok(());
            }
            if !supervisor.as_ref().is_some_and(Process::is_alive) && !up_file(folder).exists() {
                let lines = last_lines(&said, 5).join("; ");
                return Err(unstartable(spec, format!("its supervisor ended: {lines}")));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// A loopback address that no running process of these has. Where the system has only 127.0.0.1 (macOS), that.
    fn free_address(&self) -> Result<Ipv4Addr> {
        let mut used = BTreeSet::new();
        for service in self.services()? {
            used.extend(
                self.versions(&service)?
                    .iter()
                    .flat_map(super::Version::running)
                    .map(|it| it.address),
            );
        }
        let first = u32::from(Ipv4Addr::new(127, 0, 0, 2));
        let free =
            (first..first + 60_000).map(Ipv4Addr::from).find(|address| !used.contains(address));
        let usable = free.filter(|address| TcpListener::bind((*address, 0)).is_ok());
        Ok(usable.unwrap_or(Ipv4Addr::LOCALHOST))
    }
}

fn program(version: &Path) -> PathBuf {
    version.join("program")
}

fn end(folder: &Path) -> String {
    match record::read::<Exit>(&exit_file(folder)) {
        Ok(Some(exit)) => exit.unstarted.clone().unwrap_or_else(|| exit.to_string()),
        _ => "no word from its supervisor".to_owned(),
    }
}

fn unstartable(spec: &ServiceSpec, message: String) -> Error {
    Error::Unstartable { service: spec.name.clone(), program: spec.program.clone(), message }
}
