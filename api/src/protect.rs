//! The layer around everything that needs credentials: load shedding, the time limit, authentication, quotas.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::Method;

use crate::{
    app::{Phase, Shared},
    problem::{Code, Problem},
};

/// Lets a request through or says why not.
pub(crate) async fn protect(State(app): State<Shared>, request: Request, next: Next) -> Response {
    if app.phase() == Phase::Starting {
        return Problem::new(Code::Unavailable).retry_after(1).into_response();
    }
    let Some(_place) = Place::take(&app.in_progress, app.settings.max_in_flight) else {
        return Problem::new(Code::Overloaded).retry_after(1).into_response();
    };
    match tokio::time::timeout(app.settings.request_timeout, admit(&app, request, next)).await {
        Ok(outcome) => outcome.unwrap_or_else(Problem::into_response),
        Err(_) => Problem::new(Code::Timeout).into_response(),
    }
}

async fn admit(app: &Shared, mut request: Request, next: Next) -> Result<Response, Problem> {
    let principal = app.authority.identify(request.headers()).await?;
    let allowed = match *request.method() {
        Method::GET | Method::HEAD | Method::OPTIONS => principal.scopes.read,
        _ => principal.scopes.write,
    };
    if !allowed {
        return Err(Problem::new(Code::Forbidden));
    }
    request.extensions_mut().insert(principal);
    Ok(next.run(request).await)
}

/// One of the places for requests in progress; free again when dropped.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(taken: &'a AtomicUsize, places: usize) -> Option<Self> {
        if taken.fetch_add(1, Ordering::AcqRel) < places {
            return Some(Self(taken));
        }
        taken.fetch_sub(1, Ordering::AcqRel);
        None
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
