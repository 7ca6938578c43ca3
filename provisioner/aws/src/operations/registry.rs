//! The registry that holds the images of ECR's repositories, and what it wants to see.

use std::fmt;

use aws_config::Region;
use aws_smithy_types::base64;
use engine::{Class, Error, Result};

use crate::Aws;
use crate::error::error;

/// How to reach a registry.
#[derive(Clone, PartialEq, Eq)]
pub struct Registry {
    /// `1.dkr.ecr.eu-west-1.amazonaws.com`, `127.0.0.1:4566`.
    pub host: String,
    /// User and password.
    pub credentials: (String, String),
    pub plain_http: bool,
}

/// Without the password.
impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("host", &self.host)
            .field("user", &self.credentials.0)
            .field("plain_http", &self.plain_http)
            .finish()
    }
}

impl Aws {
    /// How to reach the registry whose repositories' URIs begin with `host`. While an emulator is ECR, over
    /// HTTP, the registry is there as well: it then answers under its own address, whatever the URIs say.
    /// The password is good for 12 hours (ECR API reference, GetAuthorizationToken); it is asked for in the
    /// registry's own Region, as AWS's credential helper for Docker does.
    ///
    /// # Errors
    /// Whatever asking for the password answers.
    pub async fn registry(&self, host: &str, region: &str) -> Result<Registry> {
        let there = aws_sdk_ecr::Config::builder().region(Region::new(region.to_owned()));
        let call = self.read().ecr.get_authorization_token().customize();
        let answer = call.config_override(there).send().await;
        let answer = answer.map_err(|e| error("ecr:GetAuthorizationToken", e))?;
        let token = answer.authorization_data().first().and_then(|data| data.authorization_token());
        let credentials = token.and_then(decoded).ok_or_else(|| {
            // What it says instead may be a part of the password.
            Error::new(Class::Invalid, "ecr:GetAuthorizationToken answered without a password")
        })?;
        let named = self.endpoint("ECR").filter(|_| self.is_emulated("ECR")).and_then(plain);
        let (host, plain_http) = (named.unwrap_or(host).into(), named.is_some());
        Ok(Registry { host, credentials, plain_http })
    }
}

/// Host and port of a URL that is not encrypted.
pub(crate) fn plain(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?']).next()?;
    scheme.eq_ignore_ascii_case("http").then_some(authority)
}

/// `user:password`, in Base64.
fn decoded(token: &str) -> Option<(String, String)> {
    let text = String::from_utf8(base64::decode(token).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.into(), password.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_endpoints_hold_the_registry() {
        assert_eq!(plain("http://127.0.0.1:4566"), Some("127.0.0.1:4566"));
        assert_eq!(plain("HTTP://localhost:4566/x?y"), Some("localhost:4566"));
        assert_eq!(plain("https://vpce-1.api.ecr.eu-west-1.vpce.amazonaws.com"), None);
    }

    #[test]
    fn a_password_may_hold_colons() {
        let token = base64::encode("AWS:se:cret");
        assert_eq!(decoded(&token), Some(("AWS".into(), "se:cret".into())));
        assert_eq!(decoded("%"), None);
    }

    #[test]
    fn the_password_is_not_printed() {
        let credentials = ("AWS".to_owned(), "se:cret".to_owned());
        let registry = Registry { host: "r".into(), credentials, plain_http: false };
        assert!(!format!("{registry:?}").contains("cret"));
    }
}
