//! `healthcheck`: asks `/livez` on this machine, for images that have no shell and no curl.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::Failure;
use crate::settings::Settings;

pub(super) async fn healthcheck(settings: &Settings) -> Result<(), Failure> {
    let host = match settings.host {
        host if host.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        host => host,
    };
    let address = SocketAddr::new(host, settings.port);
    match tokio::time::timeout(Duration::from_secs(3), ask(address)).await {
        Ok(Ok(line)) if line.starts_with("HTTP/1.1 200") => Ok(()),
        Ok(Ok(line)) => Err(Failure::new(format!("{address} answered {line:?}"))),
        Ok(Err(error)) => Err(Failure::new(format!("{address} does not answer: {error}"))),
        Err(_) => Err(Failure::new(format!("{address} did not answer within 3 s"))),
    }
}

async fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream
        .write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await?;
    let mut answer = Vec::new();
    stream.take(4096).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned())
}
