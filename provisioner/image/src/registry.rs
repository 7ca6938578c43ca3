//! A registry and one way to speak to it (OCI distribution specification 1.1).

mod authentication;
mod copy;
mod inspect;
mod push;
mod wire;

pub use copy::copy;
pub use inspect::{Inspected, Platform};

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use oci_spec::distribution::Reference;

use crate::{Error, Result};

/// Who speaks to a registry: for ECR, `AWS` and the token of `GetAuthorizationToken`.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub user: String,
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// A registry. Cheap to clone; clones share their connections and tokens.
#[derive(Clone, Debug)]
pub struct Registry {
    http: reqwest::Client,
    /// For uploads, which have a limit of their own for silence.
    uploads: reqwest::Client,
    /// `registry-1.docker.io`, `127.0.0.1:5000`.
    host: String,
    scheme: &'static str,
    credentials: Option<Credentials>,
    /// What the registry wants to see, by what is asked of it.
    grants: Arc<Mutex<HashMap<String, authentication::Grant>>>,
}

impl Registry {
    /// `plain_http` is for emulators on the own machine.
    pub fn new(host: &str, credentials: Option<Credentials>, plain_http: bool) -> Result<Self> {
        let client = || {
            let client = reqwest::Client::builder().connect_timeout(wire::CONNECT);
            // A proxy does not reach this machine.
            if plain_http { client.no_proxy() } else { client }
        };
        let wrong =
            |error: reqwest::Error| Error::Unreachable { url: host.into(), why: error.to_string() };
        Ok(Self {
            http: client().read_timeout(wire::SILENCE).build().map_err(wrong)?,
            uploads: client().build().map_err(wrong)?,
            host: host.into(),
            scheme: if plain_http { "http" } else { "https" },
            credentials,
            grants: Arc::default(),
        })
    }

    /// The registry that a reference names; Docker Hub's, if it names none.
    pub fn of(reference: &Reference, credentials: Option<Credentials>) -> Result<Self> {
        Self::new(reference.resolve_registry(), credentials, false)
    }

    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }
}

/// Reads a reference: `nginx`, `ghcr.io/acme/shop:1.2`, `…@sha256:…`.
pub fn reference(text: &str) -> Result<Reference> {
    text.parse().map_err(|error: oci_spec::distribution::ParseError| Error::Reference {
        reference: text.into(),
        why: error.to_string(),
    })
}
