//! An emulator of AWS for the tests: started once, on a free port of the loopback, ended with the
//! test process.
//!
//! `PROVISIONER_TEST_PYTHON` names a Python that has `ministack`. With `PROVISIONER_TEST_MOTO`, a
//! Python that has `moto[server]`, the same tests run against moto instead.

use std::path::PathBuf;

use aws::Aws;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use tokio::sync::OnceCell;

pub(crate) const REGION: &str = "us-east-1";

/// A running emulator.
pub(crate) struct Emulator {
    url: String,
    moto: bool,
    _server: local::Emulator,
}

static EMULATOR: OnceCell<Emulator> = OnceCell::const_new();

impl Emulator {
    pub(crate) async fn get() -> &'static Self {
        EMULATOR.get_or_init(Self::start).await
    }

    /// A connection of its own: its counts are this test's.
    pub(crate) fn connect(&self) -> Aws {
        Aws::new(&config(&self.url))
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What moto does otherwise than AWS is left out of a test.
    pub(crate) fn is_moto(&self) -> bool {
        self.moto
    }

    async fn start() -> Self {
        let python = |name| std::env::var_os(name).map(PathBuf::from);
        let (moto, server) = if let Some(python) = python("PROVISIONER_TEST_MOTO") {
            (true, local::Emulator::moto(&python).await)
        } else {
            let python = python("PROVISIONER_TEST_PYTHON").unwrap_or_else(|| "python3".into());
            (false, local::Emulator::ministack(&python, &[("MINISTACK_REGION", REGION)]).await)
        };
        let server = server.expect("a Python with ministack or moto");
        let emulator = Self { url: server.endpoint(), moto, _server: server };
        emulator.connect().identity().await.expect("the emulator knows its account");
        emulator
    }
}

/// What the SDK would load for an endpoint on the loopback.
pub(crate) fn config(url: &str) -> SdkConfig {
    let credentials = Credentials::builder()
        .access_key_id("test")
        .secret_access_key("test")
        .provider_name("test")
        .build();
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .endpoint_url(url)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}
