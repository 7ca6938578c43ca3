//! A Docker engine, spoken to over its own socket: the `docker` command need not be there, and one that is there says
//! nothing about whether an engine answers.

use crate::http::{Answer, Place, send};
use crate::{Error, Result};
use hyper::Method;
use serde::Deserialize;
use std::net::ToSocketAddrs;
use std::path::PathBuf;
use std::time::Duration;

const ANSWER: Duration = Duration::from_secs(3);
const WORK: Duration = Duration::from_mins(2);

/// An engine that answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engine {
    /// As in `DOCKER_HOST`: `unix:///var/run/docker.sock`.
    pub host: String,
    /// The engine's version.
    pub version: String,
    /// `linux`; an engine for Windows containers is of no use here.
    pub os: String,
    /// `amd64` or `arm64`: what its containers run on.
    pub architecture: String,
    place: Place,
}

/// The engine that `DOCKER_HOST` names, else the one on the usual sockets; none when none answers.
pub async fn engine() -> Option<Engine> {
    if let Some(host) = std::env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty()) {
        return engine_at(&host).await;
    }
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let desktop = home.join(".docker/run/docker.sock");
    for socket in [PathBuf::from("/var/run/docker.sock"), desktop] {
        if let Some(engine) = engine_at(&format!("unix://{}", socket.display())).await {
            return Some(engine);
        }
    }
    None
}

/// The engine at `host`, `unix:///path` or `tcp://host:port`; none when it does not answer as a Linux engine, or
/// when the host is of another form (`ssh://`, TLS).
pub async fn engine_at(host: &str) -> Option<Engine> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answered {
        version: String,
        os: String,
        arch: String,
    }
    let place = if let Some(path) = host.strip_prefix("unix://") {
        Place::Unix(PathBuf::from(path))
    } else {
        Place::Tcp(host.strip_prefix("tcp://")?.to_socket_addrs().ok()?.next()?)
    };
    let answer = send(&place, Method::GET, "/version", None, ANSWER).await.ok()?;
    let answered: Answered = serde_json::from_str(&answer.body).ok()?;
    (answer.is_success() && answered.os == "linux").then(|| Engine {
        host: host.to_owned(),
        version: answered.version,
        os: answered.os,
        architecture: answered.arch,
        place,
    })
}

impl Engine {
    /// Whether the engine has an image of this name or id.
    pub async fn has_image(&self, image: &str) -> Result<bool> {
        let answer = self.ask(Method::GET, &format!("/images/{image}/json"), None).await?;
        match answer.status {
            404 => Ok(false),
            _ => self.accept(answer).map(|_| true),
        }
    }

    /// Names an image that the engine has; `repository` may be an ECR `repositoryUri`.
    pub async fn tag(&self, image: &str, repository: &str, tag: &str) -> Result<()> {
        let path = format!("/images/{image}/tag?repo={}&tag={}", escape(repository), escape(tag));
        self.accept(self.ask(Method::POST, &path, None).await?).map(drop)
    }

    /// Removes a name; the image itself goes with its last one, unless a container uses it. Gone already is success.
    pub async fn untag(&self, reference: &str) -> Result<()> {
        let answer =
            self.ask(Method::DELETE, &format!("/images/{reference}?force=1"), None).await?;
        if answer.status == 404 { Ok(()) } else { self.accept(answer).map(drop) }
    }

    /// Takes in an image with its name, as `docker save` writes them.
    pub async fn load(&self, archive: Vec<u8>) -> Result<()> {
        let content = Some(("application/x-tar", archive));
        let answer = self.accept(self.ask(Method::POST, "/images/load?quiet=1", content).await?)?;
        // The engine says 200 first and may fail while it unpacks.
        if answer.body.contains("\"errorDetail\"") { Err(self.error(answer.body)) } else { Ok(()) }
    }

    /// The containers whose label `key` begins with `prefix`, running or not.
    pub(crate) async fn containers(&self, key: &str, prefix: &str) -> Result<Vec<String>> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Container {
            id: String,
            labels: Option<std::collections::BTreeMap<String, String>>,
        }
        let filters = escape(&serde_json::json!({ "label": [key] }).to_string());
        let path = format!("/containers/json?all=1&filters={filters}");
        let answer = self.accept(self.ask(Method::GET, &path, None).await?)?;
        let all: Vec<Container> =
            serde_json::from_str(&answer.body).map_err(|error| self.error(error.to_string()))?;
        Ok(all
            .into_iter()
            .filter(|it| {
                it.labels
                    .as_ref()
                    .and_then(|it| it.get(key))
                    .is_some_and(|it| it.starts_with(prefix))
            })
            .map(|it| it.id)
            .collect())
    }

    /// Kills and removes a container with its anonymous volumes. Gone already is success.
    pub(crate) async fn remove_container(&self, id: &str) -> Result<()> {
        let answer =
            self.ask(Method::DELETE, &format!("/containers/{id}?force=1&v=1"), None).await?;
        match answer.status {
            // 409: the engine removes it already.
            404 | 409 => Ok(()),
            _ => self.accept(answer).map(drop),
        }
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        content: Option<(&str, Vec<u8>)>,
    ) -> Result<Answer> {
        send(&self.place, method, path, content, WORK).await.map_err(|message| self.error(message))
    }

    fn accept(&self, answer: Answer) -> Result<Answer> {
        #[derive(Deserialize)]
        struct Refusal {
            message: String,
        }
        if answer.is_success() {
            return Ok(answer);
        }
        let message = serde_json::from_str::<Refusal>(&answer.body)
            .map_or(answer.body, |refusal| refusal.message);
        Err(self.error(format!("{} {message}", answer.status)))
    }

    fn error(&self, message: String) -> Error {
        Error::Engine { host: self.host.clone(), message }
    }
}

fn escape(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
