//! A shared Python environment, a plain HTTP request, and a fixture that leaves nothing running.

use local::{Docker, LocalCloud, Process, Progress, Start, Started};
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

pub(crate) const REGION: &str = "eu-central-1";

/// One Python environment for all tests, kept between runs.
pub(crate) fn venv() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("local-venv")
}

pub(crate) fn without_docker() -> Start {
    Start { region: REGION.to_owned(), docker: Docker::Off }
}

pub(crate) fn quiet(_: Progress) {}

/// A project folder with its local cloud; whatever happens, its server is ended with it.
pub(crate) struct Project {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) cloud: LocalCloud,
    pids: Mutex<Vec<Process>>,
}

/// Tests run at once; the environment they share is made by one.
static MAKING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

impl Project {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cloud = LocalCloud::of(folder.path()).unwrap().with_venv(venv());
        Self { folder, cloud, pids: Mutex::default() }
    }

    pub(crate) async fn start(&self) -> Started {
        self.start_as(&without_docker()).await
    }

    pub(crate) async fn start_as(&self, start: &Start) -> Started {
        let one = MAKING.lock().await;
        let started = self.cloud.start(start, quiet).await.unwrap();
        drop(one);
        self.watch(&started);
        started
    }

    /// Ends this server when the test ends.
    pub(crate) fn watch(&self, started: &Started) {
        self.pids.lock().unwrap().push(started.running.process.clone());
    }

    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        for process in self.pids.lock().unwrap().iter() {
            process.kill();
        }
    }
}

/// Sends one request and gives status and body. `None` when nobody listens.
pub(crate) fn request(
    to: (&str, u16),
    line: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Option<(u16, String)> {
    // A container that is gone leaves an address that swallows packets.
    let mut stream =
        TcpStream::connect_timeout(&to.to_socket_addrs().ok()?.next()?, Duration::from_secs(3))
            .ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let headers: Vec<String> = headers
        .iter()
        .map(|(key, value)| {
            format!(
                "{key}: {value}
"
            )
        })
        .collect();
    let headers = headers.concat();
    let length = body.len();
    write!(
        stream,
        "{line} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    )
    .ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}

/// One AWS call, signed for show only: the server checks no signature.
pub(crate) struct Aws {
    pub(crate) port: u16,
}

impl Aws {
    pub(crate) fn call(
        &self,
        service: &str,
        line: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> (u16, String) {
        let signature = format!(
            "AWS4-HMAC-SHA256 Credential=local/20260101/{REGION}/{service}/aws4_request, SignedHeaders=host, \
             Signature=0000"
        );
        let mut all =
            vec![("authorization", signature.as_str()), ("x-amz-date", "20260101T000000Z")];
        all.extend(headers);
        request(("127.0.0.1", self.port), line, &all, body).expect("the local cloud answers")
    }

    /// A call of the query protocol (EC2, IAM, load balancing): `Action=..&Version=..&..`.
    pub(crate) fn query(&self, service: &str, version: &str, body: &str) -> (u16, String) {
        let form = [("content-type", "application/x-www-form-urlencoded")];
        self.call(service, "POST /", &form, &format!("{body}&Version={version}"))
    }

    pub(crate) fn ec2(&self, body: &str) -> String {
        let (status, text) = self.query("ec2", "2016-11-15", body);
        assert_eq!(status, 200, "{body}: {text}");
        text
    }

    pub(crate) fn elb(&self, body: &str) -> String {
        let (status, text) = self.query("elasticloadbalancing", "2015-12-01", body);
        assert_eq!(status, 200, "{body}: {text}");
        text
    }

    /// A call of the JSON protocols.
    pub(crate) fn json(
        &self,
        service: &str,
        target: &str,
        body: &serde_json::Value,
    ) -> (u16, serde_json::Value) {
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target)];
        let (status, text) = self.call(service, "POST /", &headers, &body.to_string());
        (status, serde_json::from_str(&text).unwrap_or(serde_json::Value::String(text)))
    }

    pub(crate) fn make_bucket(&self, name: &str) -> (u16, String) {
        let region = format!(
            "<CreateBucketConfiguration><LocationConstraint>{REGION}</LocationConstraint></CreateBucketConfiguration>"
        );
        self.s3(&format!("PUT /{name}"), &[], &region)
    }

    pub(crate) fn s3(&self, line: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
        self.call("s3", line, headers, body)
    }
}

/// The text of the first XML element of that name.
pub(crate) fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let from = xml.find(&format!("<{name}>"))? + name.len() + 2;
    let to = xml[from..].find(&format!("</{name}>"))?;
    Some(&xml[from..from + to])
}

/// A small HTTP server in a thread of the test, that answers everything with its name.
pub(crate) fn answering(name: &'static str) -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let mut bytes = [0; 4096];
            let read = stream.read(&mut bytes).unwrap_or(0);
            let line = String::from_utf8_lossy(&bytes[..read])
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned();
            let body = format!("{name} {line}");
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
        }
    });
    port
}
