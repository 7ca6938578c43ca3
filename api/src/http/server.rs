//! Accepting connections, bounding what each may take, and letting go of them without dropping a request.

mod connections;
mod stream;

use std::{
    convert::Infallible,
    future::poll_fn,
    io,
    net::{IpAddr, SocketAddr},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    response::Response,
};
use futures::FutureExt;
use http::Request;
use hyper::{
    body::{Body as HttpBody, Frame, Incoming, SizeHint},
    server::conn::http1,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::Service;

use connections::{Connections, InRequest, Slot};
use stream::Stream;

/// Longer than the 60 s for which an Application Load Balancer keeps idle connections, so that it is the one that closes
/// them ("Edit attributes for your Application Load Balancer", connection idle timeout).
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// Largest head. An Application Load Balancer takes 64 KB of headers at most ("Quotas for your Application Load Balancers").
const HEAD_LIMIT: usize = 128 * 1024;
/// A refused connection is read for so long, so that the client sees the answer instead of a reset.
const LINGER: Duration = Duration::from_secs(1);

/// What clients may take of a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) connections: usize,
    pub(crate) connections_per_peer: usize,
    /// From the first byte of a request's head to its last.
    pub(crate) head: Duration,
    /// For the client to take an answer, from the moment it falls behind.
    pub(crate) answer: Duration,
}

/// The address of the socket's other end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Serves until `stop` is cancelled, then waits at most `patience` for the requests in progress.
/// Returns the number of connections that were cut.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    stop: CancellationToken,
    patience: Duration,
) -> usize {
    let connections = Arc::new(Connections::new(limits.connections, limits.connections_per_peer));
    let tasks = TaskTracker::new();
    let begin = |stream, peer: SocketAddr| {
        // A dual-stack socket shows IPv4 addresses inside IPv6 ones.
        let peer = peer.ip().to_canonical();
        if let Some(slot) = connections.admit(peer) {
            tasks.spawn(drive(stream, peer, slot, router.clone(), limits, stop.clone()));
        }
    };
    let mut stopped = pin!(stop.cancelled());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stopped => break,
        };
        match accepted {
            Ok((stream, peer)) => begin(stream, peer),
            Err(error) => {
                // Out of file descriptors, most likely: accepting again at once would only spin.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    // Closing the socket would reset those that wait to be accepted.
    while let Some(Ok((stream, peer))) = listener.accept().now_or_never() {
        begin(stream, peer);
    }
    drop(listener);
    tasks.close();
    match tokio::time::timeout(patience, tasks.wait()).await {
        Ok(()) => 0,
        Err(_) => tasks.len(),
    }
}

/// Answers the requests of one connection.
async fn drive(
    stream: TcpStream,
    peer: IpAddr,
    slot: Slot,
    router: Router,
    limits: Limits,
    stop: CancellationToken,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY was refused");
    }
    let slot = Arc::new(slot);
    let io = TokioIo::new(Stream::new(stream, Arc::clone(&slot), limits));
    let answering = Answering { router, peer, slot: Arc::clone(&slot) };
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_TIMEOUT)
        .max_buf_size(HEAD_LIMIT)
        .serve_connection(io, answering);
    let mut stopped = pin!(stop.cancelled());
    let mut evicted = pin!(slot.evicted());
    let (mut leaving, mut gives_way) = (false, false);
    let outcome = poll_fn(|cx| {
        if !leaving && stopped.as_mut().poll(cx).is_ready() {
            leaving = true;
            Pin::new(&mut connection).graceful_shutdown();
        }
        if !gives_way && evicted.as_mut().poll(cx).is_ready() {
            gives_way = true;
            // A request that came in the same moment is answered first.
            Pin::new(&mut connection).graceful_shutdown();
        }
        if gives_way && !slot.is_busy() {
            return Poll::Ready(Ok(()));
        }
        connection.poll_without_shutdown(cx)
    })
    .await;
    let mut stream = connection.into_parts().io.into_inner();
    match outcome {
        Ok(()) => {
            let _ = tokio::io::AsyncWriteExt::shutdown(&mut stream).await;
        }
        Err(error) if error.is_parse() => {
            tracing::debug!(%error, "a request could not be parsed");
            crate::http::context::refused_by_parser(stream.last_status(), peer);
            let _ = tokio::time::timeout(LINGER, stream.linger()).await;
        }
        Err(error) => tracing::debug!(%error, "a connection ended early"),
    }
}

/// The router as hyper calls it: every request knows its peer and marks its connection as busy.
struct Answering {
    router: Router,
    peer: IpAddr,
    slot: Arc<Slot>,
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<Held>, Infallible>> + Send>>;

impl hyper::service::Service<Request<Incoming>> for Answering {
    type Response = Response<Held>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, request: Request<Incoming>) -> Answer {
        let busy = self.slot.begin();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(self.peer));
        let answer = self.router.clone().call(request);
        Box::pin(async move {
            let Ok(response) = answer.await;
            Ok(response.map(|body| Held { body, _busy: busy }))
        })
    }
}

/// The body of an answer; the connection counts as busy until hyper has taken all of it.
struct Held {
    body: Body,
    _busy: InRequest,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Raises the limit of open files to what the system allows, and returns it.
pub(crate) fn raise_file_limit() -> io::Result<Option<u64>> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    Ok(maximum)
}
