//! Log lines: JSON on standard output, written by a thread of its own so that a slow reader never slows a request.

use std::sync::Mutex;

use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::{Layer, filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

use crate::settings::{LogFormat, Settings};

/// Holds the writer until the process ends.
static WRITER: Mutex<Option<WorkerGuard>> = Mutex::new(None);

/// Starts logging. A second call changes nothing.
pub(crate) fn start(settings: &Settings) {
    let (output, guard) = tracing_appender::non_blocking(std::io::stdout());
    let filter: Targets = settings.log.parse().unwrap_or_else(|_| Targets::new().with_default(tracing::Level::INFO));
    let lines = tracing_subscriber::fmt::layer().with_writer(output);
    let lines = match settings.log_format {
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed(),
        LogFormat::Text => lines.with_ansi(false).boxed(),
    };
    let started = tracing_subscriber::registry().with(lines.with_filter(filter)).try_init();
    if started.is_ok()
        && let Ok(mut writer) = WRITER.lock()
    {
        *writer = Some(guard);
    }
}

/// Writes what is still buffered.
pub(crate) fn finish() {
    if let Ok(mut writer) = WRITER.lock() {
        writer.take();
    }
}
