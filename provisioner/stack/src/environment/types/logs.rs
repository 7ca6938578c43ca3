//! What happens to what the services print.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What happens to logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Logs {
    /// Days after which log lines are deleted: one of the values that CloudWatch Logs takes, such as 7, 30, 90 or 365.
    #[schemars(extend("enum" = RETENTIONS))]
    pub retention: u16,
    /// What happens while CloudWatch Logs takes no lines: `non-blocking` goes on and drops the oldest ones when `buffer` is full, `blocking` stops the program at its next line.
    pub mode: Delivery,
    /// How much a task keeps in memory in the mode `non-blocking` until it is sent, such as `25m`: 1m to 1g.
    #[schemars(regex(pattern = "^[0-9]+[kmg]$"))]
    pub buffer: String,
    /// A regular expression for the first line of a message that has several, such as `^[0-9]{4}-`. Left out, each line is a message.
    #[schemars(length(min = 1, max = 1024))]
    pub multiline: Option<String>,
}

/// What a program that prints has to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    /// Waits until CloudWatch Logs has the line: none is lost, and an outage of it stops the service.
    Blocking,
    /// Never waits. Lines wait in a buffer, and are lost when it is full.
    NonBlocking,
}

impl Delivery {
    /// As the log driver calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Blocking => "blocking",
            Self::NonBlocking => "non-blocking",
        }
    }
}

/// The days of retention that CloudWatch Logs accepts (API reference, PutRetentionPolicy).
pub const RETENTIONS: [u16; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];

impl Default for Logs {
    /// ECS's own default is `non-blocking` since 25 June 2025 (Developer Guide, "Default log driver mode"), and any account
    /// may set another, so it is said here. Payments must go on while CloudWatch Logs does not answer; what must not be
    /// lost is in the database. 25m is the size at which AWS lost nothing at the rates that it tried (AWS Containers
    /// blog, "Preventing log loss with non-blocking mode in the AWSLogs container log driver").
    fn default() -> Self {
        let (mode, buffer) = (Delivery::NonBlocking, "25m".to_owned());
        Self { retention: 30, mode, buffer, multiline: None }
    }
}
