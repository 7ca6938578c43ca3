//! A registry in memory that fails on demand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
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

pub(crate) const USER: &str = "AWS";
pub(crate) const PASSWORD: &str = "s3cret";

/// What it holds and what it is about to do.
#[derive(Default)]
pub(crate) struct Shelf {
    pub(crate) lock: Lock,
    pub(crate) immutable: bool,
    /// Answers for the next requests whose line has these words, instead of the right ones. Status 0
    /// stores only half of what was sent, then fails.
    pub(crate) faults: Vec<(&'static str, u16)>,
    /// What it says instead of a manifest's digest.
    pub(crate) liar: Option<String>,
    pub(crate) blobs: BTreeMap<String, Bytes>,
    pub(crate) manifests: BTreeMap<String, (String, Bytes)>,
    uploads: BTreeMap<String, Vec<u8>>,
    tokens: BTreeSet<String>,
    /// Every request: method, path and query.
    pub(crate) log: Vec<String>,
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
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
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
    let mut shelf = server.shelf();
    let fault = shelf.faults.iter().position(|(words, _)| line.contains(words));
    let half = match fault.map(|found| shelf.faults.remove(found).1) {
        Some(0) => true,
        Some(status) => return StatusCode::from_u16(status).unwrap().into_response(),
        None => false,
    };
    let Some(rest) = path.strip_prefix("/v2/") else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if let Some((_, id)) = rest.split_once("/blobs/uploads/") {
        return shelf.upload(&parts.method, &path, id, &query, &parts.headers, &body, half);
    }
    if let Some((_, digest)) = rest.split_once("/blobs/") {
        return match shelf.blobs.get(digest) {
            Some(bytes) => part(bytes, &parts.headers).into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        };
    }
    match rest.split_once("/manifests/") {
        Some((repository, name)) => {
            let kind = parts.headers.get(header::CONTENT_TYPE);
            let kind = kind.map(|kind| kind.to_str().unwrap().to_owned());
            shelf.manifest(&parts.method, repository, name, kind, body)
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
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

/// A range of a blob.
fn part(bytes: &Bytes, headers: &HeaderMap) -> (StatusCode, Bytes) {
    let range = headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    let from = range.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-'));
    match from.and_then(|from| from.parse::<usize>().ok()) {
        Some(from) => (StatusCode::PARTIAL_CONTENT, bytes.slice(from..)),
        None => (StatusCode::OK, bytes.clone()),
    }
}

fn refuse(code: &str, message: &str) -> Response {
    let body = json!({"errors": [{"code": code, "message": message}]}).to_string();
    (StatusCode::BAD_REQUEST, body).into_response()
}

impl Shelf {
    /// The tokens given so far are worth nothing any more.
    pub(crate) fn forget_tokens(&mut self) {
        let count = self.tokens.len();
        self.tokens = (0..count).map(|number| format!("old-{number}")).collect();
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one request")]
    fn upload(
        &mut self,
        method: &Method,
        path: &str,
        id: &str,
        query: &str,
        headers: &HeaderMap,
        body: &Bytes,
        half: bool,
    ) -> Response {
        match *method {
            Method::POST => {
                if let Some(digest) = query.strip_prefix("mount=").and_then(|q| q.split('&').next())
                    && self.blobs.contains_key(digest)
                {
                    return StatusCode::CREATED.into_response();
                }
                let id = format!("u{}", self.uploads.len());
                self.uploads.insert(id.clone(), Vec::new());
                (StatusCode::ACCEPTED, [(header::LOCATION, format!("{path}{id}"))]).into_response()
            }
            Method::PATCH => {
                let Some(upload) = self.uploads.get_mut(id) else {
                    return StatusCode::NOT_FOUND.into_response();
                };
                let range = headers[header::CONTENT_RANGE].to_str().unwrap();
                if !range.starts_with(&format!("{}-", upload.len())) {
                    return StatusCode::RANGE_NOT_SATISFIABLE.into_response();
                }
                if half {
                    upload.extend(&body[..body.len() / 2]);
                    return StatusCode::BAD_GATEWAY.into_response();
                }
                upload.extend(body);
                (StatusCode::ACCEPTED, [(header::LOCATION, path.to_owned())]).into_response()
            }
            Method::GET => {
                let Some(upload) = self.uploads.get(id).filter(|upload| !upload.is_empty()) else {
                    return StatusCode::NOT_FOUND.into_response();
                };
                let range = format!("0-{}", upload.len() - 1);
                let headers = [(header::RANGE, range), (header::LOCATION, path.to_owned())];
                (StatusCode::NO_CONTENT, headers).into_response()
            }
            _ => {
                let digest = query.strip_prefix("digest=").unwrap().replace("%3A", ":");
                let bytes = Bytes::from(self.uploads.remove(id).unwrap());
                if Digest::of(&bytes).as_str() != digest {
                    return refuse("DIGEST_INVALID", "provided digest did not match");
                }
                self.blobs.insert(digest, bytes);
                if half {
                    return StatusCode::BAD_GATEWAY.into_response();
                }
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
                return refuse("TAG_INVALID", "tag 'v1' is immutable");
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
