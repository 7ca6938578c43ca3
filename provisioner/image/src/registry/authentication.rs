//! What a registry wants to see before it serves: nothing, a password, or a token from elsewhere.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_auth::parser::ChallengeParser;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{StatusCode, Url};
use serde::Deserialize;

use super::Registry;
use crate::{Error, Result};

/// An `Authorization` header that was accepted, or will be.
#[derive(Clone, Debug)]
pub(super) struct Grant(HeaderValue);

/// What is asked of a repository, in the words of token services.
#[derive(Clone, Copy, Debug)]
pub(super) enum Access {
    Pull,
    Push,
}

/// A token service's answer: one or the other.
#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

impl Access {
    pub(super) fn scope(self, repository: &str) -> String {
        match self {
            Self::Pull => format!("repository:{repository}:pull"),
            Self::Push => format!("repository:{repository}:pull,push"),
        }
    }
}

impl Grant {
    fn new(text: &str) -> Option<Self> {
        let mut value = HeaderValue::from_str(text).ok()?;
        value.set_sensitive(true);
        Some(Self(value))
    }

    pub(super) fn apply(&self, headers: &mut HeaderMap) {
        headers.insert(AUTHORIZATION, self.0.clone());
    }
}

impl Registry {
    /// Answers a registry's challenge.
    ///
    /// # Errors
    /// [`Error::Denied`] when there is nothing to answer with, or the token service refuses.
    pub(super) async fn grant(
        &self,
        challenges: &HeaderMap,
        repository: &str,
        scope: &str,
    ) -> Result<Grant> {
        let denied = |why: String| Error::Denied {
            registry: self.host.clone(),
            repository: repository.into(),
            why,
        };
        for header in challenges.get_all(WWW_AUTHENTICATE) {
            let text = header.to_str().unwrap_or_default();
            for challenge in ChallengeParser::new(text).filter_map(Result::ok) {
                let parameter = |name: &str| {
                    let mut parameters = challenge.params.iter();
                    let found = parameters.find(|(known, _)| known.eq_ignore_ascii_case(name));
                    found.map(|(_, value)| value.to_unescaped())
                };
                if challenge.scheme.eq_ignore_ascii_case("basic") {
                    let basic = self.basic().ok_or_else(|| denied("it wants a password".into()))?;
                    return Grant::new(&basic).ok_or_else(|| denied("unusable password".into()));
                }
                if challenge.scheme.eq_ignore_ascii_case("bearer") {
                    let Some(realm) = parameter("realm") else { continue };
                    let token = self.token(&realm, parameter("service"), scope).await;
                    let token = token.map_err(denied)?;
                    return Grant::new(&format!("Bearer {token}"))
                        .ok_or_else(|| denied("unusable token".into()));
                }
            }
        }
        Err(denied("it asks for a kind of authentication that is not known here".into()))
    }

    fn basic(&self) -> Option<String> {
        let credentials = self.credentials.as_ref()?;
        let pair = format!("{}:{}", credentials.user, credentials.password);
        Some(format!("Basic {}", STANDARD.encode(pair)))
    }

    async fn token(
        &self,
        realm: &str,
        service: Option<String>,
        scope: &str,
    ) -> Result<String, String> {
        let mut url = Url::parse(realm).map_err(|error| format!("{realm}: {error}"))?;
        url.query_pairs_mut().append_pair("scope", scope);
        if let Some(service) = service {
            url.query_pairs_mut().append_pair("service", &service);
        }
        let mut request = self.http.get(url);
        if let Some(credentials) = &self.credentials {
            request = request.basic_auth(&credentials.user, Some(&credentials.password));
        }
        let failed = |error: reqwest::Error| format!("{realm}: {}", error.without_url());
        let answer = request.send().await.map_err(failed)?;
        let status = answer.status();
        if status != StatusCode::OK {
            return Err(format!("its token service {realm} answered {status}"));
        }
        let token: Token = answer.json().await.map_err(failed)?;
        token.token.or(token.access_token).ok_or_else(|| format!("{realm} gave no token"))
    }
}
