//! Who is asking: HTTP Basic from the settings, API keys and OpenID Connect tokens.

mod basic;

use std::sync::Arc;

use http::{HeaderMap, header};

use crate::{
    problem::{Code, Problem},
    settings::Settings,
};
use basic::Basic;

/// What a principal may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scopes {
    pub(crate) read: bool,
    pub(crate) write: bool,
    pub(crate) admin: bool,
}

/// Someone whose credentials were verified.
#[derive(Clone, Debug)]
pub(crate) struct Principal {
    /// The name that the audit trail and the rate limit use: `admin`, `key:<id>` or `oidc:<subject>`.
    pub(crate) name: Arc<str>,
    pub(crate) scopes: Scopes,
}

/// Verifies credentials.
pub(crate) struct Authority {
    basic: Basic,
}

impl Authority {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { basic: Basic::new(settings) }
    }

    /// Finds out who sent these headers.
    ///
    /// # Errors
    /// `unauthenticated` when nothing valid was sent.
    pub(crate) async fn identify(&self, headers: &HeaderMap) -> Result<Principal, Problem> {
        let refused = || {
            Problem::new(Code::Unauthenticated).header(
                header::WWW_AUTHENTICATE,
                http::HeaderValue::from_static("Basic realm=\"payments\", charset=\"UTF-8\""),
            )
        };
        let sent = headers.get(header::AUTHORIZATION).ok_or_else(refused)?;
        self.basic.verify(sent.as_bytes()).await.ok_or_else(refused)
    }
}
