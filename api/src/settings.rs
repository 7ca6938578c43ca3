//! Every setting: its flag, environment variable, unit and default; and the rules that stop a wrong one at start.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use clap::{Args, ValueEnum};
use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

/// A setting that cannot be used. The text names the variable and never holds a secret.
#[derive(Debug, Error)]
#[error("{variable}: {reason}")]
pub(crate) struct SettingError {
    pub variable: &'static str,
    pub reason: String,
}

/// Whether `POST` needs an idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Idempotency {
    Optional,
    Required,
}

/// What stands between the service and Postgres.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Pooler {
    /// Nothing, or something that keeps a connection for each of ours.
    None,
    /// Something that lends a connection for one transaction: PgBouncer in transaction mode, RDS Proxy.
    Transaction,
}

/// The shape of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Json,
    Text,
}

/// The shape of new trace ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TraceIds {
    W3c,
    Xray,
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Settings")]
pub(crate) struct Settings {
    /// Address to listen on
    #[arg(long, env = "HOST", default_value = "0.0.0.0", hide_env_values = true)]
    pub host: IpAddr,
    /// Port of the API
    #[arg(long, env = "PORT", default_value_t = 8000, hide_env_values = true)]
    pub port: u16,
    /// Address of GET /metrics, which asks for no credentials
    #[arg(long, env = "METRICS_HOST", default_value = "127.0.0.1", hide_env_values = true)]
    pub metrics_host: IpAddr,
    /// Port of GET /metrics; 0 switches it off [default: 9090 when it is free]
    #[arg(long, env = "METRICS_PORT", hide_env_values = true)]
    pub metrics_port: Option<u16>,
    /// Where payments are kept: postgres://user:password@host/name or sqlite://file
    #[arg(
        long,
        env = "DATABASE_URL",
        default_value = "sqlite://payments.db",
        hide_env_values = true
    )]
    pub database_url: SecretString,
    /// Accept that payments are lost with this container: allows SQLite without a volume, shared by several processes
    #[arg(long, env = "DATABASE_EPHEMERAL", default_value_t = false, num_args = 0..=1, default_missing_value = "true", action = clap::ArgAction::Set, hide_env_values = true)]
    pub database_ephemeral: bool,
    /// What stands before Postgres: transaction for PgBouncer's transaction mode or RDS Proxy
    #[arg(
        long,
        env = "DATABASE_POOLER",
        value_enum,
        default_value = "none",
        hide_env_values = true
    )]
    pub database_pooler: Pooler,
    /// File with the database's URL, which is read again when the server refuses the password; instead of DATABASE_URL
    #[arg(long, env = "DATABASE_URL_FILE", hide_env_values = true)]
    pub database_url_file: Option<PathBuf>,
    /// Connections to the database
    #[arg(long, env = "DATABASE_POOL", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=500), hide_env_values = true)]
    pub database_pool: u32,
    /// Longest wait for a free connection, milliseconds
    #[arg(long, env = "DATABASE_ACQUIRE_TIMEOUT_MS", default_value = "1000", value_parser = millis, hide_env_values = true)]
    pub database_acquire_timeout: Duration,
    /// Name of the administrator (HTTP Basic)
    #[arg(long, env = "ADMIN_USER", hide_env_values = true)]
    pub admin_user: Option<String>,
    /// Password of the administrator, plain or as an Argon2 PHC string ($argon2id$...)
    #[arg(long, env = "ADMIN_PASS", hide_env_values = true)]
    pub admin_pass: Option<SecretString>,
    /// OpenID Connect issuer whose bearer tokens are accepted (https://...)
    #[arg(long, env = "OIDC_ISSUER", hide_env_values = true)]
    pub oidc_issuer: Option<String>,
    /// Audience that bearer tokens must name; required with OIDC_ISSUER
    #[arg(long, env = "OIDC_AUDIENCE", hide_env_values = true)]
    pub oidc_audience: Option<String>,
    /// Whether POST needs an Idempotency-Key
    #[arg(
        long,
        env = "IDEMPOTENCY",
        value_enum,
        default_value = "optional",
        hide_env_values = true
    )]
    pub idempotency: Idempotency,
    /// How long an idempotency key is remembered, seconds
    #[arg(long, env = "IDEMPOTENCY_TTL_SECONDS", default_value = "86400", value_parser = seconds, hide_env_values = true)]
    pub idempotency_ttl: Duration,
    /// Refuse changes of /v1/payments without If-Match (428)
    #[arg(long, env = "REQUIRE_IF_MATCH", default_value_t = false, num_args = 0..=1, default_missing_value = "true", action = clap::ArgAction::Set, hide_env_values = true)]
    pub require_if_match: bool,
    /// Let consumed payments be deleted
    #[arg(long, env = "ALLOW_DELETE_CONSUMED", default_value_t = false, num_args = 0..=1, default_missing_value = "true", action = clap::ArgAction::Set, hide_env_values = true)]
    pub allow_delete_consumed: bool,
    /// Requests per minute of one principal over all tasks; 0 is without limit
    #[arg(long, env = "RATE_LIMIT_PER_MINUTE", default_value_t = 6000, hide_env_values = true)]
    pub rate_limit: u64,
    /// Requests in progress at once; more are answered 503
    #[arg(long, env = "MAX_IN_FLIGHT", default_value_t = 512, hide_env_values = true)]
    pub max_in_flight: usize,
    /// Connections at once; when there are more, the one that has been idle for longest is closed
    #[arg(long, env = "MAX_CONNECTIONS", default_value_t = 1000, hide_env_values = true)]
    pub max_connections: usize,
    /// Connections at once from one address
    #[arg(long, env = "MAX_CONNECTIONS_PER_PEER", default_value_t = 500, hide_env_values = true)]
    pub max_connections_per_peer: usize,
    /// Longest time from the first byte of a request's head to its last, milliseconds
    #[arg(long, env = "HEAD_TIMEOUT_MS", default_value = "10000", value_parser = millis, hide_env_values = true)]
    pub head_timeout: Duration,
    /// Longest time for a client that falls behind to take an answer, milliseconds
    #[arg(long, env = "ANSWER_TIMEOUT_MS", default_value = "30000", value_parser = millis, hide_env_values = true)]
    pub answer_timeout: Duration,
    /// Proxies whose X-Forwarded-For is believed, such as 10.0.0.0/16,192.0.2.7
    #[arg(long, env = "TRUSTED_PROXIES", value_delimiter = ',', value_parser = network, hide_env_values = true)]
    pub trusted_proxies: Vec<IpNet>,
    /// Longest time of one request, milliseconds
    #[arg(long, env = "REQUEST_TIMEOUT_MS", default_value = "5000", value_parser = millis, hide_env_values = true)]
    pub request_timeout: Duration,
    /// Largest body, bytes
    #[arg(long, env = "BODY_LIMIT_BYTES", default_value_t = 32_768, hide_env_values = true)]
    pub body_limit: usize,
    /// Payments kept in the read cache; 0 switches it off
    #[arg(long, env = "CACHE_ENTRIES", default_value_t = 10_000, hide_env_values = true)]
    pub cache_entries: u64,
    /// How long the circuit breaker stays open before it probes the database, milliseconds
    #[arg(long, env = "BREAKER_OPEN_MS", default_value = "1000", value_parser = millis, hide_env_values = true)]
    pub breaker_open: Duration,
    /// After SIGTERM: time during which health checks fail but requests are still accepted, seconds
    #[arg(long, env = "DRAIN_SECONDS", default_value = "5", value_parser = seconds, hide_env_values = true)]
    pub drain: Duration,
    /// After draining: longest time for requests in progress, seconds
    #[arg(long, env = "SHUTDOWN_TIMEOUT_SECONDS", default_value = "20", value_parser = seconds, hide_env_values = true)]
    pub shutdown_timeout: Duration,
    /// Where status changes are sent (https://...); off when absent
    #[arg(long, env = "WEBHOOK_URL", hide_env_values = true)]
    pub webhook_url: Option<SecretString>,
    /// Standard Webhooks secret (whsec_ and base64); required with WEBHOOK_URL
    #[arg(long, env = "WEBHOOK_SECRET", hide_env_values = true)]
    pub webhook_secret: Option<SecretString>,
    /// How long a delivery is tried before it is given up, seconds
    #[arg(long, env = "WEBHOOK_GIVE_UP_SECONDS", default_value = "259200", value_parser = seconds, hide_env_values = true)]
    pub webhook_give_up: Duration,
    /// OTLP/HTTP endpoint for traces, such as http://localhost:4318; off when absent
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", hide_env_values = true)]
    pub otlp_endpoint: Option<String>,
    /// Share of new traces that is recorded, 0 to 1
    #[arg(long, env = "TRACE_SAMPLE", default_value_t = 0.05, hide_env_values = true)]
    pub trace_sample: f64,
    /// Shape of new trace ids
    #[arg(long, env = "TRACE_IDS", value_enum, default_value = "w3c", hide_env_values = true)]
    pub trace_ids: TraceIds,
    /// Log filter, such as info or info,api=debug
    #[arg(long, env = "LOG", default_value = "info", hide_env_values = true)]
    pub log: String,
    /// Shape of log lines
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value = "json", hide_env_values = true)]
    pub log_format: LogFormat,
    /// Version that GET /status reports
    #[arg(long, env = "RELEASE_VERSION", default_value = env!("CARGO_PKG_VERSION"), hide_env_values = true)]
    pub release_version: String,
}

