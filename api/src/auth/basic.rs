//! HTTP Basic (RFC 7617) for the one administrator that the settings name.

use std::sync::Arc;

use argon2::{Argon2, PasswordHash, PasswordVerifier};
use base64::{Engine, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{Principal, Scopes};
use crate::settings::Settings;

/// The administrator's name and password.
pub(super) struct Basic {
    user: [u8; 32],
    pass: SecretString,
    principal: Principal,
}

impl Basic {
    pub(super) fn new(settings: &Settings) -> Self {
        let user = settings.admin_user.clone().unwrap_or_default();
        Self {
            user: Sha256::digest(&user).into(),
            pass: settings.admin_pass.clone().unwrap_or_default(),
            principal: Principal {
                name: Arc::from(user.as_str()),
                scopes: Scopes { read: true, write: true, admin: true },
            },
        }
    }

    /// Checks an `Authorization` header's value. Digests are compared, so that time tells nothing about lengths or contents.
    pub(super) async fn verify(&self, header: &[u8]) -> Option<Principal> {
        let (scheme, encoded) = header.split_at_checked(6)?;
        if !scheme.eq_ignore_ascii_case(b"basic ") {
            return None;
        }
        let sent = STANDARD.decode(encoded.trim_ascii()).ok()?;
        let colon = sent.iter().position(|byte| *byte == b':')?;
        let (user, pass) = (&sent[..colon], sent[colon + 1..].to_vec());
        let same_user: bool = Sha256::digest(user).as_slice().ct_eq(&self.user).into();
        let same_pass = self.same_password(pass).await;
        (same_user & same_pass).then(|| self.principal.clone())
    }

    async fn same_password(&self, sent: Vec<u8>) -> bool {
        let kept = self.pass.clone();
        if !kept.expose_secret().starts_with("$argon2") {
            return Sha256::digest(&sent).as_slice().ct_eq(Sha256::digest(kept.expose_secret()).as_slice()).into();
        }
        // Tens of milliseconds of pure computing do not belong on the threads that serve requests.
        tokio::task::spawn_blocking(move || {
            PasswordHash::new(kept.expose_secret())
                .is_ok_and(|hash| Argon2::default().verify_password(&sent, &hash).is_ok())
        })
        .await
        .unwrap_or(false)
    }
}
