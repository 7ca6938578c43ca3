//! Requests through a load balancer, alone and as a load.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What a load got: an answer's status, or 0 where there was none, and how often.
pub(crate) type Answers = BTreeMap<u16, u32>;

/// One request. Status and body; none when the connection ended without an answer.
pub(crate) fn request(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Option<(u16, String)> {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let headers = headers
        .iter()
        .fold(String::new(), |text, (name, value)| text + &format!("{name}: {value}\r\n"));
    let length = body.len();
    write!(
        stream,
        "{method} /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    )
    .ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

/// Asks again until it is answered well, for as long as a slow machine may need.
pub(crate) fn answered(url: &str) -> String {
    let mut answer = None;
    let is_fine = soon(|| {
        answer = request("GET", url, &[], "").filter(|(status, _)| *status == 200);
        answer.is_some()
    });
    assert!(is_fine, "{url} never answered");
    answer.unwrap().1
}

/// Whether this becomes true, within what a slow machine may need.
pub(crate) fn soon(mut is_true: impl FnMut() -> bool) -> bool {
    (0..300).any(|_| {
        let now = is_true();
        if !now {
            std::thread::sleep(Duration::from_millis(100));
        }
        now
    })
}

/// Asks in a loop while `work` goes on.
pub(crate) fn under_load<T>(url: &str, work: impl FnOnce() -> T) -> (T, Answers) {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let load = scope.spawn(|| {
            let mut answers = Answers::new();
            while !over.load(Ordering::Relaxed) {
                let status = request("GET", url, &[], "").map_or(0, |(status, _)| status);
                *answers.entry(status).or_default() += 1;
            }
            answers
        });
        let ends = Ends(&over);
        let done = work();
        drop(ends);
        (done, load.join().unwrap())
    })
}

/// Ends the load, also when the test fails half-way.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
