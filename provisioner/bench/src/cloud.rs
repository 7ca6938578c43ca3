//! An empty account: MiniStack behind a proxy that counts calls and adds to each what a network does.

use std::path::Path;
use std::time::Duration;

use local::{Docker, LocalCloud, Running, Start};
use strict::{Call, Config, Strict};

use crate::Result;

pub(crate) const REGION: &str = "us-east-1";

pub(crate) struct Cloud {
    emulator: Running,
    proxy: strict::Running,
    _folder: tempfile::TempDir,
}

impl Cloud {
    /// Starts both, with MiniStack from the Python environment `venv`, which is made when it is not there.
    pub(crate) async fn start(venv: &Path, delay: Duration) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let local = LocalCloud::of(folder.path())?.with_venv(venv.to_owned());
        let start = Start { region: REGION.into(), docker: Docker::Off };
        let emulator = local.start(&start, |_| {}).await?.running;
        let config = Config { delay, ..Config::transparent(emulator.endpoint()) };
        let proxy = Strict::start(config).await?;
        Ok(Self { emulator, proxy, _folder: folder })
    }

    /// What an SDK's `AWS_ENDPOINT_URL` must say.
    pub(crate) fn endpoint(&self) -> &str {
        &self.proxy.endpoint
    }

    /// The calls since this was asked last.
    pub(crate) fn take_calls(&self) -> Vec<Call> {
        let calls = self.proxy.calls();
        self.proxy.reset_log();
        calls
    }

    /// Ends the emulator and waits for its end: it must not take time from what is measured next.
    pub(crate) async fn stop(self) {
        self.emulator.process.terminate();
        self.emulator.process.gone(Duration::from_secs(10)).await;
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        self.emulator.process.kill();
    }
}
