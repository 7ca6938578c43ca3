//! Connections as bytes: answers come whatever else was sent, what cannot be parsed is answered and noted, and no
//! stranger takes the places or the memory of others.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    client::{Client, send},
    database::{Database, free_port},
    service::Service,
};

const CREATE: &str = "POST /create HTTP/1.1\r\nhost: x\r\nauthorization: Basic YWRtaW46Y29ycmVjdCBob3JzZQ==\r\n\
    content-type: application/json\r\ncontent-length: 18\r\n\r\n{\"payment\":\"1,00\"}";
/// Far more than an answer takes, far less than an idle connection is kept.
const SOON: Duration = Duration::from_secs(20);

async fn connect(service: &Service) -> TcpStream {
    TcpStream::connect(("127.0.0.1", service.port)).await.unwrap()
}

/// Reads until a text has come or the connection ends.
async fn read_until(stream: &mut TcpStream, wanted: &str) -> String {
    let mut seen = Vec::new();
    let reading = async {
        let mut buffer = vec![0; 16 * 1024];
        while !String::from_utf8_lossy(&seen).contains(wanted) {
            match stream.read(&mut buffer).await {
                Ok(length @ 1..) => seen.extend_from_slice(&buffer[..length]),
                _ => break,
            }
        }
    };
    let _ = tokio::time::timeout(SOON, reading).await;
    String::from_utf8_lossy(&seen).into_owned()
}

/// Waits until the other end has closed; false when it keeps the connection.
async fn is_closed(stream: &mut TcpStream, within: Duration) -> bool {
    let mut rest = Vec::new();
    tokio::time::timeout(within, stream.read_to_end(&mut rest)).await.is_ok()
}

/// An empty line behind a request (RFC 9112 section 2.2) or the beginning of the next one does not hold the answer back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_behind_a_request_do_not_hold_its_answer_back() {
    let database = Database::sqlite();
    let service = Service::start(&database, &[]).await;
    for behind in ["\r\n", "GET /li", "GET /livez HTTP/1.1\r\nhost: x\r\n", "\0"] {
        let mut stream = connect(&service).await;
        stream.write_all(format!("{CREATE}{behind}").as_bytes()).await.unwrap();
        let answer = read_until(&mut stream, "\"inserted\"").await;
        assert!(answer.starts_with("HTTP/1.1 201 "), "{behind:?}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_parsed_is_answered_logged_and_counted() {
    let database = Database::sqlite();
    let metrics = free_port();
    let port = metrics.to_string();
    let service = Service::start(&database, &[("METRICS_PORT", &port)]).await;
    let headers = "a: b\r\n".repeat(101);
    let cases = [
        ("431", format!("GET /livez HTTP/1.1\r\nhost: x\r\n{headers}\r\n")),
        ("414", format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(70_000))),
        ("431", format!("GET /livez HTTP/1.1\r\nhost: x\r\na: {}\r\n\r\n", "b".repeat(300_000))),
        ("400", "GET /livez HTTP/1.1\r\nhost: x\r\nno colon\r\n\r\n".to_owned()),
        ("400", "GET /livez HTTP/1.1\r\nhost: x\r\na: \x01\r\n\r\n".to_owned()),
        (
            "400",
            "POST /create HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab"
                .to_owned(),
        ),
    ];
    for (status, request) in &cases {
        let mut stream = connect(&service).await;
        // The server may close before everything was sent.
        let _ = stream.write_all(request.as_bytes()).await;
        let answer = read_until(&mut stream, "\r\n\r\n").await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{}: {answer:?}",
            &request[..60.min(request.len())]
        );
    }
    let noted = || {
        let logs = service.logs();
        logs.iter().filter(|line| line["target"] == "access" && line["route"] == "none").count()
    };
    let began = Instant::now();
    while noted() < cases.len() {
        assert!(began.elapsed() < SOON, "{:?}", service.logs());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(
        service.logs().iter().any(|line| line["status"] == 414 && line["client"] == "127.0.0.1")
    );
    let shown = Client::new(metrics).open("GET", "/metrics").await.unwrap().text;
    let counted = |status: &str| {
        shown.lines().any(|line| {
            line.starts_with("http_server_request_duration_seconds_count")
                && line.contains("http_route=\"none\"")
                && line.contains(&format!("status_code=\"{status}\""))
        })
    };
    assert!(counted("400") && counted("414") && counted("431"), "{shown}");
}

/// RFC 9112 section 3.2: one request, one host.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_names_one_host() {
    let database = Database::sqlite();
    let service = Service::start(&database, &[]).await;
    for (head, status) in [
        ("GET /livez HTTP/1.1\r\nhost: x\r\n\r\n", "200"),
        ("GET /livez HTTP/1.0\r\n\r\n", "200"),
        ("GET /livez HTTP/1.1\r\n\r\n", "400"),
        ("GET /livez HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n", "400"),
    ] {
        let mut stream = connect(&service).await;
        stream.write_all(head.as_bytes()).await.unwrap();
        let answer = read_until(&mut stream, "\r\n\r\n").await;
        assert_eq!(answer.get(9..12), Some(status), "{head:?}: {answer}");
    }
}

