//! What needs no Python: what is not judged passes untouched, calls are counted and survive their clients.

use std::time::Duration;

use strict::{Config, Running, Strict};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const SIGNED: &str = "Authorization: AWS4-HMAC-SHA256 Credential=AKID/20261121/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature=0\r\nContent-Type: application/x-www-form-urlencoded\r\n";

/// Answers every request with the request itself, and sends what it got.
async fn echo() -> (String, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let sender = sender.clone();
            tokio::spawn(async move {
                let mut buffer = vec![0; 65536];
                while let Ok(n @ 1..) = stream.read(&mut buffer).await {
                    let request = String::from_utf8_lossy(&buffer[..n]).into_owned();
                    let answer = format!(
                        "HTTP/1.1 200 OK\r\nX-Echo: yes\r\nContent-Length: {}\r\n\r\n{request}",
                        request.len()
                    );
                    let _ = sender.send(request);
                    let _ = stream.write_all(answer.as_bytes()).await;
                }
            });
        }
    });
    (url, receiver)
}

async fn ask(endpoint: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(endpoint.trim_start_matches("http://")).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

/// Sends a call and waits for no answer.
async fn send(running: &Running, body: &str) -> TcpStream {
    let place = running.endpoint.trim_start_matches("http://");
    let mut stream = TcpStream::connect(place).await.unwrap();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: x\r\n{SIGNED}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn passes_what_it_does_not_judge() {
    let (url, mut got) = echo().await;
    let running = Strict::start(Config::strict(url, 1.0)).await.unwrap();
    for path in ["/_alb/web/v1/payments?q=%2F", "/_ministack/health", "/health"] {
        let answer = ask(&running.endpoint, &format!("POST {path} HTTP/1.1\r\nHost: web.alb.localhost\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc")).await;
        let request = got.recv().await.unwrap();
        assert!(request.starts_with(&format!("POST {path} HTTP/1.1\r\n")), "{request}");
        assert!(request.to_lowercase().contains("host: web.alb.localhost"), "{request}");
        assert!(request.ends_with("\r\n\r\nabc"), "{request}");
        assert!(answer.contains("x-echo: yes") && answer.ends_with(&request), "{answer}");
    }
    assert_eq!(running.counts().total, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_client_is_gone_still_happens_and_is_logged() {
    let (url, mut got) = echo().await;
    let mut config = Config::transparent(url);
    config.delay = Duration::from_millis(200);
    let running = Strict::start(config).await.unwrap();
    let body = "Action=CreateVpc&CidrBlock=10.0.0.0%2F16";
    let stream = send(&running, body).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(stream);
    assert!(got.recv().await.unwrap().ends_with(body));
    while running.counts().total == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let calls = running.calls();
    assert_eq!(
        (calls[0].operation.as_str(), calls[0].status, calls[0].mutation),
        ("CreateVpc", 200, 1)
    );
    assert!(calls[0].elapsed_ms >= 200.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_call_whose_client_is_gone_never_happens() {
    let (url, mut got) = echo().await;
    let mut config = Config::transparent(url);
    config.faults = "hold-before:1".parse().unwrap();
    let running = Strict::start(config).await.unwrap();
    let body = "Action=CreateVpc";
    let stream = send(&running, body).await;
    assert_eq!(running.held().await, 1);
    drop(stream);
    while running.counts().total == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(
        (running.calls()[0].status, running.calls()[0].fault.as_deref()),
        (0, Some("hold-before"))
    );
    assert!(got.try_recv().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_calls_at_once() {
    let (url, mut got) = echo().await;
    tokio::spawn(async move { while got.recv().await.is_some() {} });
    let running = Strict::start(Config::transparent(url)).await.unwrap();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{SIGNED}Content-Length: 19\r\n\r\nAction=DescribeVpcs"
    );
    let calls = (0..200).map(|_| {
        let (endpoint, request) = (running.endpoint.clone(), request.clone());
        tokio::spawn(async move { ask(&endpoint, &request).await })
    });
    for call in calls.collect::<Vec<_>>() {
        assert!(call.await.unwrap().starts_with("HTTP/1.1 200"));
    }
    assert_eq!(running.counts().operations["ec2:DescribeVpcs"], 200);
    let mut numbers: Vec<_> = running.calls().iter().map(|c| c.seq).collect();
    numbers.dedup();
    assert_eq!(numbers, (1..=200).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_is_not_there() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let running =
        Strict::start(Config::transparent(format!("http://127.0.0.1:{port}"))).await.unwrap();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{SIGNED}Content-Length: 19\r\n\r\nAction=DescribeVpcs"
    );
    assert!(ask(&running.endpoint, &request).await.starts_with("HTTP/1.1 502"));
    assert!(Strict::start(Config::transparent("localhost:1")).await.is_err());
}
