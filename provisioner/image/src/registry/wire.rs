//! Requests to a registry: authenticated when it asks, repeated when that may help.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;
use tokio::time::Instant;

use super::Registry;
use super::authentication::Access;
use super::push::Pieces;
use crate::{Error, Result};

/// How long a connection may take to come about.
pub(super) const CONNECT: Duration = Duration::from_secs(10);

/// How long a registry may say nothing.
pub(super) const SILENCE: Duration = Duration::from_mins(1);

/// How long an upload may stand still: nothing is taken, or all is taken and not answered. A registry
/// looks at a whole layer before it answers.
const STANDSTILL: Duration = Duration::from_mins(5);

/// How often a request is sent in all.
const TRIES: u32 = 5;

/// One request, which may be sent several times.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) access: Access,
    pub(super) headers: Vec<(HeaderName, String)>,
    pub(super) body: Option<Bytes>,
}

impl Request {
    pub(super) fn new(method: Method, url: impl Into<String>, access: Access) -> Self {
        let url = url.into();
        Self { method, url, access, headers: vec![], body: None }
    }

    pub(super) fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn body(mut self, body: Bytes) -> Self {
        self.body = Some(body);
        self
    }
}

impl Registry {
    /// `http://host/v2/<repository>/<rest>`.
    pub(super) fn url(&self, repository: &str, rest: &str) -> String {
        format!("{}://{}/v2/{repository}/{rest}", self.scheme, self.host)
    }

    /// Sends a request about a repository. Gives back whatever answer is final, whatever its status.
    pub(super) async fn send(&self, repository: &str, request: Request) -> Result<Response> {
        let mut tries = 0;
        let mut renewed = false;
        let scope = request.access.scope(repository);
        loop {
            tries += 1;
            let outcome = self.attempt(&scope, &request).await;
            let again = tries < TRIES;
            match outcome {
                // A grant may have run out meanwhile: one fresh one per request.
                Ok(answer) if answer.status() == StatusCode::UNAUTHORIZED && !renewed => {
                    renewed = true;
                    let grant = self.grant(answer.headers(), repository, &scope).await?;
                    let mut grants = self.grants.lock().unwrap_or_else(PoisonError::into_inner);
                    grants.insert(scope.clone(), grant);
                    continue;
                }
                Ok(answer) if again && is_passing(answer.status()) => {}
                Ok(answer)
                    if matches!(
                        answer.status(),
                        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
                    ) =>
                {
                    let why = complaint(answer).await;
                    let (registry, repository) = (self.host.clone(), repository.into());
                    return Err(Error::Denied { registry, repository, why });
                }
                Ok(answer) => return Ok(answer),
                Err(_) if again => {}
                Err(error) => {
                    let why = causes(&error.without_url());
                    return Err(Error::Unreachable { url: request.url, why });
                }
            }
            tokio::time::sleep(backoff(tries)).await;
        }
    }

    /// Sends a request with a body that is read as it goes, once. The client's limit for silence
    /// would also count the time that sending takes; here it begins anew with each piece.
    pub(super) async fn send_stream(
        &self,
        repository: &str,
        request: &Request,
        pieces: Pieces,
    ) -> Result<Response> {
        let progress = Progress::default();
        let failed = Arc::new(Mutex::new(None));
        let (moved, slot) = (progress.clone(), Arc::clone(&failed));
        let body = pieces.inspect_ok(move |_| moved.note()).map_err(move |error| {
            let said = std::io::Error::other(error.to_string());
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            said
        });
        let headers = self.headers(&request.access.scope(repository), request);
        let call = self.uploads.request(request.method.clone(), &request.url).headers(headers);
        let call = call.body(reqwest::Body::wrap_stream(body)).send();
        let unreachable = |why: String| Error::Unreachable { url: request.url.clone(), why };
        match progress.watch(call).await {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(error)) => {
                // What could not be read says more than that sending it ended.
                let read = failed.lock().unwrap_or_else(PoisonError::into_inner).take();
                Err(read.unwrap_or_else(|| unreachable(causes(&error.without_url()))))
            }
            None => Err(unreachable(format!("nothing moved for {} s", STANDSTILL.as_secs()))),
        }
    }

    fn headers(&self, scope: &str, request: &Request) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in &request.headers {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.append(name, value);
            }
        }
        // A registry may store uploads elsewhere and say so; its password is not for others.
        if request.url.starts_with(&format!("{}://{}/", self.scheme, self.host)) {
            let grants = self.grants.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(grant) = grants.get(scope) {
                grant.apply(&mut headers);
            }
        }
        headers
    }

    async fn attempt(&self, scope: &str, request: &Request) -> Result<Response, reqwest::Error> {
        let headers = self.headers(scope, request);
        let call = self.http.request(request.method.clone(), &request.url).headers(headers);
        match &request.body {
            Some(body) => call.body(body.clone()),
            None => call,
        }
        .send()
        .await
    }
}

/// How long to wait before the next try: twice as long each time, with jitter.
pub(super) fn backoff(tries: u32) -> Duration {
    let longest = Duration::from_millis(250) * 2u32.pow(tries);
    longest.mul_f64(rand::random_range(0.5..1.0))
}

/// When an upload last moved.
#[derive(Clone)]
struct Progress(Arc<Mutex<Instant>>);

impl Default for Progress {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }
}

impl Progress {
    fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn limit(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) + STANDSTILL
    }

    /// What the work gives; none when it stood still for too long.
    async fn watch<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::pin!(work);
        loop {
            let limit = self.limit();
            tokio::select! {
                done = &mut work => return Some(done),
                () = tokio::time::sleep_until(limit) => {
                    if self.limit() == limit {
                        return None;
                    }
                }
            }
        }
    }
}

fn is_passing(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

fn causes(error: &reqwest::Error) -> String {
    let first: &dyn std::error::Error = error;
    let chain = std::iter::successors(Some(first), |error| error.source());
    chain.last().map(ToString::to_string).unwrap_or_default()
}

/// The first error of a registry's answer, or the beginning of its text.
pub(super) async fn complaint(answer: Response) -> String {
    let text = answer.text().await.unwrap_or_default();
    let first = serde_json::from_str::<Value>(&text).ok().and_then(|body| {
        let error = body.get("errors")?.get(0)?;
        let part = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
        Some(format!("{}: {}", part("code"), part("message")))
    });
    first.unwrap_or_else(|| text.chars().take(200).collect())
}

/// An answer that should have been another.
pub(super) async fn unexpected(answer: Response) -> Error {
    let status = answer.status().as_u16();
    // Blobs may be elsewhere, at a URL whose query is as good as a password for a while.
    let mut url = answer.url().clone();
    url.set_query(None);
    Error::Registry { url: url.into(), status, why: complaint(answer).await }
}
