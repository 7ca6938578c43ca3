//! An account to work in: MiniStack on loopback, one per test, ended with it.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use aws::Aws;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use local::{Docker, LocalCloud, Process, Running, Start};

use crate::support::{Project, wait};

pub(crate) const REGION: &str = "us-east-1";

/// Tests run at once; the Python environment that they share is made by one.
static MAKING: Mutex<()> = Mutex::new(());

/// One Python environment for all tests, kept between runs.
pub(crate) fn venv() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli-venv")
}

/// A running cloud, empty at first.
pub(crate) struct Account {
    running: Running,
    _folder: tempfile::TempDir,
}

impl Account {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let running = start(folder.path());
        Self { running, _folder: folder }
    }

    /// Points a project's commands here, with the SDK's own variables.
    pub(crate) fn hold(&self, project: &mut Project) {
        for (name, value) in self.running.variables() {
            project.set(name, &value);
        }
    }

    /// A connection of the test's own.
    pub(crate) fn connect(&self) -> Aws {
        let credentials = Credentials::builder()
            .access_key_id("test")
            .secret_access_key("test")
            .provider_name("test")
            .build();
        let sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .endpoint_url(self.running.endpoint())
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build();
        Aws::new(&sdk)
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        end(&self.running.process);
    }
}

/// Starts a cloud in a project's folder, in the shared Python environment.
fn start(folder: &Path) -> Running {
    let _one = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let cloud = LocalCloud::of(folder).unwrap().with_venv(venv());
    let start = Start { region: REGION.into(), docker: Docker::Off };
    wait(cloud.start(&start, |_| {})).unwrap().running
}

/// Makes sure that the shared Python environment is there, and gives it to a project that starts a
/// cloud by itself.
pub(crate) fn lend_venv(project: &Project) {
    drop(Account::new());
    let folder = project.path().join(".provisioner/local");
    std::fs::create_dir_all(&folder).unwrap();
    std::os::unix::fs::symlink(venv(), folder.join("venv")).unwrap();
}

pub(crate) fn end(process: &Process) {
    process.kill();
    wait(process.gone(std::time::Duration::from_secs(10)));
}
