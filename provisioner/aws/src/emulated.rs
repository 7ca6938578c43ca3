//! The one place that knows of emulators. It acts only on answers of an endpoint that the user named
//! (`AWS_ENDPOINT_URL` and its like): the same answer from AWS stays an error.

use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

/// How long after its creation a service without tasks and events is taken for one whose tasks never
/// start: moto accepts services and runs nothing, and others show their first task at once.
pub(crate) const FIRST_TASK: Duration = Duration::from_secs(10);

/// The answer came from an endpoint that the user named.
#[derive(Clone, Copy, Debug)]
struct Named;

/// Remembers that an answer came from such an endpoint.
pub(crate) fn mark(response: &mut HttpResponse) {
    response.add_extension(Named);
}

/// Whether an emulator says that it does not know this operation.
///
/// `MiniStack` answers `{"error":"Unsupported service: X"}` or an unknown action, moto an HTML page or
/// `NotImplemented`; AWS answers an API call with neither.
pub(crate) fn lacks_operation(response: &HttpResponse, code: Option<&str>) -> bool {
    if response.extension::<Named>().is_none() {
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
