//! What containers wrote, as CloudWatch Logs keeps it.

use aws_sdk_cloudwatchlogs::types::{FilteredLogEvent, OutputLogEvent};
use engine::Result;
use serde::{Deserialize, Serialize};

use crate::Aws;
use crate::error::error;

/// One line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogEvent {
    /// When it was written, in milliseconds since 1970.
    pub timestamp: i64,
    /// `api/api/0a1b2c`: prefix, container and task, where ECS writes it.
    pub stream: String,
    pub message: String,
    /// Tells two equal lines of a moment apart; empty where CloudWatch gives none.
    pub id: String,
}

/// Which lines to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogQuery {
    pub group: String,
    pub streams: Streams,
    /// In milliseconds since 1970, and with those of that moment.
    pub since: Option<i64>,
    /// In milliseconds since 1970, and without those of that moment.
    pub until: Option<i64>,
    /// In CloudWatch's filter syntax; empty for all lines.
    pub filter: String,
}

/// Whose lines to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Streams {
    #[default]
    All,
    /// Up to a hundred (API reference, FilterLogEvents).
    Named(Vec<String>),
    /// Those whose names begin so.
    Prefixed(String),
}

/// Some of the lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogPage {
    /// In the order of time. May be empty although more follow.
    pub events: Vec<LogEvent>,
    /// To be given to the next call; `None` when these were the last for now.
    pub next: Option<String>,
}

impl Aws {
    /// One page of lines from several streams.
    ///
    /// # Errors
    /// [`engine::Class::Absent`] when the group, or a stream that is named, is not there (yet).
    pub async fn log_events(&self, query: &LogQuery, next: Option<&str>) -> Result<LogPage> {
        let call = self.read().logs.filter_log_events().log_group_name(&query.group);
        let call = match &query.streams {
            Streams::All => call,
            Streams::Named(names) => call.set_log_stream_names(Some(names.clone())),
            Streams::Prefixed(prefix) => call.log_stream_name_prefix(prefix),
        };
        let answer = call
            .set_start_time(query.since)
            // CloudWatch's bound is one of those that are read.
            .set_end_time(query.until.map(|until| until - 1))
            .set_filter_pattern((!query.filter.is_empty()).then(|| query.filter.clone()))
            .set_next_token(next.map(Into::into))
            .send()
            .await
            .map_err(|e| error("logs:FilterLogEvents", e))?;
        let mut events: Vec<LogEvent> =
            answer.events.unwrap_or_default().into_iter().map(filtered).collect();
        if let Streams::Prefixed(prefix) = &query.streams {
            // An emulator overlooks it.
            events.retain(|event| event.stream.starts_with(prefix));
        }
        events.sort_by_key(|event| event.timestamp);
        Ok(LogPage { events, next: answer.next_token })
    }

    /// The lines of one stream that follow those of an earlier call, and the token for the next one.
    /// Without a token, from its first line on. In the order in which CloudWatch took them in, so a line
    /// that comes late is not lost.
    ///
    /// # Errors
    /// [`engine::Class::Absent`] when the group or the stream is not there (yet).
    pub async fn next_log_events(
        &self,
        group: &str,
        stream: &str,
        token: Option<&str>,
    ) -> Result<(Vec<LogEvent>, Option<String>)> {
        let call = self.read().logs.get_log_events().log_group_name(group).log_stream_name(stream);
        let page = call
            .start_from_head(true)
            .set_next_token(token.map(Into::into))
            .send()
            .await
            .map_err(|e| error("logs:GetLogEvents", e))?;
        let events = page.events.unwrap_or_default();
        let events = events.into_iter().map(|event| written(stream, event)).collect();
        Ok((events, page.next_forward_token))
    }

    /// The last lines of one stream, not more than `count`, in the order of time.
    ///
    /// # Errors
    /// [`engine::Class::Absent`] when the group or the stream is not there.
    pub async fn last_log_events(
        &self,
        group: &str,
        stream: &str,
        count: usize,
    ) -> Result<Vec<LogEvent>> {
        let mut lines: Vec<LogEvent> = Vec::new();
        let mut token: Option<String> = None;
        while lines.len() < count {
            let wanted = i32::try_from(count - lines.len()).unwrap_or(i32::MAX).min(PAGE);
            let call = self.read().logs.get_log_events().log_group_name(group);
            let page = call
                .log_stream_name(stream)
                .start_from_head(false)
                .limit(wanted)
                .set_next_token(token.clone())
                .send()
                .await
                .map_err(|e| error("logs:GetLogEvents", e))?;
            let earlier = page.events.unwrap_or_default();
            let earlier = earlier.into_iter().map(|event| written(stream, event));
            lines.splice(0..0, earlier);
            // The same token again means that there is nothing before it; a page may be empty while
            // there is (API reference, GetLogEvents).
            if page.next_backward_token.is_none() || page.next_backward_token == token {
                break;
            }
            token = page.next_backward_token;
        }
        lines.drain(..lines.len().saturating_sub(count));
        Ok(lines)
    }
}

/// The most that GetLogEvents returns.
const PAGE: i32 = 10_000;

fn filtered(event: FilteredLogEvent) -> LogEvent {
    LogEvent {
        timestamp: event.timestamp.unwrap_or_default(),
        stream: event.log_stream_name.unwrap_or_default(),
        message: event.message.unwrap_or_default(),
        id: event.event_id.unwrap_or_default(),
    }
}

fn written(stream: &str, event: OutputLogEvent) -> LogEvent {
    LogEvent {
        timestamp: event.timestamp.unwrap_or_default(),
        stream: stream.into(),
        message: event.message.unwrap_or_default(),
        id: String::new(),
    }
}