impl Settings {
    /// Judges what the command line parser cannot: rules between settings and secrets.
    ///
    /// # Errors
    /// The first wrong setting.
    pub(crate) fn check(&self) -> Result<(), SettingError> {
        let user = self.admin_user.as_deref().unwrap_or_default();
        required("ADMIN_USER", user, "is required: the name of the administrator for HTTP Basic")?;
        if user.contains(':') {
            return Err(wrong(
                "ADMIN_USER",
                "cannot contain ':', because HTTP Basic ends the name there",
            ));
        }
        let pass = self.admin_pass.as_ref().map(ExposeSecret::expose_secret).unwrap_or_default();
        required(
            "ADMIN_PASS",
            pass,
            "is required: the password of the administrator, plain or as $argon2id$...",
        )?;
        if pass.starts_with("$argon2") && argon2::PasswordHash::new(pass).is_err() {
            return Err(wrong("ADMIN_PASS", "starts like an Argon2 PHC string but is not one"));
        }
        if let Some(issuer) = &self.oidc_issuer {
            http_url("OIDC_ISSUER", issuer)?;
            required(
                "OIDC_AUDIENCE",
                self.oidc_audience.as_deref().unwrap_or_default(),
                "is required with OIDC_ISSUER",
            )?;
        }
        if let Some(url) = &self.webhook_url {
            http_url("WEBHOOK_URL", url.expose_secret())?;
            let secret =
                self.webhook_secret.as_ref().map(ExposeSecret::expose_secret).unwrap_or_default();
            required("WEBHOOK_SECRET", secret, "is required with WEBHOOK_URL")?;
            signing_key(secret).ok_or_else(|| {
                wrong("WEBHOOK_SECRET", "is not whsec_ followed by the base64 of 24 to 64 bytes")
            })?;
        }
        if let Some(endpoint) = &self.otlp_endpoint {
            http_url("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)?;
        }
        if !(0.0..=1.0).contains(&self.trace_sample) {
            return Err(wrong("TRACE_SAMPLE", "is a share from 0 to 1"));
        }
        if self.log.parse::<tracing_subscriber::filter::Targets>().is_err() {
            return Err(wrong("LOG", "is a filter such as info or info,api=debug"));
        }
        self.check_ranges()?;
        self.check_database()
    }

    /// Zero, where it would refuse every request, and numbers that are slips of the finger.
    fn check_ranges(&self) -> Result<(), SettingError> {
        let size = |number: usize| u128::try_from(number).unwrap_or(u128::MAX);
        for (variable, value, range) in [
            ("REQUEST_TIMEOUT_MS", self.request_timeout.as_millis(), 1..=600_000),
            ("DATABASE_ACQUIRE_TIMEOUT_MS", self.database_acquire_timeout.as_millis(), 1..=600_000),
            ("BREAKER_OPEN_MS", self.breaker_open.as_millis(), 0..=600_000),
            ("IDEMPOTENCY_TTL_SECONDS", self.idempotency_ttl.as_secs().into(), 1..=31_622_400),
            ("WEBHOOK_GIVE_UP_SECONDS", self.webhook_give_up.as_secs().into(), 1..=31_622_400),
            ("DRAIN_SECONDS", self.drain.as_secs().into(), 0..=3600),
            ("SHUTDOWN_TIMEOUT_SECONDS", self.shutdown_timeout.as_secs().into(), 0..=3600),
            ("MAX_IN_FLIGHT", size(self.max_in_flight), 1..=1_000_000),
            ("MAX_CONNECTIONS", size(self.max_connections), 1..=1_000_000),
            ("MAX_CONNECTIONS_PER_PEER", size(self.max_connections_per_peer), 1..=1_000_000),
            ("HEAD_TIMEOUT_MS", self.head_timeout.as_millis(), 1..=600_000),
            ("ANSWER_TIMEOUT_MS", self.answer_timeout.as_millis(), 1..=3_600_000),
            ("BODY_LIMIT_BYTES", size(self.body_limit), 1..=16_777_216),
            ("RATE_LIMIT_PER_MINUTE", self.rate_limit.into(), 0..=1_000_000_000),
            ("CACHE_ENTRIES", self.cache_entries.into(), 0..=100_000_000),
        ] {
            if !range.contains(&value) {
                let (least, most) = range.into_inner();
                return Err(wrong(variable, format!("is a number from {least} to {most}")));
            }
        }
        Ok(())
    }

    /// Reads `DATABASE_URL_FILE`, when there is one, into `DATABASE_URL`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn read_files(&mut self) -> Result<(), SettingError> {
        if let Some(file) = &self.database_url_file {
            let url = read_url(file).map_err(|error| {
                wrong("DATABASE_URL_FILE", format!("{} cannot be read: {error}", file.display()))
            })?;
            self.database_url = url;
        }
        Ok(())
    }

