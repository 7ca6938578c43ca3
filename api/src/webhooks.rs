//! Status changes for other systems, signed as Standard Webhooks 1.0.0 says.

use base64::{Engine, engine::general_purpose::STANDARD};

/// Reads a secret, `whsec_` and the base64 of 24 to 64 bytes.
pub(crate) fn signing_key(secret: &str) -> Option<Vec<u8>> {
    let key = STANDARD.decode(secret.strip_prefix("whsec_")?).ok()?;
    (24..=64).contains(&key.len()).then_some(key)
}
