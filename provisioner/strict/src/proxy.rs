//! The listening side: every connection's requests, in order, through one walk: identify, fault, judge, forward, log.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Response, header};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::call::Call;
use crate::cloud::{Cloud, lock};
use crate::fault::{self, Kind};
use crate::redact::{ids, redact};
use crate::wire::answer::Content;
use crate::wire::{self, Request};

type Body = BoxBody<Bytes, hyper::Error>;
type Upstream = Client<HttpConnector, Body>;

/// Why a connection ends without an answer.
#[derive(Debug, Error)]
enum Cut {
    #[error("reset on purpose")]
    OnPurpose,
    #[error("the client's request could not be read")]
    Request(#[from] hyper::Error),
}

/// Accepts until the task is dropped; connections end with it.
pub(crate) async fn serve(listener: TcpListener, cloud: Arc<Cloud>) {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let upstream: Upstream = Client::builder(TokioExecutor::new())
        // Shorter than the emulators' keep-alive, so that a pooled connection is not closed under a request.
        .pool_idle_timeout(Duration::from_secs(2))
        .build(connector);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(connection(stream, Arc::clone(&cloud), upstream.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, cloud: Arc<Cloud>, upstream: Upstream) {
    let _ = stream.set_nodelay(true);
    // A second handle to the socket: to make its end a reset instead of an orderly close.
    let Ok(stream) = stream.into_std() else { return };
    let Ok(socket) = stream.try_clone().map(|s| Arc::new(socket2::Socket::from(s))) else { return };
    let Ok(stream) = TcpStream::from_std(stream) else { return };
    let service = hyper::service::service_fn(|request| {
        let (cloud, upstream, socket) = (Arc::clone(&cloud), upstream.clone(), Arc::clone(&socket));
        async move {
            let answer = answer(&cloud, &upstream, request).await;
            if matches!(answer, Err(Cut::OnPurpose)) {
                let _ = socket.set_linger(Some(Duration::ZERO));
            }
            answer
        }
    });
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    cloud: &Arc<Cloud>,
    upstream: &Upstream,
    request: hyper::Request<Incoming>,
) -> Result<Response<Body>, Cut> {
    let (parts, body) = request.into_parts();
    if wire::signature::Scope::of(&parts).is_none() || parts.uri.path().starts_with("/v2/") {
        return Ok(pass(cloud, upstream, &parts, body.boxed()).await);
    }
    let body = body.collect().await?.to_bytes();
    let Some(request) = Request::identify(&parts, &body) else {
        return Ok(pass(cloud, upstream, &parts, whole(body)).await);
    };
    let (here, gone) = oneshot::channel::<()>();
    let exchange = Exchange::start(Arc::clone(cloud), request, &body, gone);
    // In a task of its own: a call whose client dies still takes its effect, and is logged.
    let running = tokio::spawn(exchange.run(upstream.clone(), parts, body));
    let answer = running.await.unwrap_or(Err(Cut::OnPurpose));
    drop(here);
    answer
}

async fn pass(cloud: &Cloud, upstream: &Upstream, parts: &Parts, body: Body) -> Response<Body> {
    forward(cloud, upstream, parts, body).await.unwrap_or_else(|error| unreachable_upstream(&error))
}

/// One call from arrival to answer.
struct Exchange {
    cloud: Arc<Cloud>,
    request: Request,
    arrived: Instant,
    call: Call,
    /// Resolves when the client's connection is gone.
    gone: oneshot::Receiver<()>,
}

impl Exchange {
    fn start(
        cloud: Arc<Cloud>,
        request: Request,
        body: &Bytes,
        gone: oneshot::Receiver<()>,
    ) -> Self {
        let mutating = request.mutating();
        let mut secrets = lock(&cloud.secrets);
        let leaks_secret = request.service != "secretsmanager" && secrets.found_in(body);
        if request.service == "secretsmanager" {
            secrets.learn(&request.parameters);
        }
        drop(secrets);
        let call = Call {
            seq: lock(&cloud.log).arrive(),
            wall: jiff::Timestamp::now().to_string(),
            clock: cloud.clock.now(),
            principal: request.principal.clone(),
            region: request.region.clone(),
            service: request.service.clone(),
            operation: request.operation.clone(),
            mutating,
            mutation: if mutating { cloud.next_mutation() } else { 0 },
            parameters: redact(&request.parameters),
            request_ids: ids(&request.parameters),
            leaks_secret,
            ..Call::default()
        };
        Self { cloud, request, arrived: Instant::now(), call, gone }
    }

    async fn run(
        mut self,
        upstream: Upstream,
        parts: Parts,
        body: Bytes,
    ) -> Result<Response<Body>, Cut> {
        let cloud = Arc::clone(&self.cloud);
        if !cloud.delay.is_zero() {
            tokio::time::sleep(cloud.delay).await;
        }
        let kind = cloud.strike(&self.request);
        self.call.fault = kind.map(|k| k.to_string());
        let service = self.request.service.clone();
        match kind {
            Some(Kind::Before) => {
                self.log(None);
                return Err(Cut::OnPurpose);
            }
            Some(Kind::HoldBefore) => {
                self.hold().await;
                self.log(None);
                return Err(Cut::OnPurpose);
            }
            Some(Kind::Throttle) => return Ok(self.refuse(&fault::throttled(&service))),
            Some(Kind::Error503) => return Ok(self.refuse(&fault::server_error(&service, 503))),
            Some(Kind::Expired) => return Ok(self.refuse(&fault::expired(&service))),
            Some(Kind::Error500) if cloud.seed.draw("500 after", self.call.seq) < 0.5 => {
                self.call.fault = Some("500-before".into());
                return Ok(self.refuse(&fault::server_error(&service, 500)));
            }
            Some(Kind::Slow(ms)) => tokio::time::sleep(Duration::from_millis(ms)).await,
            _ => {}
        }
        let response = match forward(&cloud, &upstream, &parts, whole(body)).await {
            Ok(response) => response,
            Err(error) => {
                self.call.message = Some(error.to_string());
                self.log(None);
                return Ok(unreachable_upstream(&error));
            }
        };
        let (head, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        let response = Response::from_parts(head, body);
        self.log(Some(&response));
        match kind {
            Some(Kind::After) => Err(Cut::OnPurpose),
            Some(Kind::HoldAfter) => {
                self.hold().await;
                Err(Cut::OnPurpose)
            }
            Some(Kind::Error500) => {
                let error = fault::server_error(&service, 500);
                Ok(error.answer(self.request.protocol, &service, &cloud.request_id()).map(whole))
            }
            _ => Ok(response.map(whole)),
        }
    }

    fn refuse(mut self, fault: &wire::error::Fault) -> Response<Body> {
        self.call.refused = true;
        let response =
            fault.answer(self.request.protocol, &self.request.service, &self.cloud.request_id());
        self.log(Some(&response));
        response.map(whole)
    }

    /// Says that this call is held, and waits for a release.
    async fn hold(&mut self) {
        let mut released = self.cloud.released.subscribe();
        released.mark_unchanged();
        self.cloud.held.send_replace(self.call.seq);
        tokio::select! {
            _ = released.changed() => {}
            _ = &mut self.gone => {}
        }
        self.cloud.held.send_replace(0);
    }

    fn log(&mut self, response: Option<&Response<Bytes>>) {
        let call = &mut self.call;
        call.answered = self.cloud.clock.now();
        call.elapsed_ms = self.arrived.elapsed().as_secs_f64() * 1000.0;
        if let Some(response) = response {
            call.status = response.status().as_u16();
            if let Some((code, message)) = wire::error::read(self.request.protocol, response) {
                call.code = Some(code);
                call.message = Some(message);
            } else if self.request.service != "dynamodb" {
                let value = Content::read(self.request.protocol, response).to_value();
                call.response_ids = ids(&value);
                call.response = redact(&value);
            }
        }
        lock(&self.cloud.log).push(call.clone());
    }
}

async fn forward(
    cloud: &Cloud,
    upstream: &Upstream,
    parts: &Parts,
    body: Body,
) -> Result<Response<Body>, hyper_util::client::legacy::Error> {
    let mut request = hyper::Request::new(body);
    *request.method_mut() = parts.method.clone();
    let mut uri = http::uri::Parts::default();
    uri.scheme = Some(http::uri::Scheme::HTTP);
    uri.authority = Some(cloud.upstream.clone());
    uri.path_and_query =
        parts.uri.path_and_query().cloned().or(Some(http::uri::PathAndQuery::from_static("/")));
    *request.uri_mut() = http::Uri::from_parts(uri).unwrap_or_default();
    *request.headers_mut() = parts.headers.clone();
    strip(request.headers_mut());
    request.headers_mut().remove(header::EXPECT);
    let mut response = upstream.request(request).await?;
    strip(response.headers_mut());
    Ok(response.map(BodyExt::boxed))
}

/// Headers that belong to one connection, not to the message.
fn strip(headers: &mut HeaderMap) {
    for name in [
        header::CONNECTION,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        header::TE,
        header::TRAILER,
    ] {
        headers.remove(name);
    }
    headers.remove("keep-alive");
}

fn whole(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never: Infallible| match never {}).boxed()
}

fn unreachable_upstream(error: &hyper_util::client::legacy::Error) -> Response<Body> {
    let mut response = Response::new(whole(Bytes::from(format!(
        "the cloud behind the strict cloud did not answer: {error}"
    ))));
    *response.status_mut() = http::StatusCode::BAD_GATEWAY;
    response
}
