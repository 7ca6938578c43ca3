//! The layer around everything that needs credentials: load shedding, the time limit, authentication, quotas.

use std::{
    net::Ipv4Addr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use axum::{
    body::{Bytes, HttpBody},
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use http_body_util::BodyExt;
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    app::{Phase, Shared},
    http::context::Context,
    limit::{Verdict, WINDOW},
    problem::{Code, Problem},
};

static POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
static LIMIT: HeaderName = HeaderName::from_static("ratelimit");

const KIB: u32 = 1024;
/// An answer that is larger takes its share of the memory for answers.
const LARGE: u32 = 64 * KIB;

/// Lets a request through or says why not.
pub(crate) async fn admit(State(app): State<Shared>, request: Request, next: Next) -> Response {
    if app.phase() == Phase::Starting {
        return Problem::new(Code::Unavailable).retry_after(1).into_response();
    }
    let Some(place) = Place::take(&app, app.settings.max_in_flight) else {
        return Problem::new(Code::Overloaded).retry_after(1).into_response();
    };
    let context = request.extensions().get::<Arc<Context>>().cloned();
    let changes = !request.method().is_safe();
    match tokio::time::timeout(app.settings.request_timeout, authorize(&app, request, next)).await {
        Ok(outcome) => hold(outcome.unwrap_or_else(Problem::into_response), place, changes).await,
        Err(_) if context.is_some_and(|context| context.receiving.load(Ordering::Relaxed)) => {
            Problem::new(Code::BodyTimeout).into_response()
        }
        Err(_) => Problem::new(Code::Timeout).into_response(),
    }
}

async fn authorize(app: &Shared, mut request: Request, next: Next) -> Result<Response, Problem> {
    let context = request.extensions().get::<Arc<Context>>().cloned();
    let client = context.as_ref().map_or(Ipv4Addr::UNSPECIFIED.into(), |context| context.client);
    let principal = app.authority.identify(request.headers(), client, &app.store).await?;
    if let Some(context) = &context {
        let _ = context.principal.set(Arc::clone(&principal.name));
    }
    let verdict = app.limiter.take(&principal.name, &app.store).await;
    if let Verdict::Denied { retry_after } = verdict {
        crate::telemetry::metrics::rate_limited();
        let mut problem = Problem::new(Code::RateLimited).retry_after(whole_seconds(retry_after));
        announce(&mut problem.headers, app.limiter.quota(), verdict);
        return Err(problem);
    }
    if is_of_another_site(&request) {
        return Err(Problem::new(Code::Forbidden).detail(
            "A page of another site may not change anything with a browser's credentials.",
            "Uma página de outro site não pode alterar nada com as credenciais do navegador.",
        ));
    }
    let reading = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if !(if reading { principal.scopes.read } else { principal.scopes.write }) {
        return Err(Problem::new(Code::Forbidden));
    }
    request.extensions_mut().insert(principal);
    let mut response = next.run(request).await;
    announce(response.headers_mut(), app.limiter.quota(), verdict);
    Ok(response)
}

/// Whether a browser says that a page of another site makes it change something (Fetch Metadata, `Sec-Fetch-Site`; or
/// `Origin` in browsers without it).
fn is_of_another_site(request: &Request) -> bool {
    if request.method().is_safe() {
        return false;
    }
    let text = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    match (text("sec-fetch-site"), text("origin"), text("host")) {
        (Some(site), ..) => !matches!(site, "same-origin" | "none"),
        (None, Some(origin), Some(host)) => {
            origin.split_once("://").is_none_or(|(_, authority)| authority != host)
        }
        _ => false,
    }
}

/// Lets only the administrator through; stands inside [`admit`].
pub(crate) async fn administrator(request: Request, next: Next) -> Response {
    let principal = request.extensions().get::<crate::auth::Principal>();
    if principal.is_some_and(|principal| principal.scopes.admin) {
        next.run(request).await
    } else {
        Problem::new(Code::Forbidden).into_response()
    }
}

/// The two fields of draft-ietf-httpapi-ratelimit-headers.
fn announce(headers: &mut HeaderMap, quota: Option<u64>, verdict: Verdict) {
    let Some(quota) = quota else { return };
    let (remaining, reset) = match verdict {
        // A bucket refills all the time: the full quota is back after the share of the window that was used.
        Verdict::Allowed { remaining } => {
            (remaining, WINDOW.as_secs() * quota.saturating_sub(remaining) / quota)
        }
        Verdict::Denied { retry_after } => (0, whole_seconds(retry_after)),
    };
    let policy = format!("\"default\";q={quota};w={}", WINDOW.as_secs());
    let limit = format!("\"default\";r={remaining};t={reset}");
    for (name, value) in [(&POLICY, policy), (&LIMIT, limit)] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name.clone(), value);
        }
    }
}

fn whole_seconds(duration: Duration) -> u64 {
    (duration + Duration::from_millis(999)).as_secs().max(1)
}

/// Keeps the place until the client has taken the answer, and refuses an answer for which there is no memory: answers
/// that wait for slow readers would take all of it. What was changed is told all the same.
async fn hold(response: Response, mut place: Place, changes: bool) -> Response {
    let (head, body) = response.into_parts();
    let size = body.size_hint().exact().and_then(|size| u32::try_from(size).ok());
    // A body of unknown length is made piece by piece and holds its place by itself.
    let Some(size) = size else { return Response::from_parts(head, body) };
    if size > LARGE && !changes {
        place.memory = Arc::clone(&place.app.answers).try_acquire_many_owned(size / KIB).ok();
        if place.memory.is_none() {
            return Problem::new(Code::Overloaded).retry_after(1).into_response();
        }
    }
    match body.collect().await {
        Ok(bytes) => {
            let answer = Held { bytes: bytes.to_bytes(), _place: place };
            Response::from_parts(head, Bytes::from_owner(answer).into())
        }
        Err(_) => Problem::new(Code::Internal).into_response(),
    }
}

/// The bytes of an answer; dropped when the kernel has them.
struct Held {
    bytes: Bytes,
    _place: Place,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// One of the places for requests in progress; free again when dropped.
struct Place {
    app: Shared,
    /// The share of the memory for large answers.
    memory: Option<OwnedSemaphorePermit>,
}

impl Place {
    fn take(app: &Shared, places: usize) -> Option<Self> {
        let place = Self { app: Arc::clone(app), memory: None };
        (app.in_progress.fetch_add(1, Ordering::AcqRel) < places).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.app.in_progress.fetch_sub(1, Ordering::AcqRel);
    }
}
