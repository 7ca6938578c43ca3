//! HTTP Basic (RFC 7617) for the one administrator that the settings name.

use std::{
    sync::{Arc, OnceLock},
    time::Instant,
};

use argon2::{Argon2, PasswordHash, PasswordVerifier};
use base64::{Engine, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use super::{BELIEVED, Principal, Scopes, Verified};
use crate::settings::Settings;

/// The administrator's name and password.
pub(super) struct Basic {
    user: [u8; 32],
    pass: SecretString,
    principal: Principal,
    /// Argon2 takes memory and a processor: one at a time is plenty.
    hashing: Semaphore,
    /// The digest of the password once Argon2 has accepted it: from then on nothing else needs hashing, so that
    /// guesses cost nothing.
    proven: OnceLock<[u8; 32]>,
}

impl Basic {
    pub(super) fn new(settings: &Settings) -> Self {
        let user = settings.admin_user.clone().unwrap_or_default();
        Self {
            user: Sha256::digest(&user).into(),
            pass: settings.admin_pass.clone().unwrap_or_default(),
            principal: Principal {
                name: Arc::from(user.as_str()),
                account: Arc::from(user.as_str()),
                scopes: Scopes { read: true, write: true, admin: true },
            },
            hashing: Semaphore::new(1),
            proven: OnceLock::new(),
        }
    }

    /// Checks the base64 of `user:password`. Digests are compared, so that time tells nothing about lengths or contents.
    pub(super) async fn verify(&self, credentials: &[u8]) -> Option<Verified> {
        let sent = STANDARD.decode(credentials).ok()?;
        let colon = sent.iter().position(|byte| *byte == b':')?;
        let (user, pass) = (&sent[..colon], sent[colon + 1..].to_vec());
        let same_user: bool = Sha256::digest(user).as_slice().ct_eq(&self.user).into();
        let same_pass = self.same_password(pass).await;
        (same_user & same_pass).then(|| Verified {
            principal: self.principal.clone(),
            until: Instant::now() + BELIEVED,
        })
    }

    async fn same_password(&self, sent: Vec<u8>) -> bool {
        let digest: [u8; 32] = Sha256::digest(&sent).into();
        let kept = self.pass.clone();
        if !kept.expose_secret().starts_with("$argon2") {
            return digest.ct_eq(Sha256::digest(kept.expose_secret()).as_slice()).into();
        }
        if let Some(proven) = self.proven.get() {
            return digest.ct_eq(proven).into();
        }
        let Ok(_turn) = self.hashing.acquire().await else { return false };
        // Tens of milliseconds of pure computing do not belong on the threads that serve requests.
        let right = tokio::task::spawn_blocking(move || {
            PasswordHash::new(kept.expose_secret())
                .is_ok_and(|hash| Argon2::default().verify_password(&sent, &hash).is_ok())
        })
        .await
        .unwrap_or(false);
        if right {
            let _ = self.proven.set(digest);
        }
        right
    }
}
