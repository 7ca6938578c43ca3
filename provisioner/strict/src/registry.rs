//! The registry that holds ECR's images, as ECR speaks the registry protocol: a password of its own, its
//! actions of IAM, and its way with uploads. An emulator's registry stands behind it.
//!
//! Sources: ECR user guide ("Private registry authentication", "IAM permissions for pushing an image to an
//! Amazon ECR private repository", quotas of layer parts); aws/containers-roadmap#2831 and
//! dotnet/sdk-container-builds#279 (201 for each part, and a `Range` that stays where the first part ended).
//! Which action belongs to which request is told from the actions' names in the Service Authorization
//! Reference; unsure for `HEAD` of a manifest.

use std::collections::{BTreeMap, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::cloud::{Cloud, lock};
use crate::proxy::{Body, Cut, Upstream, forward, unreachable_upstream, whole};
use crate::wire::{Protocol, Request};

/// What a part has at least, unless it is the last.
const LEAST: usize = 5 * 1024 * 1024;

/// Who has asked for a password, and the uploads that are under way.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    callers: BTreeMap<String, Request>,
    uploads: HashMap<String, Upload>,
}

#[derive(Debug, Default)]
struct Upload {
    received: usize,
    /// The length of the first part.
    first: usize,
    /// A part was so small that it must have been the last.
    is_closed: bool,
}

impl Registry {
    /// Gives the caller a password of its own in an answer to GetAuthorizationToken, so that what it does
    /// with the registry is known to be its doing.
    pub(crate) fn introduce(
        &mut self,
        request: &Request,
        response: Response<Bytes>,
    ) -> Response<Bytes> {
        let is_asked = request.service == "ecr" && request.operation == "GetAuthorizationToken";
        let answer = serde_json::from_slice::<Value>(response.body()).ok();
        let Some(mut answer) = answer.filter(|_| is_asked) else { return response };
        let password = format!("strict-{}-{}", request.region, request.principal);
        let token = STANDARD.encode(format!("AWS:{password}"));
        self.callers.insert(password, request.clone());
        for data in answer["authorizationData"].as_array_mut().into_iter().flatten() {
            data["authorizationToken"] = json!(token);
        }
        let (mut head, _) = response.into_parts();
        head.headers.remove(header::CONTENT_LENGTH);
        Response::from_parts(head, answer.to_string().into())
    }

    fn caller(&self, headers: &HeaderMap) -> Option<&Request> {
        let given = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
        let text = String::from_utf8(STANDARD.decode(given).ok()?).ok()?;
        self.callers.get(text.strip_prefix("AWS:")?)
    }

    /// Takes a part of an upload, or says why not.
    fn take(&mut self, path: &str, headers: &HeaderMap, part: &Bytes) -> Result<(), Refusal> {
        let unknown = Refusal(404, "BLOB_UPLOAD_UNKNOWN", "the upload is not known".into());
        let upload = self.uploads.get_mut(path).ok_or(unknown)?;
        let range = headers.get(header::CONTENT_RANGE).and_then(|range| range.to_str().ok());
        let begins = range.and_then(|range| range.split('-').next()?.parse::<usize>().ok());
        if begins.is_some_and(|begins| begins != upload.received) {
            return Err(Refusal(416, "BLOB_UPLOAD_INVALID", "the part is not the next".into()));
        }
        if upload.is_closed {
            let why = format!("a part before the last has less than {LEAST} bytes");
            return Err(Refusal(400, "BLOB_UPLOAD_INVALID", why));
        }
        if upload.received == 0 {
            upload.first = part.len();
        }
        upload.received += part.len();
        upload.is_closed = part.len() < LEAST;
        Ok(())
    }
}