/// Half heads cost their senders the connection, and not the health check of others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_heads_do_not_keep_others_out() {
    let database = Database::sqlite();
    let settings = [
        ("MAX_CONNECTIONS", "20"),
        ("MAX_CONNECTIONS_PER_PEER", "20"),
        ("HEAD_TIMEOUT_MS", "60000"),
    ];
    let service = Service::start(&database, &settings).await;
    let mut halves = Vec::new();
    for _ in 0..60 {
        let mut stream = connect(&service).await;
        stream.write_all(b"GET /livez HTTP/1.1\r\nhost:").await.unwrap();
        halves.push(stream);
        assert_eq!(
            Client::new(service.port).open("GET", "/livez").await.map(|answer| answer.status),
            Some(200)
        );
    }
    assert!(is_closed(&mut halves[0], SOON).await, "the oldest gave no way");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_has_a_time_limit_once_it_has_begun() {
    let database = Database::sqlite();
    let service = Service::start(&database, &[("HEAD_TIMEOUT_MS", "300")]).await;
    let mut half = connect(&service).await;
    half.write_all(b"GET /li").await.unwrap();
    assert!(is_closed(&mut half, SOON).await, "half a head is kept");
    // A connection that waits for its next request is kept, as load balancers expect.
    let mut idle = connect(&service).await;
    for _ in 0..3 {
        idle.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        assert!(read_until(&mut idle, "\"pass\"").await.contains(" 200 "));
        tokio::time::sleep(Duration::from_millis(600)).await;
    }
    idle.write_all(b"GET /livez HTTP/1.1\r\n").await.unwrap();
    assert!(is_closed(&mut idle, SOON).await, "half a head on a used connection is kept");
}

/// Clients that do not read.
const READERS: usize = 150;

/// Large answers that nobody reads: their memory is bounded, they keep their places, and in the end they are given up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_nobody_takes_are_given_up() {
    let database = Database::sqlite();
    let metrics = free_port();
    let port = metrics.to_string();
    let settings = [
        ("ANSWER_TIMEOUT_MS", "15000"),
        ("RATE_LIMIT_PER_MINUTE", "0"),
        ("METRICS_PORT", port.as_str()),
    ];
    let service = Service::start(&database, &settings).await;
    let filling = "x".repeat(31_000);
    for _ in 0..40 {
        let body = json!({ "payment": "1,00", "data": filling });
        assert_eq!(service.client.post("/create", body).await.status, 201);
    }
    let before = resident(&service);
    let mut slow = Vec::new();
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..READERS {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut stream = socket.connect(([127, 0, 0, 1], service.port).into()).await.unwrap();
        let request = "GET /list?limit=100 HTTP/1.1\r\nhost: x\r\nauthorization: Basic YWRtaW46Y29ycmVjdCBob3JzZQ==\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).await.unwrap();
        match &status[9..] {
            b"200" => taken += 1,
            b"503" => refused += 1,
            other => panic!("{other:?}"),
        }
        slow.push(stream);
    }
    let grown = resident(&service).saturating_sub(before);
    assert!(grown < 150, "{taken} slow readers took {grown} MB");
    assert!(refused > 0, "answers of {taken} MB were held for slow readers");
    let active = async || {
        let shown = Client::new(metrics).open("GET", "/metrics").await.unwrap().text;
        let line = shown.lines().find(|line| line.starts_with("http_server_active_requests "));
        line.unwrap().rsplit(' ').next().unwrap().parse::<usize>().unwrap()
    };
    assert!(active().await > 0, "the places of answers in progress are free");
    let began = Instant::now();
    while active().await > 0 {
        assert!(began.elapsed() < SOON * 4, "answers that nobody takes are kept");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(service.client.get("/list?limit=1").await.status, 200);
    let again = service.client.get("/list?limit=100").await;
    assert_eq!(again.status, 200, "{}", again.text);
}

/// Megabytes of memory.
fn resident(service: &Service) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", service.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

/// Names of buckets are addresses, however long the header is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_headers_of_strangers_are_not_kept() {
    let database = Database::sqlite();
    let service = Service::start(&database, &[("TRUSTED_PROXIES", "127.0.0.0/8")]).await;
    let guess = async |number: u32| {
        let header = format!("{number:x>60000}");
        let request = service.client.bare("GET", "/list").header("x-forwarded-for", header);
        send(request.basic_auth("admin", Some("wrong"))).await.status
    };
    guess(0).await;
    let before = resident(&service);
    for number in 0..1_000 {
        assert!([401, 429].contains(&guess(number).await));
    }
    let grown = resident(&service).saturating_sub(before);
    assert!(grown < 20, "strangers took {grown} MB");
}
