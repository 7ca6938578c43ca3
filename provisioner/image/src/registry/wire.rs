//! Requests to a registry: authenticated when it asks, repeated when that may help.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;

use super::Registry;
use super::authentication::Access;
use crate::{Error, Result};

/// How long a connection may take to come about.
pub(super) const CONNECT: Duration = Duration::from_secs(10);

/// How long a registry may say nothing.
pub(super) const SILENCE: Duration = Duration::from_mins(1);

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
    /// Whether sending it twice does no harm.
    pub(super) repeatable: bool,
}

impl Request {
    pub(super) fn new(method: Method, url: impl Into<String>, access: Access) -> Self {
        let url = url.into();
        Self { method, url, access, headers: vec![], body: None, repeatable: true }
    }

    pub(super) fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn body(mut self, body: Bytes) -> Self {
        self.body = Some(body);
        self
    }

    pub(super) fn once(mut self) -> Self {
        self.repeatable = false;
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
            let again = request.repeatable && tries < TRIES;
            match outcome {
                // A grant may have run out meanwhile: one fresh one per request.
                Ok(answer) if answer.status() == StatusCode::UNAUTHORIZED && !renewed => {
                    renewed = true;
                    let grant = self.grant(answer.headers(), repository, &scope).await?;
                    let mut grants =
                        self.grants.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
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
            let longest = Duration::from_millis(250) * 2u32.pow(tries);
            tokio::time::sleep(longest.mul_f64(rand::random_range(0.5..1.0))).await;
        }
    }

    async fn attempt(&self, scope: &str, request: &Request) -> Result<Response, reqwest::Error> {
        let mut headers = HeaderMap::new();
        for (name, value) in &request.headers {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.append(name, value);
            }
        }
        // A registry may store uploads elsewhere and say so; its password is not for others.
        if request.url.starts_with(&format!("{}://{}/", self.scheme, self.host)) {
            let grants = self.grants.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if let Some(grant) = grants.get(scope) {
                grant.apply(&mut headers);
            }
        }
        let call = self.http.request(request.method.clone(), &request.url).headers(headers);
        match &request.body {
            Some(body) => call.body(body.clone()),
            None => call,
        }
        .send()
        .await
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
    let (url, status) = (answer.url().to_string(), answer.status().as_u16());
    Error::Registry { url, status, why: complaint(answer).await }
}
