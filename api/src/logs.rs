//! Log lines: JSON on standard output, written by a thread of its own so that a slow reader never slows a request.

use std::sync::Mutex;

use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::EnvFilter;

use crate::settings::{LogFormat, Settings};

/// Holds the writer until the process ends.
static WRITER: Mutex<Option<WorkerGuard>> = Mutex::new(None);

/// Starts logging. A second call changes nothing.
pub(crate) fn start(settings: &Settings) {
    let (output, guard) = tracing_appender::non_blocking(std::io::stdout());
    let filter = EnvFilter::try_new(&settings.log).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(output);
    let started = match settings.log_format {
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .try_init(),
        LogFormat::Text => builder.with_ansi(false).try_init(),
    };
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
