//! The one place that knows of emulators. It acts only on answers of an emulator that the user named
//! (`AWS_ENDPOINT_URL` and its like): the same answer from AWS stays an error.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction};
use engine::Result;

use crate::Aws;
use crate::observe::tags::filter;

/// How long after its creation a service without tasks and events is taken for one whose tasks never
/// start: moto accepts services and runs nothing, and others show their first task at once.
pub(crate) const FIRST_TASK: Duration = Duration::from_secs(10);

impl Aws {
    /// The network interfaces that moto keeps of NAT gateways which it has deleted. None on AWS, where
    /// they go before the gateway does.
    pub(crate) async fn left_interfaces(&self) -> Result<BTreeSet<String>> {
        if !self.is_emulated("EC2") {
            return Ok(BTreeSet::new());
        }
        let gateways = self.nat_gateways(vec![vec![filter("state", ["deleted"])]]).await?;
        let addresses =
            gateways.into_iter().flat_map(|one| one.nat_gateway_addresses.unwrap_or_default());
        Ok(addresses.filter_map(|address| address.network_interface_id).collect())
    }
}

/// What was taken for granted because an emulator cannot do it. Shared by all clones of a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes(Arc<Mutex<BTreeSet<String>>>);

impl Notes {
    pub(crate) fn add(&self, note: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(note);
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

/// The answer came from an emulator.
#[derive(Clone, Copy, Debug)]
struct Emulated;

/// Remembers that an answer came from an emulator.
pub(crate) fn mark(response: &mut HttpResponse) {
    response.add_extension(Emulated);
}

/// Keeps the SDK from repeating what an emulator will never know, which moto says with status 500, or
/// never say otherwise.
#[derive(Debug)]
pub(crate) struct DoesNotRepeat;

impl ClassifyRetry for DoesNotRepeat {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        match context.response() {
            Some(response)
                if lacks_operation(response, None) || misnamed_versioning(response).is_some() =>
            {
                RetryAction::RetryForbidden
            }
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "DoesNotRepeat"
    }
}

/// Whether a bucket keeps versions, from moto's answer, whose name the SDK does not take.
pub(crate) fn versioning<E>(error: &SdkError<E, HttpResponse>) -> Option<bool> {
    let answer = misnamed_versioning(error.raw_response()?)?;
    Some(answer.contains("<Status>Enabled</Status>"))
}

fn misnamed_versioning(response: &HttpResponse) -> Option<&str> {
    response.extension::<Emulated>()?;
    let text = std::str::from_utf8(response.body().bytes()?).ok()?;
    text.contains("<GetBucketVersioningResponse").then_some(text)
}

/// Whether an emulator says that it does not know this operation.
///
/// `MiniStack` answers `{"error":"Unsupported service: X"}` or an unknown action, moto an HTML page or
/// `NotImplemented`; AWS answers an API call with neither.
pub(crate) fn lacks_operation(response: &HttpResponse, code: Option<&str>) -> bool {
    if response.extension::<Emulated>().is_none() {
        return false;
    }
    let unknown = ["InvalidAction", "NotImplemented", "UnknownOperationException"];
    if response.status().as_u16() == 501 || code.is_some_and(|code| unknown.contains(&code)) {
        return true;
    }
    let text = response.body().bytes().unwrap_or_default().trim_ascii_start();
    let starts = |prefix: &[u8]| {
        text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    [
        r#"{"error":"Unsupported service"#,
        r#"{"error": "Unsupported service"#,
        "<!doctype html",
        "<html",
    ]
    .iter()
    .any(|prefix| starts(prefix.as_bytes()))
}
