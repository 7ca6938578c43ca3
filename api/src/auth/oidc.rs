//! Bearer tokens of an OpenID Connect issuer: signature, issuer, audience, expiry, and the scopes that they carry.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use jsonwebtoken::{Algorithm, DecodingKey, Validation, jwk::JwkSet};
use serde::Deserialize;
use tokio::sync::{Semaphore, watch};

use super::{BELIEVED, Principal, Scopes, Verified};
use crate::{
    problem::{Code, Problem},
    settings::Settings,
};

/// How long the issuer's keys are used before they are asked for again.
const KEYS_KEPT: Duration = Duration::from_mins(10);
/// Keys are not asked for more often than this, whether the last time worked or not.
const KEYS_PAUSE: Duration = Duration::from_secs(10);
/// A token with an unknown key waits so long for the keys that are being fetched.
const UNKNOWN_PATIENCE: Duration = Duration::from_secs(2);
/// Tokens that wait so at once: anyone can write an unknown key into one.
const UNKNOWN_WAITING: usize = 16;
const READ: &str = "payments:read";
const WRITE: &str = "payments:write";

/// Signatures that a public key can check; a shared secret could be guessed and `none` needs no guessing.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// One issuer and its keys. They are fetched in the background, so that an issuer that hangs only keeps out tokens whose
/// key was never seen.
pub(super) struct Issuer {
    audience: String,
    source: Arc<Source>,
    waiting: Semaphore,
}

struct Source {
    url: String,
    http: reqwest::Client,
    keys: Mutex<Keys>,
    /// The number of fetches that have ended.
    fetches: watch::Sender<u64>,
}

/// A key, and the one algorithm that it is for when the issuer says so (RFC 7517 section 4.4).
struct Key {
    key: DecodingKey,
    algorithm: Option<Algorithm>,
}

#[derive(Default)]
struct Keys {
    by_id: HashMap<String, Arc<Key>>,
    /// When the keys came.
    fetched: Option<Instant>,
    /// When they were last asked for, or that they are being asked for.
    asked: Option<Instant>,
    fetching: bool,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    /// Seconds, with or without a fraction (RFC 7519 section 2, NumericDate).
    exp: f64,
    #[serde(default)]
    scope: Scope,
    /// The same by another name (Microsoft Entra ID).
    #[serde(default)]
    scp: Scope,
}

/// Scopes in one text (RFC 8693 section 4.2), or in a list as some issuers send them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Scope {
    Text(String),
    List(Vec<String>),
}

impl Default for Scope {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

impl Scope {
    fn has(&self, scope: &str) -> bool {
        match self {
            Self::Text(text) => text.split(' ').any(|own| own == scope),
            Self::List(list) => list.iter().any(|own| own == scope),
        }
    }
}

impl Issuer {
    pub(super) fn new(settings: &Settings) -> Option<Self> {
        Some(Self {
            audience: settings.oidc_audience.clone()?,
            source: Arc::new(Source {
                url: settings.oidc_issuer.as_ref()?.trim_end_matches('/').to_owned(),
                http: crate::http_client::new()?,
                keys: Mutex::default(),
                fetches: watch::Sender::new(0),
            }),
            waiting: Semaphore::new(UNKNOWN_WAITING),
        })
    }

