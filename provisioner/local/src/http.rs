//! One HTTP request over a loopback port or a Unix socket: health checks and the Docker engine need no more.

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

/// Answers are small; an image load's progress is the longest.
const LONGEST: usize = 4 * 1024 * 1024;

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// A status and a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body, as text.
    pub body: String,
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Sends one request on a connection of its own. Fails with a sentence: refused, timed out, not HTTP.
pub(crate) async fn send(
    place: &Place,
    method: Method,
    path: &str,
    content: Option<(&str, Vec<u8>)>,
    within: Duration,
) -> Result<Answer, String> {
    let (host, io): (String, Box<dyn Stream>) = match place {
        Place::Tcp(address) => {
            let stream = limit(within, TcpStream::connect(address)).await?;
            (address.to_string(), Box::new(stream.map_err(|error| error.to_string())?))
        }
        Place::Unix(path) => {
            let stream = limit(within, UnixStream::connect(path)).await?;
            ("docker".to_owned(), Box::new(stream.map_err(|error| error.to_string())?))
        }
    };
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", host)
        .header("connection", "close");
    let body = match content {
        Some((kind, bytes)) => {
            request = request.header("content-type", kind);
            bytes
        }
        None => Vec::new(),
    };
    let request = request.body(Full::new(Bytes::from(body))).map_err(|error| error.to_string())?;
    limit(within, exchange(io, request)).await?
}

async fn exchange(io: Box<dyn Stream>, request: Request<Full<Bytes>>) -> Result<Answer, String> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(io))
        .await
        .map_err(|error| error.to_string())?;
    let driver = tokio::spawn(connection);
    let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), LONGEST)
        .collect()
        .await
        .map_err(|error| error.to_string())?;
    driver.abort();
    Ok(Answer { status, body: String::from_utf8_lossy(&body.to_bytes()).into_owned() })
}

async fn limit<T>(within: Duration, work: impl Future<Output = T>) -> Result<T, String> {
    tokio::time::timeout(within, work)
        .await
        .map_err(|_| format!("no answer within {} ms", within.as_millis()))
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}
