//! An account to work in: MiniStack or moto on loopback, one per test, ended with it.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws::Aws;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use local::{Docker, Emulator, Engine, LocalCloud, Process, Start, Status};

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
    _server: Emulator,
}

impl Account {
    pub(crate) fn new() -> Self {
        let settings = [("MINISTACK_REGION", REGION)];
        Self::of(wait(Emulator::ministack(&ministack_python(), &settings)).unwrap())
    }

    /// The emulator that other people wrote. None where pip cannot install it, which is said.
    pub(crate) fn moto() -> Option<Self> {
        Some(Self::of(wait(Emulator::moto(&moto_python()?)).unwrap()))
    }

    fn of(server: Emulator) -> Self {
        Self { endpoint: server.endpoint(), _server: server }
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

/// Makes sure that the shared Python environment is there, for an engine too when there is one, and
/// gives it to a project that starts a cloud by itself.
pub(crate) fn lend_venv(project: &Project, engine: Option<&Engine>) {
    let made = tempfile::tempdir().unwrap();
    let cloud = LocalCloud::of(made.path()).unwrap().with_venv(venv());
    let docker = engine.cloned().map_or(Docker::Off, Docker::On);
    let one = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let started = wait(cloud.start(&Start { region: REGION.into(), docker }, |_| {})).unwrap();
    drop(one);
    end(&started.running.process);
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

/// An interpreter that has MiniStack: `PROVISIONER_TEST_PYTHON`, or one that is made now and kept.
pub(crate) fn ministack_python() -> PathBuf {
    python("PROVISIONER_TEST_PYTHON", "ministack", &[]).unwrap_or_else(|why| panic!("{why}"))
}

/// An interpreter that has moto: `PROVISIONER_TEST_MOTO`, or one that is made now and kept.
fn moto_python() -> Option<PathBuf> {
    let made = python("PROVISIONER_TEST_MOTO", "python", &["moto", "moto[server]==5.2.5"]);
    let why = match made {
        Ok(python) => return Some(python),
        Err(why) => why,
    };
    skip(&format!("moto cannot be installed: {}", why.lines().last().unwrap_or_default()));
    None
}

/// The interpreter that a variable names, or the one that a script makes; else what the script said.
fn python(variable: &str, script: &str, arguments: &[&str]) -> Result<PathBuf, String> {
    if let Some(python) = std::env::var_os(variable) {
        return Ok(python.into());
    }
    let _one = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let mut command = Command::new(repository().join("scripts").join(script));
    let output = command.args(arguments).env("CARGO_TARGET_DIR", target).output().unwrap();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(String::from_utf8(output.stdout).unwrap().trim().into())
}
