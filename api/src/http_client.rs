//! The client for other people's servers: the issuer of tokens and the receiver of webhooks.

use std::time::Duration;

/// A client that trusts Mozilla's authorities, which are inside the binary because a scratch image has none.
/// Redirects are not followed: a receiver must not send us into the private network.
pub(crate) fn new() -> Option<reqwest::Client> {
    let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS;
    let roots = roots.iter().filter_map(|der| reqwest::Certificate::from_der(der).ok());
    reqwest::Client::builder()
        .tls_certs_only(roots)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(3))
        .timeout(Duration::from_secs(10))
        .user_agent(concat!("payments-api/", env!("CARGO_PKG_VERSION")))
        .build()
        .inspect_err(|error| tracing::error!(%error, "the HTTP client cannot be made"))
        .ok()
}

/// Why a request came to nothing, down to the first cause and without the URL, which may hold a secret.
pub(crate) fn why(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
