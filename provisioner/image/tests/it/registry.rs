//! A registry in memory that takes uploads as ECR does, and fails on demand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use image::{Credentials, Digest, Registry};
use serde_json::json;

/// How a registry wants to be spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Lock {
    #[default]
    Open,
    /// A password with every request, as ECR.
    Basic,
    /// A token from a token service, as Docker Hub.
    Token,
}

/// Instead of a status: takes only half of what is sent, or sends only half of it, then fails.
pub(crate) const CUT: u16 = 0;
/// Instead of a status: does what was asked, and fails.
pub(crate) const LOST: u16 = 1;

/// ECR refuses smaller parts of an upload but for the last (ECR service quotas: layer parts).
const LEAST: usize = 5 * 1024 * 1024;

pub(crate) const USER: &str = "AWS";
pub(crate) const PASSWORD: &str = "s3cret";

/// What it holds and what it is about to do.
#[derive(Default)]
pub(crate) struct Shelf {
    pub(crate) lock: Lock,
    pub(crate) immutable: bool,
    /// Whether a blob is taken from another repository. ECR does so only where the account says it.
    pub(crate) no_mounts: bool,
    /// Answers for the next requests whose line has these words, instead of the right ones: a status,
    /// [`CUT`] or [`LOST`].
    pub(crate) faults: Vec<(&'static str, u16)>,
    /// What it says instead of a manifest's digest.
    pub(crate) liar: Option<String>,
    pub(crate) blobs: BTreeMap<String, Bytes>,
    pub(crate) manifests: BTreeMap<String, (String, Bytes)>,
    uploads: BTreeMap<String, Upload>,
    begun: usize,
    tokens: BTreeSet<String>,
    /// Every request: method, path and query.
    pub(crate) log: Vec<String>,
}

/// An upload that is under way.
#[derive(Default)]
struct Upload {
    bytes: Vec<u8>,
    /// The length of the first part, which is what ECR's `Range` says for ever.
    first: usize,
    /// A part was too small: it must have been the last.
    closed: bool,
}

#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) host: String,
    shelf: Arc<Mutex<Shelf>>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let server = Self { host, shelf: Arc::default() };
        let app = Router::new().fallback(answer).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        server
    }

    pub(crate) fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap()
    }

    pub(crate) fn connect(&self) -> Registry {
        let credentials = Credentials { user: USER.into(), password: PASSWORD.into() };
        Registry::new(&self.host, Some(credentials), true).unwrap()
    }

    /// How many requests had these words.
    pub(crate) fn count(&self, words: &str) -> usize {
        self.shelf().log.iter().filter(|line| line.contains(words)).count()
    }

    /// Takes the next fault that is meant for a request.
    fn fault(&self, line: &str) -> Option<u16> {
        let mut shelf = self.shelf();
        let found = shelf.faults.iter().position(|(words, _)| line.contains(words))?;
        Some(shelf.faults.remove(found).1)
    }

    fn lets_in(&self, headers: &HeaderMap) -> bool {
        let held = self.shelf();
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        match held.lock {
            Lock::Open => true,
            // `AWS:s3cret`.
            Lock::Basic => given == Some("Basic QVdTOnMzY3JldA=="),
            Lock::Token => given
                .and_then(|given| given.strip_prefix("Bearer "))
                .is_some_and(|token| held.tokens.contains(token)),
        }
    }
}

async fn answer(State(server): State<Server>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let line = format!("{} {path}?{query}", parts.method);
    server.shelf().log.push(line.clone());
    if path == "/token" {
        return token(&server, &parts.headers, &query);
    }
    if !server.lets_in(&parts.headers) {
        let challenge = match server.shelf().lock {
            Lock::Token => format!(
                "Bearer realm=\"http://{}/token\",service=\"reg\",scope=\"ignored\"",
                server.host
            ),
            _ => "Basic realm=\"reg\"".into(),
        };
        return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)]).into_response();
    }
    let fault = server.fault(&line);
    let body = match fault {
        // The connection ends with the rest of the body unread.
        Some(CUT) if parts.method == Method::PUT => {
            let length = parts.headers[header::CONTENT_LENGTH].to_str().unwrap();
            let half = length.parse::<usize>().unwrap() / 2;
            let mut pieces = body.into_data_stream();
            let mut read = 0;
            while read < half {
                read += pieces.next().await.unwrap().unwrap().len();
            }
            return StatusCode::BAD_GATEWAY.into_response();
        }
        Some(status) if status > LOST => {
            return StatusCode::from_u16(status).unwrap().into_response();
        }
        _ => axum::body::to_bytes(body, usize::MAX).await.unwrap(),
    };
    let answer = server.shelf().serve(&parts, &path, &query, body, fault == Some(CUT));
    if fault == Some(LOST) { StatusCode::BAD_GATEWAY.into_response() } else { answer }
}