    /// The database's host and port, for the log; empty for a file.
    pub(crate) fn database_host(&self) -> String {
        let url = reqwest::Url::parse(self.database_url.expose_secret()).ok();
        let host = url.as_ref().and_then(|url| Some((url.host_str()?, url.port())));
        match host {
            Some((host, Some(port))) => format!("{host}:{port}"),
            Some((host, None)) => host.to_owned(),
            None => String::new(),
        }
    }

    /// Judges `DATABASE_URL` alone, which is all that `migrate` needs.
    ///
    /// # Errors
    /// An unknown scheme, or SQLite in a container that would lose it.
    pub(crate) fn check_database(&self) -> Result<(), SettingError> {
        let url = self.database_url.expose_secret();
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return check_server_url(url);
        }
        let Some(file) = url.strip_prefix("sqlite://") else {
            return Err(wrong("DATABASE_URL", "starts with postgres:// or sqlite://"));
        };
        if file.is_empty() {
            return Err(wrong("DATABASE_URL", "names no file after sqlite://"));
        }
        if file.starts_with(":memory:") || file.contains("mode=memory") {
            return Err(wrong("DATABASE_URL", "SQLite in memory keeps nothing: name a file"));
        }
        if !self.database_ephemeral && crate::container::would_lose(Path::new(file)) {
            return Err(wrong(
                "DATABASE_URL",
                "SQLite without a volume loses every payment with this container: use postgres://, mount a volume, or set DATABASE_EPHEMERAL=true",
            ));
        }
        Ok(())
    }
}

