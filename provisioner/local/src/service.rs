//! What a service is when it runs as local processes: the local stand-in for a task definition and a desired count.

use crate::folder::hex;
use crate::{Error, Result};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;
use std::{fmt, io};

/// One service. `{address}` and `{port}` in arguments and variables become each process's own: an address of
/// 127.0.0.0/8 and a free port.
#[derive(Clone)]
pub struct ServiceSpec {
    /// Its name: letters, digits, `-` and `_`.
    pub name: String,
    /// The binary.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its whole environment besides `PATH`, as in a container: nothing is inherited.
    pub env: BTreeMap<String, String>,
    /// Variables whose values are secret. They reach the process through memory and pipes only: they are in no file,
    /// no argument and no digest. So a restart needs them again, from whoever keeps them.
    pub secrets: BTreeMap<String, String>,
    /// The working directory.
    pub directory: PathBuf,
    /// How many processes.
    pub replicas: u32,
    /// What else makes this a new version when it changes: a task definition's revision, the secrets' version ids.
    pub revision: String,
    /// Run a copy of the binary that is kept with the version, so that a rebuild neither changes a running version
    /// nor takes away what a rollback needs. Off for programs that find their files by their own place.
    pub snapshot: bool,
    /// What must answer before a process counts as up; without it, being alive is enough.
    pub health: Option<HealthCheck>,
    /// How long a process may drain after SIGTERM before SIGKILL.
    pub grace: Duration,
}

/// A request that must be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// The path, with its slash.
    pub path: String,
    /// Which status codes are healthy.
    pub success: RangeInclusive<u16>,
    /// How long a new process may take to become healthy.
    pub within: Duration,
}

impl ServiceSpec {
    /// What tells one version from another: program contents, arguments, variables, names of the secrets, working
    /// directory, revision. Not the number of processes, not the secrets' values.
    pub fn digest(&self) -> Result<String> {
        let mut digest = Sha256::new();
        match std::fs::File::open(&self.program) {
            Ok(mut file) => {
                io::copy(&mut file, &mut io::BufWriter::new(Writer(&mut digest)))
                    .map_err(Error::file("read", &self.program))?;
            }
            // A bare name, to be found on PATH.
            Err(_) => digest.update(self.program.as_os_str().as_encoded_bytes()),
        }
        let names: Vec<&String> = self.secrets.keys().collect();
        let rest = serde_json::json!([self.args, self.env, names, self.directory, self.revision]);
        digest.update(rest.to_string());
        Ok(hex(&digest.finalize()))
    }

    pub(crate) fn filled_args(&self, address: &str, port: u16) -> Vec<String> {
        self.args.iter().map(|arg| fill(arg, address, port)).collect()
    }

    /// The whole environment of one process.
    pub(crate) fn filled_env(&self, address: &str, port: u16) -> BTreeMap<String, String> {
        let path = std::env::var("PATH").unwrap_or_default();
        let filled = self.env.iter().map(|(key, value)| (key.clone(), fill(value, address, port)));
        std::iter::once(("PATH".to_owned(), path))
            .chain(filled)
            .chain(self.secrets.iter().map(|(key, value)| (key.clone(), value.clone())))
            .collect()
    }
}

impl fmt::Debug for ServiceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceSpec")
            .field("name", &self.name)
            .field("program", &self.program)
            .field("args", &self.args)
            .field("env", &self.env)
            .field("secrets", &self.secrets.keys().collect::<Vec<_>>())
            .field("revision", &self.revision)
            .field("replicas", &self.replicas)
            .finish_non_exhaustive()
    }
}

/// How a supervisor is started: a program that calls [`crate::supervise`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Supervisor {
    /// The program.
    pub program: PathBuf,
    /// What makes it call [`crate::supervise`].
    pub args: Vec<String>,
}

impl Supervisor {
    /// This very program, with a hidden subcommand.
    pub fn this_program(subcommand: &str) -> Result<Self> {
        let program = std::env::current_exe().map_err(Error::system("find this program"))?;
        Ok(Self { program, args: vec![subcommand.to_owned()] })
    }
}

fn fill(text: &str, address: &str, port: u16) -> String {
    text.replace("{address}", address).replace("{port}", &port.to_string())
}

struct Writer<'a>(&'a mut Sha256);

impl io::Write for Writer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
