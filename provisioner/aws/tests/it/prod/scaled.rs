//! Application Auto Scaling beside an emulator that lacks it.

use aws_smithy_http_client::Builder;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector,
    http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;

use crate::scaling::{self, Account};

/// Answers that service's calls itself and passes the others on.
#[derive(Clone, Debug)]
struct Beside {
    account: Account,
    others: SharedHttpConnector,
}

impl HttpConnector for Beside {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let Some(operation) = target.strip_prefix("AnyScaleFrontendService.") else {
            return self.others.call(request);
        };
        let body = serde_json::from_slice(request.body().bytes().unwrap_or_default());
        let (status, body) = scaling::answer(&self.account, operation, &body.unwrap());
        let answer = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body.to_string()));
        HttpConnectorFuture::ready(Ok(answer))
    }
}

/// A client of both.
pub(super) fn client(account: &Account) -> SharedHttpClient {
    let (network, account) = (Builder::new().build_http(), account.clone());
    http_client_fn(move |settings, components| {
        let others = network.http_connector(settings, components);
        SharedHttpConnector::new(Beside { account: account.clone(), others })
    })
}
