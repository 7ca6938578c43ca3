//! The outermost layer: gives a request its ids and language, and writes what leaves: problems, headers, log and metrics.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, OnceLock, atomic::AtomicBool},
    time::{Duration, Instant},
};

use axum::{
    extract::{FromRequestParts, MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version, header, request::Parts};
use uuid::Uuid;

use crate::{
    app::{Phase, Shared},
    auth::Principal,
    http::server::Peer,
    payment::Actor,
    problem::{self, Language, Problem},
    telemetry::logs::Access,
    telemetry::metrics::OTHER_METHOD,
    telemetry::trace::Trace,
};

pub(crate) static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What is known of a request before anything is done with it.
pub(crate) struct Context {
    pub(crate) request_id: String,
    pub(crate) trace: Trace,
    pub(crate) language: Language,
    /// Who is on the other end, as far as proxies can be believed.
    pub(crate) client: IpAddr,
    /// Known once the credentials were verified, also when the request is refused after that.
    pub(crate) principal: OnceLock<Arc<str>>,
    /// While the client is still sending the body: whose delay a timeout is.
    pub(crate) receiving: AtomicBool,
}

impl Context {
    fn read(headers: &HeaderMap, trace: Trace, client: IpAddr) -> Self {
        let request_id = headers
            .get(&REQUEST_ID)
            .and_then(|value| value.to_str().ok())
            .filter(|id| {
                (1..=128).contains(&id.len())
                    && id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"')
            })
            .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned);
        Self {
            request_id,
            trace,
            language: Language::negotiate(headers),
            client,
            principal: OnceLock::new(),
            receiving: AtomicBool::new(false),
        }
    }
}

tokio::task_local! {
    /// The request that this task works on.
    static CURRENT: Arc<Context>;
}

/// Logs that a handler panicked; the panic's own line stands before this one.
pub(crate) fn note_panic() {
    let request_id = CURRENT.try_with(|context| context.request_id.clone()).unwrap_or_default();
    tracing::error!(request_id, "a request ended in a panic");
}

fn names_one_host(request: &Request) -> bool {
    let hosts = request.headers().get_all(header::HOST).iter().count();
    hosts == 1 || (hosts == 0 && request.version() < Version::HTTP_11)
}

/// Wraps every request.
pub(crate) async fn observe(
    State(app): State<Shared>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let route = matched.as_ref().map_or("none", MatchedPath::as_str);
    let resource = resource(route, request.uri().path());
    let peer =
        request.extensions().get::<Peer>().map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.0);
    let client =
        crate::http::client::address(peer, request.headers(), &app.settings.trusted_proxies);
    // A stranger must not decide what is recorded.
    let trusted = app.settings.trusted_proxies.iter().any(|range| range.contains(&peer));
    let share = if trusted { None } else { Some(app.settings.trace_sample) };
    let trace = Trace::begin(request.headers(), &method, route, app.settings.trace_ids, share);
    let context = Arc::new(Context::read(request.headers(), trace, client));
    request.extensions_mut().insert(Arc::clone(&context));

    let mut response = if names_one_host(&request) {
        let answering = CURRENT.scope(Arc::clone(&context), next.run(request));
        context.trace.scope(answering).await
    } else {
        Problem::new(problem::Code::InvalidRequest)
            .detail(
                "A request has exactly one Host field (RFC 9112 section 3.2).",
                "Uma requisição tem exatamente um campo Host (RFC 9112, seção 3.2).",
            )
            .into_response()
    };

    if let Some(problem) = problem_of(&mut response) {
        let allow = response.headers_mut().remove(header::ALLOW);
        response = problem.render(context.language, &context.request_id, &context.trace.id);
        if let Some(allow) = allow {
            response.headers_mut().insert(header::ALLOW, allow);
        }
    }
    set_security_headers(response.headers_mut(), &context, app.phase() == Phase::Draining);
    let (status, elapsed) = (response.status(), started.elapsed());
    context.trace.end(status);
    crate::telemetry::metrics::request(
        crate::telemetry::metrics::method(&method),
        route,
        status,
        elapsed,
    );
    Access {
        request_id: &context.request_id,
        trace_id: &context.trace.id,
        span_id: &context.trace.span_id,
        amazon_trace_id: context.trace.amazon.as_deref(),
        principal: context.principal.get().map_or("", |name| name),
        client: context.client,
        method: method.as_str(),
        route,
        resource,
        status: status.as_u16(),
        microseconds: u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
    }
    .log();
    response
}

/// Counts and logs a request that hyper itself refused, because no head could be made of it.
pub(crate) fn refused_by_parser(status: u16, peer: IpAddr) {
    let Ok(code) = StatusCode::from_u16(status) else { return };
    crate::telemetry::metrics::request(OTHER_METHOD, "none", code, Duration::ZERO);
    Access {
        request_id: &Uuid::now_v7().to_string(),
        trace_id: "",
        span_id: "",
        amazon_trace_id: None,
        principal: "",
        client: peer,
        method: OTHER_METHOD,
        route: "none",
        resource: None,
        status,
        microseconds: 0,
    }
    .log();
}

/// The problem that a response carries or, when it is a bare error of the router, stands for.
fn problem_of(response: &mut Response) -> Option<Problem> {
    if let Some(problem) = response.extensions_mut().remove::<Box<Problem>>() {
        return Some(*problem);
    }
    let bare = response.status().as_u16() >= 400
        && response
            .headers()
            .get(header::CONTENT_TYPE)
            .is_none_or(|kind| !kind.as_bytes().starts_with(b"application/"));
    bare.then(|| problem::for_status(response.status())).flatten()
}

/// The id in the path, for the log, which has no paths. Whatever is no id stays out.
fn resource(route: &str, path: &str) -> Option<Uuid> {
    let place = route.split('/').position(|segment| segment == "{id}")?;
    Uuid::try_parse(path.split('/').nth(place)?).ok()
}

/// The headers that every answer has.
fn set_security_headers(headers: &mut HeaderMap, context: &Context, draining: bool) {
    if let Ok(id) = HeaderValue::from_str(&context.request_id) {
        headers.insert(REQUEST_ID.clone(), id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(
        header::STRICT_TRANSPORT_SECURITY,
        HeaderValue::from_static("max-age=31536000; includeSubDomains"),
    );
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if draining {
        // Moves keep-alive connections to another instance before this one closes them.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
}

/// A JSON answer.
pub(crate) fn json(status: StatusCode, body: String) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

impl<S: Send + Sync> FromRequestParts<S> for Actor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let context = parts.extensions.get::<Arc<Context>>();
        let principal = parts.extensions.get::<Principal>();
        let (Some(context), Some(principal)) = (context, principal) else {
            return Err(Problem::new(problem::Code::Unauthenticated));
        };
        Ok(Self {
            name: principal.name.to_string(),
            account: principal.account.to_string(),
            request_id: context.request_id.clone(),
            trace_id: context.trace.id.clone(),
        })
    }
}