/// A status, a code of the registry protocol, and words.
struct Refusal(u16, &'static str, String);

impl Refusal {
    fn answer(self) -> Response<Body> {
        let Self(status, code, message) = self;
        let body = json!({"errors": [{"code": code, "message": message}]}).to_string();
        let mut response = Response::new(whole(body.into()));
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        let kind = HeaderValue::from_static("application/json; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}

/// Answers a request of the registry protocol.
pub(crate) async fn answer(
    cloud: &Cloud,
    upstream: &Upstream,
    mut parts: Parts,
    body: Incoming,
) -> Result<Response<Body>, Cut> {
    let caller = lock(&cloud.registry).caller(&parts.headers).cloned();
    let Some(caller) = caller else { return Ok(challenge(&parts)) };
    // The emulator has another password, and asks nobody for it.
    parts.headers.remove(header::AUTHORIZATION);
    let path = parts.uri.path().to_owned();
    if let Some((repository, actions)) = needs(&parts.method, &path) {
        for action in actions {
            let request = Request {
                protocol: Protocol::Opaque,
                operation: (*action).to_owned(),
                parameters: json!({"repositoryName": repository}),
                ..caller.clone()
            };
            let denied = lock(&cloud.permissions).refuse(&request);
            if let Some(fault) = denied {
                return Ok(Refusal(403, "DENIED", fault.message).answer());
            }
        }
    }
    let Some((_, id)) = path.split_once("/blobs/uploads/") else {
        return Ok(pass(cloud, upstream, &parts, body.boxed()).await);
    };
    let body = body.collect().await?.to_bytes();
    if id.is_empty() {
        return Ok(begin(cloud, upstream, parts, body).await);
    }
    if !body.is_empty() {
        let taken = lock(&cloud.registry).take(&path, &parts.headers, &body);
        if let Err(refusal) = taken {
            return Ok(refusal.answer());
        }
    }
    let mut response = pass(cloud, upstream, &parts, whole(body)).await;
    let mut registry = lock(&cloud.registry);
    if parts.method == Method::PUT {
        registry.uploads.remove(&path);
    } else if response.status().is_success() {
        let first = registry.uploads.get(&path).map_or(0, |upload| upload.first);
        let range = format!("0-{}", first.saturating_sub(1));
        if let Ok(range) = HeaderValue::from_str(&range) {
            response.headers_mut().insert(header::RANGE, range);
        }
        if parts.method == Method::PATCH {
            *response.status_mut() = StatusCode::CREATED;
        }
    }
    Ok(response)
}

/// Begins an upload. Nothing is taken from another repository: an account must have said that it wants
/// that (ECR user guide, "Blob mounting").
async fn begin(
    cloud: &Cloud,
    upstream: &Upstream,
    mut parts: Parts,
    body: Bytes,
) -> Response<Body> {
    if parts.uri.query().is_some_and(|query| query.contains("mount=")) {
        parts.uri = parts.uri.path().parse().unwrap_or_default();
    }
    let response = pass(cloud, upstream, &parts, whole(body)).await;
    let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
    if let Some(location) = location.filter(|_| response.status() == StatusCode::ACCEPTED) {
        let path = location.split_once("/v2/").map_or(location, |(_, rest)| rest);
        let path = format!("/v2/{}", path.split('?').next().unwrap_or(path));
        lock(&cloud.registry).uploads.insert(path, Upload::default());
    }
    response
}

async fn pass(cloud: &Cloud, upstream: &Upstream, parts: &Parts, body: Body) -> Response<Body> {
    forward(cloud, upstream, parts, body).await.unwrap_or_else(|error| unreachable_upstream(&error))
}

fn challenge(parts: &Parts) -> Response<Body> {
    let mut response = Response::new(whole(Bytes::from_static(b"Not Authorized\n")));
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.unwrap_or_default();
    let basic = format!("Basic realm=\"https://{host}/\",service=\"ecr.amazonaws.com\"");
    if let Ok(basic) = HeaderValue::from_str(&basic) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, basic);
    }
    response
}

/// The repository that a request is about, and the actions that it needs on it.
fn needs<'a>(method: &Method, path: &'a str) -> Option<(&'a str, &'static [&'static str])> {
    let rest = path.strip_prefix("/v2/")?;
    if let Some((repository, _)) = rest.split_once("/blobs/uploads/") {
        let actions: &[&str] = match *method {
            Method::POST => &["InitiateLayerUpload"],
            Method::PUT => &["UploadLayerPart", "CompleteLayerUpload"],
            _ => &["UploadLayerPart"],
        };
        return Some((repository, actions));
    }
    if let Some((repository, _)) = rest.rsplit_once("/blobs/") {
        let is_look = *method == Method::HEAD;
        let actions: &[&str] =
            if is_look { &["BatchCheckLayerAvailability"] } else { &["GetDownloadUrlForLayer"] };
        return Some((repository, actions));
    }
    let (repository, _) = rest.rsplit_once("/manifests/")?;
    Some((repository, if *method == Method::PUT { &["PutImage"] } else { &["BatchGetImage"] }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_needs_its_actions() {
        let digest = "sha256:00";
        let of = |method, path: &str| {
            needs(&method, path).map(|(name, actions)| (name.to_owned(), actions.join(" ")))
        };
        let some = |actions: &str| Some(("shop/prod/api".to_owned(), actions.to_owned()));
        let path = |rest: &str| format!("/v2/shop/prod/api/{rest}");
        assert_eq!(of(Method::POST, &path("blobs/uploads/")), some("InitiateLayerUpload"));
        let put = some("UploadLayerPart CompleteLayerUpload");
        assert_eq!(of(Method::PUT, &path("blobs/uploads/u1")), put);
        let blob = path(&format!("blobs/{digest}"));
        assert_eq!(of(Method::HEAD, &blob), some("BatchCheckLayerAvailability"));
        assert_eq!(of(Method::GET, &blob), some("GetDownloadUrlForLayer"));
        assert_eq!(of(Method::GET, &path("manifests/v1")), some("BatchGetImage"));
        assert_eq!(of(Method::PUT, &path("manifests/v1")), some("PutImage"));
        assert_eq!(of(Method::GET, "/v2/"), None);
    }
}
