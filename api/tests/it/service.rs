//! The real binary as a child process.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;

use crate::{
    client::Client,
    database::{Database, free_port},
};

pub(crate) const USER: &str = "admin";
pub(crate) const PASS: &str = "correct horse";

/// A running service. It is killed when dropped.
pub(crate) struct Service {
    child: Child,
    pub(crate) port: u16,
    pub(crate) client: Client,
    logs: Arc<Mutex<Vec<Value>>>,
}

/// The binary with the settings that every test shares.
pub(crate) fn command(url: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_payments-api"));
    command
        .env_clear()
        .env("ADMIN_USER", USER)
        .env("ADMIN_PASS", PASS)
        .env("DATABASE_URL", url)
        .env("HOST", "127.0.0.1")
        .env("METRICS_PORT", "0")
        // Proving a password takes a debug build on a busy machine long.
        .env("DATABASE_ACQUIRE_TIMEOUT_MS", "4000")
        .env("DRAIN_SECONDS", "0");
    command
}

impl Service {
    /// Starts on a free port and waits until it is ready.
    pub(crate) async fn start(database: &Database, settings: &[(&str, &str)]) -> Self {
        Self::on_port(&database.url, free_port(), settings).await
    }

    pub(crate) async fn on_port(url: &str, port: u16, settings: &[(&str, &str)]) -> Self {
        let service = Self::spawn(url, port, settings);
        service.wait_until_ready().await;
        service
    }

    /// Starts without waiting.
    pub(crate) fn spawn(url: &str, port: u16, settings: &[(&str, &str)]) -> Self {
        let mut command = command(url);
        command.env("PORT", port.to_string()).stdout(Stdio::piped());
        command.envs(settings.iter().copied());
        let mut child = command.spawn().expect("the binary starts");
        let logs = Arc::new(Mutex::new(Vec::new()));
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let kept = Arc::clone(&logs);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let line = serde_json::from_str(&line).unwrap_or(Value::String(line));
                kept.lock().expect("the logs").push(line);
            }
        });
        Self { child, port, client: Client::new(port), logs }
    }

    pub(crate) async fn wait_until_ready(&self) {
        for _ in 0..600 {
            if self.client.open("GET", "/startupz").await.is_some_and(|answer| answer.status == 200)
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the service did not start: {:?}", self.logs());
    }

    /// The lines that it logged so far.
    pub(crate) fn logs(&self) -> Vec<Value> {
        self.logs.lock().expect("the logs").clone()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.child.id().to_string()]).status();
        assert!(status.is_ok_and(|status| status.success()), "kill {name}");
    }

    /// Waits for the end.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        for _ in 0..600 {
            if let Some(status) = self.child.try_wait().expect("its status") {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the service does not end");
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("its status").is_some()
    }

    /// Ends it without a warning, as a power cut of the container would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("a kill");
        self.child.wait().expect("its end");
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
