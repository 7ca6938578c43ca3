//! The layer around everything that needs credentials: load shedding, the time limit, authentication, quotas.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::{
    app::{Phase, Shared},
    context::Context,
    limit::{Verdict, WINDOW},
    problem::{Code, Problem},
};

static POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
static LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Lets a request through or says why not.
pub(crate) async fn protect(State(app): State<Shared>, request: Request, next: Next) -> Response {
    if app.phase() == Phase::Starting {
        return Problem::new(Code::Unavailable).retry_after(1).into_response();
    }
    let Some(_place) = Place::take(&app.in_progress, app.settings.max_in_flight) else {
        return Problem::new(Code::Overloaded).retry_after(1).into_response();
    };
    let context = request.extensions().get::<Arc<Context>>().cloned();
    match tokio::time::timeout(app.settings.request_timeout, admit(&app, request, next)).await {
        Ok(outcome) => outcome.unwrap_or_else(Problem::into_response),
        Err(_) if context.is_some_and(|context| context.receiving.load(Ordering::Relaxed)) => {
            Problem::new(Code::BodyTimeout).into_response()
        }
        Err(_) => Problem::new(Code::Timeout).into_response(),
    }
}

async fn admit(app: &Shared, mut request: Request, next: Next) -> Result<Response, Problem> {
    let principal = app.authority.identify(request.headers(), &app.store).await?;
    let verdict = app.limiter.take(&principal.name, &app.store).await;
    if let Verdict::Denied { retry_after } = verdict {
        crate::metrics::rate_limited();
        let mut problem = Problem::new(Code::RateLimited).retry_after(whole_seconds(retry_after));
        announce(&mut problem.headers, app.limiter.quota(), verdict);
        return Err(problem);
    }
    let reading = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if !(if reading { principal.scopes.read } else { principal.scopes.write }) {
        return Err(Problem::new(Code::Forbidden));
    }
    request.extensions_mut().insert(principal.clone());
    let mut response = next.run(request).await;
    // For the access log.
    response.extensions_mut().insert(principal);
    announce(response.headers_mut(), app.limiter.quota(), verdict);
    Ok(response)
}

/// Lets only the administrator through; stands inside [`protect`].
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

/// One of the places for requests in progress; free again when dropped.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(taken: &'a AtomicUsize, places: usize) -> Option<Self> {
        let place = Self(taken);
        (taken.fetch_add(1, Ordering::AcqRel) < places).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
