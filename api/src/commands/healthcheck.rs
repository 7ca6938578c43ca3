//! `healthcheck`: asks `/livez` on this machine, for images that have no shell and no curl.

use std::{net::Ipv4Addr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::Failure;
use crate::settings::Settings;

pub(super) async fn healthcheck(settings: &Settings) -> Result<(), Failure> {
    let answer = tokio::time::timeout(Duration::from_secs(3), ask(settings.port)).await;
    match answer {
        Ok(Ok(line)) if line.starts_with("HTTP/1.1 200") => Ok(()),
        Ok(Ok(line)) => Err(Failure::new(format!("port {} answered {line:?}", settings.port))),
        Ok(Err(error)) => {
            Err(Failure::new(format!("port {} does not answer: {error}", settings.port)))
        }
        Err(_) => Err(Failure::new(format!("port {} did not answer within 3 s", settings.port))),
    }
}

async fn ask(port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    stream
        .write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await?;
    let mut answer = Vec::new();
    stream.take(4096).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned())
}
