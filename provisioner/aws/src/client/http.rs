//! Connections: one pool for all clients, past any proxy to this machine, and with the host in every failure.

use std::error::Error;
use std::fmt;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, ConnectorBuilder};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

use crate::error::never_sent;

/// One pool of connections for all clients: by default each of the SDK's clients has its own.
pub(super) fn http() -> SharedHttpClient {
    let everybody = std::env::var("NO_PROXY").or_else(|_| std::env::var("no_proxy"));
    // Its `*` stands for names only, in the SDK's reading; people mean everything.
    let proxied = if everybody.is_ok_and(|rules| rules.trim() == "*") {
        pool(&ProxyConfig::disabled())
    } else {
        pool(&ProxyConfig::from_env())
    };
    SharedHttpClient::new(ByHost { proxied, direct: pool(&ProxyConfig::disabled()) })
}

fn pool(proxy: &ProxyConfig) -> SharedHttpClient {
    let proxy = proxy.clone();
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector =
            ConnectorBuilder::default().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector.set_proxy_config(Some(proxy.clone()));
        connector.build()
    })
}

/// A proxy's own machine cannot reach this machine's loopback, nor the addresses where a machine finds its role.
#[derive(Debug)]
struct ByHost {
    proxied: SharedHttpClient,
    direct: SharedHttpClient,
}

impl HttpClient for ByHost {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector {
            proxied: self.proxied.http_connector(settings, components),
            direct: self.direct.http_connector(settings, components),
        })
    }
}

#[derive(Debug)]
struct Connector {
    proxied: SharedHttpConnector,
    direct: SharedHttpConnector,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let host = host(request.uri()).to_owned();
        let connector = if is_here(&host) { &self.direct } else { &self.proxied };
        let answer = connector.call(request);
        HttpConnectorFuture::new(async move {
            // What failed later carries the connection that it failed on.
            answer.await.map_err(|error| if never_sent(&error) { at(host, error) } else { error })
        })
    }
}

/// A failure to talk to a host.
#[derive(Debug)]
pub(crate) struct AtHost {
    pub(crate) host: String,
    error: ConnectorError,
}

impl fmt::Display for AtHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer from {}", self.host)
    }
}

impl Error for AtHost {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

/// The same kind of failure, with the host: the SDK repeats by the kind.
fn at(host: String, error: ConnectorError) -> ConnectorError {
    let (timeout, io, user, other) =
        (error.is_timeout(), error.is_io(), error.is_user(), error.as_other());
    let error = Box::new(AtHost { host, error });
    let error = if timeout {
        ConnectorError::timeout(error)
    } else if io {
        ConnectorError::io(error)
    } else if user {
        ConnectorError::user(error)
    } else {
        ConnectorError::other(error, other)
    };
    error.never_connected()
}

/// Host and port of a URL.
fn host(uri: &str) -> &str {
    let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

/// Whether a host, with its port or without, is loopback or link-local.
fn is_here(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or(v6),
        None => host.split(':').next().unwrap_or(host),
    };
    if name == "localhost" || name.ends_with(".localhost") {
        return true;
    }
    match name.parse() {
        Ok(std::net::IpAddr::V4(v4)) => v4.is_loopback() || v4.is_link_local(),
        Ok(std::net::IpAddr::V6(v6)) => v6.is_loopback() || v6.segments()[..2] == [0xfd00, 0x0ec2],
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_asked_directly() {
        for uri in [
            "http://127.0.0.1:4566/x",
            "http://localhost:4566",
            "http://bucket.localhost:4566/",
            "http://[::1]:80/",
            "http://169.254.169.254/latest",
            "http://[fd00:ec2::254]/latest",
        ] {
            assert!(is_here(host(uri)), "{uri}");
        }
        for uri in [
            "https://sts.eu-west-1.amazonaws.com/",
            "http://10.0.0.1/",
            "http://localhost.example.com/",
            "http://u:127.0.0.1@example.com/",
        ] {
            assert!(!is_here(host(uri)), "{uri}");
        }
    }
}