    /// Checks a token.
    ///
    /// # Errors
    /// `service_unavailable` when the issuer's keys cannot be had.
    pub(super) async fn verify(&self, token: &[u8]) -> Result<Option<Verified>, Problem> {
        let Ok(head) = jsonwebtoken::decode_header(token) else { return Ok(None) };
        let Some(id) = head.kid.filter(|_| ALGORITHMS.contains(&head.alg)) else { return Ok(None) };
        let Some(key) = self.key(&id).await? else { return Ok(None) };
        if key.algorithm.is_some_and(|algorithm| algorithm != head.alg) {
            return Ok(None);
        }
        let mut validation = Validation::new(head.alg);
        validation.set_audience(&[&self.audience]);
        let url = &self.source.url;
        validation.set_issuer(&[url.clone(), format!("{url}/")]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        let Ok(token) = jsonwebtoken::decode::<Claims>(token, &key.key, &validation) else {
            return Ok(None);
        };
        let claims = token.claims;
        let expires = Duration::try_from_secs_f64(claims.exp).unwrap_or(Duration::MAX);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let left = expires.saturating_sub(now);
        let has = |scope| claims.scope.has(scope) || claims.scp.has(scope);
        let name: Arc<str> = Arc::from(format!("oidc:{}", claims.sub));
        Ok(Some(Verified {
            principal: Principal {
                account: Arc::clone(&name),
                name,
                scopes: Scopes { read: has(READ), write: has(WRITE), admin: false },
            },
            until: Instant::now() + left.min(BELIEVED),
        }))
    }

    async fn key(&self, id: &str) -> Result<Option<Arc<Key>>, Problem> {
        let mut fetches = self.source.fetches.subscribe();
        let (known, fetching) = self.source.look_up(id);
        if known.is_some() {
            return Ok(known);
        }
        let unavailable = || Problem::new(Code::Unavailable).retry_after(5);
        if fetching {
            let _place = self.waiting.try_acquire().map_err(|_| unavailable())?;
            let _ = tokio::time::timeout(UNKNOWN_PATIENCE, fetches.changed()).await;
        }
        let keys = self.source.lock();
        match keys.by_id.get(id).cloned() {
            Some(key) => Ok(Some(key)),
            // Nobody knows yet whether the key exists.
            None if keys.fetching || keys.fetched.is_none() => Err(unavailable()),
            None => Ok(None),
        }
    }
}

impl Source {
    fn lock(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key, and whether the keys are being fetched, which begins here when they are old or do not have it.
    fn look_up(self: &Arc<Self>, id: &str) -> (Option<Arc<Key>>, bool) {
        let mut keys = self.lock();
        let known = keys.by_id.get(id).cloned();
        let old = keys.fetched.is_none_or(|at| at.elapsed() > KEYS_KEPT);
        let rested = keys.asked.is_none_or(|at| at.elapsed() > KEYS_PAUSE);
        if (old || known.is_none()) && rested && !keys.fetching {
            keys.fetching = true;
            tokio::spawn(Arc::clone(self).refresh());
        }
        (known, keys.fetching)
    }

    async fn refresh(self: Arc<Self>) {
        let outcome = self.fetch().await;
        let mut keys = self.lock();
        keys.fetching = false;
        keys.asked = Some(Instant::now());
        match outcome {
            Ok(by_id) => (keys.by_id, keys.fetched) = (by_id, keys.asked),
            // Keys seen before go on working while the issuer is away.
            Err(error) => {
                let error = crate::http_client::why(error);
                tracing::warn!(error, "the issuer's keys cannot be fetched");
            }
        }
        drop(keys);
        self.fetches.send_modify(|count| *count += 1);
    }

    async fn fetch(&self) -> Result<HashMap<String, Arc<Key>>, reqwest::Error> {
        #[derive(Deserialize)]
        struct Discovery {
            jwks_uri: String,
        }
        let url = format!("{}/.well-known/openid-configuration", self.url);
        let discovery: Discovery =
            self.http.get(url).send().await?.error_for_status()?.json().await?;
        let set: JwkSet =
            self.http.get(discovery.jwks_uri).send().await?.error_for_status()?.json().await?;
        let usable = set.keys.iter().filter_map(|jwk| {
            let id = jwk.common.key_id.clone()?;
            let algorithm = jwk.common.key_algorithm.and_then(|own| own.to_string().parse().ok());
            Some((id, Arc::new(Key { key: DecodingKey::from_jwk(jwk).ok()?, algorithm })))
        });
        Ok(usable.collect())
    }
}