/// Reads a file that holds a URL.
pub(crate) fn read_url(file: &Path) -> std::io::Result<SecretString> {
    std::fs::read_to_string(file).map(|text| text.trim().to_owned().into())
}

/// Reads a webhook secret: `whsec_` and the base64 of 24 to 64 bytes.
pub(crate) fn signing_key(secret: &str) -> Option<Vec<u8>> {
    let key = STANDARD.decode(secret.strip_prefix("whsec_")?).ok()?;
    (24..=64).contains(&key.len()).then_some(key)
}

/// A special character of a password that is not encoded cuts the URL somewhere else, and the host would be waited for
/// that is left.
fn check_server_url(url: &str) -> Result<(), SettingError> {
    let whole = reqwest::Url::parse(url).is_ok_and(|url| {
        let rest = [Some(url.path()), url.query()];
        url.fragment().is_none() && !rest.into_iter().flatten().any(|part| part.contains('@'))
    });
    if whole {
        return Ok(());
    }
    Err(wrong(
        "DATABASE_URL",
        "cannot be read as a URL: write the special characters of the password as %40 for @, %23 for #, %2F for /, %3F for ?, %25 for %",
    ))
}

fn required(variable: &'static str, value: &str, reason: &str) -> Result<(), SettingError> {
    if value.is_empty() { Err(wrong(variable, reason)) } else { Ok(()) }
}

fn http_url(variable: &'static str, value: &str) -> Result<(), SettingError> {
    let known = reqwest::Url::parse(value)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if known { Ok(()) } else { Err(wrong(variable, "is not an http:// or https:// URL")) }
}

fn wrong(variable: &'static str, reason: impl Into<String>) -> SettingError {
    SettingError { variable, reason: reason.into() }
}

/// An address range, or one address.
fn network(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    text.parse()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| "is not a list of addresses or ranges such as 10.0.0.0/16".to_owned())
}

fn millis(text: &str) -> Result<Duration, String> {
    text.parse()
        .map(Duration::from_millis)
        .map_err(|_| "is not a whole number of milliseconds".to_owned())
}

fn seconds(text: &str) -> Result<Duration, String> {
    text.parse().map(Duration::from_secs).map_err(|_| "is not a whole number of seconds".to_owned())
}
