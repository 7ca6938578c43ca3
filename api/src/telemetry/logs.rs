//! Log lines on standard output, written by a thread of its own so that a slow reader never slows a request.
//!
//! When the reader falls thousands of lines behind, lines are dropped rather than requests.

use std::{
    io::{self, Write},
    net::IpAddr,
    sync::{
        OnceLock,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    time::Duration,
};

use serde::Serialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tracing_subscriber::{
    Layer, filter::Targets, fmt::MakeWriter, layer::SubscriberExt, util::SubscriberInitExt,
};
use uuid::Uuid;

use crate::settings::{LogFormat, Settings};

/// Lines that may wait for the reader.
const WAITING: usize = 4096;

static LINES: OnceLock<(Lines, LogFormat)> = OnceLock::new();

enum Message {
    Line(Vec<u8>),
    /// Answered when everything before it is written.
    Flush(SyncSender<()>),
}

/// The way to the writing thread.
#[derive(Clone)]
struct Lines(SyncSender<Message>);

/// Starts logging. A second call changes nothing.
pub(crate) fn start(settings: &Settings) {
    let (sender, receiver) = sync_channel(WAITING);
    let lines = Lines(sender);
    if std::thread::Builder::new().name("log".to_owned()).spawn(move || write(&receiver)).is_err() {
        return;
    }
    let filter: Targets =
        settings.log.parse().unwrap_or_else(|_| Targets::new().with_default(tracing::Level::INFO));
    let events = tracing_subscriber::fmt::layer().with_writer(lines.clone());
    let events = match settings.log_format {
        LogFormat::Json => {
            events.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed()
        }
        LogFormat::Text => events.with_ansi(false).boxed(),
    };
    if tracing_subscriber::registry().with(events.with_filter(filter)).try_init().is_ok() {
        let _ = LINES.set((lines, settings.log_format));
        // A panic becomes a line like any other, not raw text between them.
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            tracing::error!(place, message = panic.payload_as_str().unwrap_or_default(), "panic");
        }));
    }
}

/// Waits, but not for ever, until everything logged so far is written.
pub(crate) fn finish() {
    let Some((lines, _)) = LINES.get() else { return };
    let (done, waiting) = sync_channel(1);
    if lines.0.try_send(Message::Flush(done)).is_ok() {
        let _ = waiting.recv_timeout(Duration::from_secs(1));
    }
}

/// The line that every request leaves.
#[derive(Serialize)]
pub(crate) struct Access<'a> {
    pub(crate) request_id: &'a str,
    pub(crate) trace_id: &'a str,
    pub(crate) span_id: &'a str,
    /// The header of an AWS load balancer, as it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) amazon_trace_id: Option<&'a str>,
    pub(crate) principal: &'a str,
    pub(crate) client: IpAddr,
    pub(crate) method: &'a str,
    pub(crate) route: &'a str,
    /// The id in the path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resource: Option<Uuid>,
    pub(crate) status: u16,
    pub(crate) microseconds: u64,
}

impl Access<'_> {
    /// Writes the line where the filter lets the target `access` through. It is written directly, because there is one
    /// for every request and the general way costs several times as much.
    pub(crate) fn log(&self) {
        if !tracing::enabled!(target: "access", tracing::Level::INFO) {
            return;
        }
        let Some((lines, format)) = LINES.get() else { return };
        let now = OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default();
        let Self { method, route, status, microseconds, request_id, .. } = self;
        let line = match format {
            LogFormat::Json => {
                let fields = serde_json::to_string(self).unwrap_or_default();
                let fields = fields.strip_prefix('{').unwrap_or_default();
                format!(
                    "{{\"timestamp\":\"{now}\",\"level\":\"INFO\",\"target\":\"access\",\"message\":\"answered\",{fields}\n"
                )
            }
            LogFormat::Text => format!(
                "{now}  INFO access: {method} {route} {status} {microseconds} us {request_id}\n"
            ),
        };
        lines.send(line.into_bytes());
    }
}

fn write(lines: &Receiver<Message>) {
    let mut output = io::stdout();
    let mut waiting = Vec::new();
    while let Ok(first) = lines.recv() {
        for message in std::iter::once(first).chain(lines.try_iter().take(256)) {
            match message {
                Message::Line(line) => waiting.extend_from_slice(&line),
                Message::Flush(done) => {
                    let _ = output.write_all(&waiting).and_then(|()| output.flush());
                    waiting.clear();
                    let _ = done.try_send(());
                }
            }
        }
        // Nobody to tell when standard output is gone.
        let _ = output.write_all(&waiting).and_then(|()| output.flush());
        waiting.clear();
    }
}

impl Lines {
    fn send(&self, line: Vec<u8>) {
        if self.0.try_send(Message::Line(line)).is_err() {
            super::metrics::log_line_dropped();
        }
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.send(line.to_vec());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
