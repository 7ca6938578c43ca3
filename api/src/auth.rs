//! Who is asking: HTTP Basic from the settings, API keys, and OpenID Connect tokens.
//!
//! What was verified is remembered for a while under a salted digest of the header, so that neither a password hash nor a
//! signature caps the throughput.

mod basic;
mod oidc;

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, header};
use moka::sync::Cache;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::{
    limit::{Limiter, Verdict},
    problem::{Code, Problem},
    settings::Settings,
    store::Store,
};
use basic::Basic;
use oidc::Issuer;

/// How long verified credentials are believed; a revoked key works no longer than this on other tasks.
const BELIEVED: Duration = Duration::from_secs(30);
/// Wrong credentials per minute from one address before it has to queue with others like it.
const MISTAKES_PER_MINUTE: u64 = 60;
/// Credentials from such addresses that are looked at at once: whoever guesses takes neither processor nor database.
const SUSPECTS: usize = 2;
/// How long the note that a key was used may take.
const NOTE_PATIENCE: Duration = Duration::from_millis(200);
/// How every API key begins, so that leaked ones can be found by scanners.
const KEY_PREFIX: &str = "pay_";

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
    /// The name that the audit trail and the quota use: the administrator's, `key:<id>` or `oidc:<subject>`.
    pub(crate) name: Arc<str>,
    /// Whose idempotency keys these are: the API keys of one client share them.
    pub(crate) account: Arc<str>,
    pub(crate) scopes: Scopes,
}

/// A principal and how long its credentials may be believed.
struct Verified {
    principal: Principal,
    until: Instant,
}

/// Verifies credentials.
pub(crate) struct Authority {
    basic: Basic,
    issuer: Option<Issuer>,
    salt: [u8; 32],
    verified: Cache<[u8; 32], (Principal, Instant)>,
    mistakes: Limiter<IpAddr>,
    suspects: Semaphore,
}

impl Authority {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            basic: Basic::new(settings),
            issuer: Issuer::new(settings),
            salt: rand::random(),
            verified: Cache::builder().max_capacity(10_000).time_to_live(BELIEVED).build(),
            mistakes: Limiter::new(MISTAKES_PER_MINUTE),
            suspects: Semaphore::new(SUSPECTS),
        }
    }

    /// Finds out who sent these headers. Right credentials are never refused because of somebody's wrong ones: many
    /// share an address.
    ///
    /// # Errors
    /// `unauthenticated` when nothing valid was sent, `rate_limited` after too many mistakes from one address.
    pub(crate) async fn identify(
        &self,
        headers: &HeaderMap,
        client: IpAddr,
        store: &Store,
    ) -> Result<Principal, Problem> {
        let (scheme, credentials) = sent(headers).ok_or_else(refused)?;
        let digest: [u8; 32] = Sha256::new()
            .chain_update(self.salt)
            .chain_update([scheme as u8])
            .chain_update(credentials)
            .finalize()
            .into();
        if let Some((principal, until)) = self.verified.get(&digest)
            && Instant::now() < until
        {
            return Ok(principal);
        }
        let address = neighbourhood(client);
        let _turn = if self.mistakes.has_local(&address) {
            None
        } else {
            self.suspects.acquire().await.ok()
        };
        let verified = match scheme {
            Scheme::Basic => self.basic.verify(credentials).await,
            Scheme::Key => api_key(credentials, store).await?,
            Scheme::Bearer if credentials.starts_with(KEY_PREFIX.as_bytes()) => {
                api_key(credentials, store).await?
            }
            Scheme::Bearer => match &self.issuer {
                Some(issuer) => issuer.verify(credentials).await?,
                None => None,
            },
        };
        let Some(Verified { principal, until }) = verified else {
            if let Verdict::Denied { .. } = self.mistakes.take_local(&address) {
                return Err(Problem::new(Code::RateLimited).retry_after(1));
            }
            return Err(if scheme == Scheme::Bearer { invalid_token() } else { refused() });
        };
        self.verified.insert(digest, (principal.clone(), until));
        Ok(principal)
    }

    /// Stops believing everything, after a key was revoked here.
    pub(crate) fn forget(&self) {
        self.verified.invalidate_all();
    }
}

/// How credentials were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Basic,
    Bearer,
    Key,
}

fn sent(headers: &HeaderMap) -> Option<(Scheme, &[u8])> {
    if let Some(key) = headers.get("x-api-key") {
        return Some((Scheme::Key, key.as_bytes()));
    }
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let space = value.iter().position(|byte| *byte == b' ')?;
    let (scheme, credentials) = (&value[..space], value[space..].trim_ascii());
    if scheme.eq_ignore_ascii_case(b"basic") {
        Some((Scheme::Basic, credentials))
    } else if scheme.eq_ignore_ascii_case(b"bearer") {
        Some((Scheme::Bearer, credentials))
    } else {
        None
    }
}

/// The key that mistakes are counted by: an IPv4 address, or the /64 that one IPv6 host has to itself (RFC 6177).
fn neighbourhood(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
        address @ IpAddr::V4(_) => address,
    }
}

fn refused() -> Problem {
    let challenge = HeaderValue::from_static(
        "Basic realm=\"payments\", charset=\"UTF-8\", Bearer realm=\"payments\"",
    );
    Problem::new(Code::Unauthenticated).header(header::WWW_AUTHENTICATE, challenge)
}

/// Tells a client with a token that the token is the reason (RFC 6750 section 3.1).
fn invalid_token() -> Problem {
    let challenge = HeaderValue::from_static(
        "Basic realm=\"payments\", charset=\"UTF-8\", Bearer realm=\"payments\", error=\"invalid_token\"",
    );
    Problem::new(Code::Unauthenticated).header(header::WWW_AUTHENTICATE, challenge)
}

async fn api_key(key: &[u8], store: &Store) -> Result<Option<Verified>, Problem> {
    let Some(key) = store.find_api_key(key_digest(key)).await? else { return Ok(None) };
    // Nobody's request waits or fails for the sake of a note.
    let _ = tokio::time::timeout(NOTE_PATIENCE, store.note_key_use(key.id)).await;
    let name: Arc<str> = Arc::from(format!("key:{}", key.id));
    let account =
        key.client.map_or_else(|| Arc::clone(&name), |client| format!("client:{client}").into());
    Ok(Some(Verified {
        principal: Principal {
            name,
            account,
            scopes: Scopes { read: key.can_read, write: key.can_write, admin: false },
        },
        until: Instant::now() + BELIEVED,
    }))
}

/// A new API key: its id, the text that is shown once, and the digest that is kept.
pub(crate) fn new_api_key() -> (Uuid, String, [u8; 32]) {
    let random: [u8; 32] = rand::random();
    let key = format!("{KEY_PREFIX}{}", URL_SAFE_NO_PAD.encode(random));
    let digest = key_digest(key.as_bytes());
    (Uuid::now_v7(), key, digest)
}

/// A key has 256 random bits, so that one round of SHA-256 hides it well enough.
fn key_digest(key: &[u8]) -> [u8; 32] {
    Sha256::digest(key).into()
}
