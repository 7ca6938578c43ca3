//! An emulator of AWS for the tests: started once, on a free port of the loopback, ended with the
//! test process.
//!
//! `PROVISIONER_TEST_PYTHON` names a Python that has `ministack`. With `PROVISIONER_TEST_MOTO`, a
//! Python that has `moto[server]`, the same tests run against moto instead.

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use aws::Aws;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use tokio::sync::OnceCell;

pub(crate) const REGION: &str = "us-east-1";

/// Runs the server as its child and ends it when the test process, which holds the other end of its
/// standard input, is gone: also when that was killed.
const KEEPER: &str = "
import subprocess, sys
server = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
sys.stdin.read()
server.terminate()
try:
    server.wait(5)
except subprocess.TimeoutExpired:
    server.kill()
";

/// A running emulator.
pub(crate) struct Emulator {
    url: String,
    moto: bool,
    _keeper: Child,
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
        let moto = python("PROVISIONER_TEST_MOTO");
        let is_moto = moto.is_some();
        let python = moto.or_else(|| python("PROVISIONER_TEST_PYTHON"));
        let python = python.unwrap_or_else(|| PathBuf::from("python3"));
        let port = free_port();
        let mut keeper = Command::new(&python);
        keeper.args(["-c", KEEPER]).arg(&python);
        if is_moto {
            keeper.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()]);
        } else {
            keeper.args(["-m", "ministack"]);
        }
        let keeper = keeper
            .env("GATEWAY_PORT", port.to_string())
            // No task starts here, on no machine.
            .env("DOCKER_HOST", "unix:///no-engine.sock")
            .env("BIND_HOST", "127.0.0.1")
            .env("MINISTACK_REGION", REGION)
            .env("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|e| panic!("{}: {e}", python.display()));
        let url = format!("http://127.0.0.1:{port}");
        let emulator = Self { url, moto: is_moto, _keeper: keeper };
        for _ in 0..300 {
            if tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_ok() {
                emulator.connect().identity().await.expect("the emulator knows its account");
                return emulator;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        panic!("no emulator answers: does {} have ministack or moto?", python.display());
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

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}