fn token(server: &Server, headers: &HeaderMap, query: &str) -> Response {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if given != Some("Basic QVdTOnMzY3JldA==") {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let mut shelf = server.shelf();
    let token = format!("token-{}", shelf.tokens.len());
    shelf.tokens.insert(token.clone());
    assert!(query.contains("service=reg") && query.contains("scope=repository"), "{query}");
    json!({"access_token": token}).to_string().into_response()
}

/// Half of a blob, then the end of the connection.
fn half(bytes: &Bytes) -> Response {
    let pieces = [Ok(bytes.slice(..bytes.len() / 2)), Err(std::io::Error::other("cut"))];
    Body::from_stream(futures::stream::iter(pieces)).into_response()
}

fn refuse(status: StatusCode, code: &str, message: &str) -> Response {
    let body = json!({"errors": [{"code": code, "message": message}]}).to_string();
    (status, body).into_response()
}

impl Upload {
    /// Takes the next part; false when it is another, or comes after the last.
    fn take(&mut self, headers: &HeaderMap, part: &Bytes) -> bool {
        let range = headers.get(header::CONTENT_RANGE).map(|range| range.to_str().unwrap());
        let next = format!("{}-", self.bytes.len());
        if self.closed || range.is_some_and(|range| !range.starts_with(&next)) {
            return false;
        }
        self.closed = part.len() < LEAST;
        if self.bytes.is_empty() {
            self.first = part.len();
        }
        self.bytes.extend(part);
        true
    }
}

impl Shelf {
    /// The tokens given so far are worth nothing any more.
    pub(crate) fn forget_tokens(&mut self) {
        let count = self.tokens.len();
        self.tokens = (0..count).map(|number| format!("old-{number}")).collect();
    }

    fn serve(
        &mut self,
        parts: &Parts,
        path: &str,
        query: &str,
        body: Bytes,
        cut: bool,
    ) -> Response {
        let Some(rest) = path.strip_prefix("/v2/") else {
            return StatusCode::NOT_FOUND.into_response();
        };
        if let Some((_, id)) = rest.split_once("/blobs/uploads/") {
            return self.upload(parts, path, id, query, &body);
        }
        if let Some((_, digest)) = rest.split_once("/blobs/") {
            return match self.blobs.get(digest) {
                Some(bytes) if cut => half(bytes),
                Some(bytes) => bytes.clone().into_response(),
                None => StatusCode::NOT_FOUND.into_response(),
            };
        }
        match rest.split_once("/manifests/") {
            Some((repository, name)) => {
                let kind = parts.headers.get(header::CONTENT_TYPE);
                let kind = kind.map(|kind| kind.to_str().unwrap().to_owned());
                self.manifest(&parts.method, repository, name, kind, body)
            }
            None => StatusCode::NOT_FOUND.into_response(),
        }
    }

    /// Takes uploads as ECR was seen to do it (aws/containers-roadmap#2831): 201 for a part, and a
    /// `Range` that stays where the first part ended.
    fn upload(
        &mut self,
        parts: &Parts,
        path: &str,
        id: &str,
        query: &str,
        body: &Bytes,
    ) -> Response {
        if parts.method == Method::POST {
            let mount = query.strip_prefix("mount=").and_then(|q| q.split('&').next());
            if mount.is_some_and(|digest| self.blobs.contains_key(digest)) && !self.no_mounts {
                return StatusCode::CREATED.into_response();
            }
            self.begun += 1;
            let id = format!("u{}", self.begun);
            self.uploads.insert(id.clone(), Upload::default());
            let location = (header::LOCATION, format!("{path}{id}"));
            return (StatusCode::ACCEPTED, [location]).into_response();
        }
        let Some(upload) = self.uploads.get_mut(id) else {
            return refuse(StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN", "no such upload");
        };
        if !body.is_empty() && !upload.take(&parts.headers, body) {
            let code = StatusCode::RANGE_NOT_SATISFIABLE;
            return refuse(code, "BLOB_UPLOAD_INVALID", "not the next part");
        }
        let range = (header::RANGE, format!("0-{}", upload.first.saturating_sub(1)));
        let location = (header::LOCATION, path.to_owned());
        match parts.method {
            Method::GET => (StatusCode::NO_CONTENT, [range, location]).into_response(),
            Method::PATCH => (StatusCode::CREATED, [range, location]).into_response(),
            _ => {
                let digest = query.strip_prefix("digest=").unwrap().replace("%3A", ":");
                let bytes = Bytes::from(self.uploads.remove(id).unwrap().bytes);
                if Digest::of(&bytes).as_str() != digest {
                    let message = "provided digest did not match";
                    return refuse(StatusCode::BAD_REQUEST, "DIGEST_INVALID", message);
                }
                self.blobs.insert(digest, bytes);
                StatusCode::CREATED.into_response()
            }
        }
    }

    fn manifest(
        &mut self,
        method: &Method,
        repository: &str,
        name: &str,
        kind: Option<String>,
        body: Bytes,
    ) -> Response {
        let key = format!("{repository}:{name}");
        let there = self.manifests.get(&key).cloned();
        if *method == Method::PUT {
            let digest = Digest::of(&body);
            if there.is_some_and(|(_, there)| there != body) && self.immutable {
                return refuse(StatusCode::BAD_REQUEST, "TAG_INVALID", "tag 'v1' is immutable");
            }
            let stored = (kind.unwrap(), body);
            self.manifests.insert(format!("{repository}:{digest}"), stored.clone());
            self.manifests.insert(key, stored);
            // As ECR: no Location.
            let said = self.liar.take().unwrap_or_else(|| digest.to_string());
            return (StatusCode::CREATED, [("docker-content-digest", said)]).into_response();
        }
        let Some((kind, bytes)) = there else { return StatusCode::NOT_FOUND.into_response() };
        let digest = Digest::of(&bytes).to_string();
        let headers = [("content-type", kind), ("docker-content-digest", digest)];
        (headers, bytes).into_response()
    }
}
