//! The wires: connections in, the emulator behind, and what passes between them untouched.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

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

use crate::cloud::Cloud;
use crate::exchange::Exchange;
use crate::registry;
use crate::wire::{self, Request};

pub(crate) type Body = BoxBody<Bytes, hyper::Error>;
pub(crate) type Upstream = Client<HttpConnector, Body>;

/// Why a connection ends without an answer.
#[derive(Debug, Error)]
pub(crate) enum Cut {
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
    if parts.uri.path().starts_with("/v2/") {
        return registry::answer(cloud, upstream, parts, body).await;
    }
    if wire::signature::Scope::of(&parts).is_none() {
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

/// Passes a request on; a reset of the emulator also resets what is known of it.
async fn pass(cloud: &Cloud, upstream: &Upstream, parts: &Parts, body: Body) -> Response<Body> {
    if matches!(parts.uri.path(), "/_ministack/reset" | "/moto-api/reset") {
        cloud.forget();
    }
    forward(cloud, upstream, parts, body).await.unwrap_or_else(|error| unreachable_upstream(&error))
}

pub(crate) async fn forward(
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

pub(crate) fn whole(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never: Infallible| match never {}).boxed()
}

pub(crate) fn unreachable_upstream(error: &hyper_util::client::legacy::Error) -> Response<Body> {
    let mut response = Response::new(whole(Bytes::from(format!(
        "the cloud behind the strict cloud did not answer: {error}"
    ))));
    *response.status_mut() = http::StatusCode::BAD_GATEWAY;
    response
}
