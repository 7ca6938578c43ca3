//! An account to work in: MiniStack or moto on loopback, one per test, ended with it.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws::Aws;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use local::{Docker, Engine, LocalCloud, Process, Running, Start, Status};

use crate::support::{Project, repository, wait};

pub(crate) const REGION: &str = "us-east-1";

/// Tests run at once; the Python environments that they share are made by one.
static MAKING: Mutex<()> = Mutex::new(());

/// Held by who starts containers: one test counts those of the whole engine.
pub(crate) static CONTAINERS: Mutex<()> = Mutex::new(());

/// One Python environment for all tests, kept between runs.
pub(crate) fn venv() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli-venv")
}

/// A running cloud, empty at first.
pub(crate) struct Account {
    pub(crate) endpoint: String,
    server: Server,
    _folder: tempfile::TempDir,
}

enum Server {
    MiniStack(Process),
    Moto(Child),
}

impl Account {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let running = start(folder.path(), Docker::Off);
        let endpoint = running.endpoint();
        Self { endpoint, server: Server::MiniStack(running.process), _folder: folder }
    }

    /// The emulator that other people wrote. None where pip cannot install it, which is said.
    pub(crate) fn moto() -> Option<Self> {
        let python = moto_python()?;
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let mut command = Command::new(python);
        command
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()])
            .env("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let server = Server::Moto(command.spawn().unwrap());
        let endpoint = format!("http://127.0.0.1:{port}");
        let account = Self { endpoint, server, _folder: folder };
        assert!(listens(port), "moto does not answer");
        Some(account)
    }

    /// Points a project's commands here, with the SDK's own variables.
    pub(crate) fn hold(&self, project: &mut Project) {
        hold_at(project, &self.endpoint);
    }

    /// A connection of the test's own.
    pub(crate) fn connect(&self) -> Aws {
        connect(&self.endpoint)
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        match &mut self.server {
            Server::MiniStack(process) => end(process),
            Server::Moto(child) => {
                let _ended_already = child.kill();
                let _reaped = child.wait();
            }
        }
    }
}

/// A connection of the test's own.
pub(crate) fn connect(endpoint: &str) -> Aws {
    let credentials = Credentials::builder()
        .access_key_id("test")
        .secret_access_key("test")
        .provider_name("test")
        .build();
    let sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build();
    Aws::new(&sdk)
}

/// Points a project's commands at an endpoint.
pub(crate) fn hold_at(project: &mut Project, endpoint: &str) {
    let variables: BTreeMap<_, _> = local::variables(endpoint, REGION);
    for (name, value) in variables {
        project.set(name, &value);
    }
}

/// Starts a cloud in a project's folder, in the shared Python environment.
fn start(folder: &Path, docker: Docker) -> Running {
    let _one = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let cloud = LocalCloud::of(folder).unwrap().with_venv(venv());
    let start = Start { region: REGION.into(), docker };
    wait(cloud.start(&start, |_| {})).unwrap().running
}

/// Makes sure that the shared Python environment is there, for an engine too when there is one, and
/// gives it to a project that starts a cloud by itself.
pub(crate) fn lend_venv(project: &Project, engine: Option<&Engine>) {
    let made = tempfile::tempdir().unwrap();
    let docker = engine.cloned().map_or(Docker::Off, Docker::On);
    end(&start(made.path(), docker).process);
    let folder = project.path().join(".provisioner/local");
    std::fs::create_dir_all(&folder).unwrap();
    std::os::unix::fs::symlink(venv(), folder.join("venv")).unwrap();
}

pub(crate) fn end(process: &Process) {
    process.kill();
    wait(process.gone(Duration::from_secs(10)));
}

/// Ends whatever the commands of a project have started.
pub(crate) struct Ended<'a>(pub(crate) &'a Project);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        let cloud = LocalCloud::of(self.0.path()).unwrap();
        // Its services go on without it. A test that has failed may have left anything.
        let _purged = wait(cloud.stop(true, |_| {}));
        if let Ok(Status::Running(running) | Status::Silent(running)) = wait(cloud.status()) {
            end(&running.process);
        }
    }
}

/// Says that a test, or a part of one, did not run. Not with a macro of the standard library: of
/// those, the output of a test that passes is never seen.
pub(crate) fn skip(why: &str) {
    let _nobody_listens = writeln!(std::io::stderr(), "skipped: {why}");
}

/// An interpreter that has moto: `PROVISIONER_TEST_MOTO`, or one that is made now and kept.
fn moto_python() -> Option<PathBuf> {
    if let Some(python) = std::env::var_os("PROVISIONER_TEST_MOTO") {
        return Some(python.into());
    }
    let _one = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let mut command = Command::new(repository().join("scripts/python"));
    command.args(["moto", "moto[server]==5.2.5"]).env("CARGO_TARGET_DIR", target);
    let output = command.output().unwrap();
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        skip(&format!("moto cannot be installed: {}", why.lines().last().unwrap_or_default()));
        return None;
    }
    Some(String::from_utf8(output.stdout).unwrap().trim().into())
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Whether somebody listens, after a while at most.
fn listens(port: u16) -> bool {
    (0..300).any(|_| {
        let connected = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
        if !connected {
            std::thread::sleep(Duration::from_millis(200));
        }
        connected
    })
}
