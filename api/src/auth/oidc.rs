//! Bearer tokens of an OpenID Connect issuer: signature, issuer, audience, expiry, and the scopes that they carry.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use jsonwebtoken::{Algorithm, DecodingKey, Validation, jwk::JwkSet};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::{BELIEVED, Principal, Scopes, Verified};
use crate::{
    problem::{Code, Problem},
    settings::Settings,
};

/// How long the issuer's keys are used before they are asked for again.
const KEYS_KEPT: Duration = Duration::from_mins(10);
/// A token with an unknown key asks for the keys again, but not more often than this.
const KEYS_PAUSE: Duration = Duration::from_secs(10);
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

/// One issuer and its keys.
pub(super) struct Issuer {
    url: String,
    audience: String,
    http: reqwest::Client,
    keys: Mutex<Keys>,
}

#[derive(Default)]
struct Keys {
    by_id: HashMap<String, Arc<DecodingKey>>,
    fetched: Option<Instant>,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: u64,
    #[serde(default)]
    scope: String,
}

impl Issuer {
    pub(super) fn new(settings: &Settings) -> Option<Self> {
        Some(Self {
            url: settings.oidc_issuer.as_ref()?.trim_end_matches('/').to_owned(),
            audience: settings.oidc_audience.clone()?,
            http: crate::http_client::new()?,
            keys: Mutex::default(),
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
        let mut validation = Validation::new(head.alg);
        validation.set_audience(&[&self.audience]);
        validation.set_issuer(&[self.url.clone(), format!("{}/", self.url)]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        let Ok(token) = jsonwebtoken::decode::<Claims>(token, &key, &validation) else {
            return Ok(None);
        };
        let now =
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs());
        let left = Duration::from_secs(token.claims.exp.saturating_sub(now));
        let has = |scope| token.claims.scope.split(' ').any(|own| own == scope);
        Ok(Some(Verified {
            principal: Principal {
                name: Arc::from(format!("oidc:{}", token.claims.sub)),
                scopes: Scopes { read: has(READ), write: has(WRITE), admin: false },
            },
            until: Instant::now() + left.min(BELIEVED),
        }))
    }

    async fn key(&self, id: &str) -> Result<Option<Arc<DecodingKey>>, Problem> {
        let mut keys = self.keys.lock().await;
        let age = keys.fetched.map(|at| at.elapsed());
        let known = keys.by_id.get(id).cloned();
        let stale = age.is_none_or(|age| age > KEYS_KEPT)
            || (known.is_none() && age.is_none_or(|age| age > KEYS_PAUSE));
        if !stale {
            return Ok(known);
        }
        match self.fetch().await {
            Ok(by_id) => *keys = Keys { by_id, fetched: Some(Instant::now()) },
            Err(error) => {
                let error = crate::http_client::why(error);
                tracing::warn!(error, "the issuer's keys cannot be fetched");
                // Keys seen before go on working while the issuer is away.
                return known
                    .map(Some)
                    .ok_or_else(|| Problem::new(Code::Unavailable).retry_after(5));
            }
        }
        Ok(keys.by_id.get(id).cloned())
    }

    async fn fetch(&self) -> Result<HashMap<String, Arc<DecodingKey>>, reqwest::Error> {
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
            Some((id, Arc::new(DecodingKey::from_jwk(jwk).ok()?)))
        });
        Ok(usable.collect())
    }
}
