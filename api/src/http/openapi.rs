//! The OpenAPI document: what the handlers' attributes cannot say once for all, and the shapes of what is sent.

mod bodies;
mod parameters;

use utoipa::{
    Modify, OpenApi,
    openapi::{
        Content, Header, HttpMethod, Object, Ref, RefOr, Response, SecurityRequirement, Type,
        link::Link,
        path::{Operation, PathItem},
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use bodies::ProblemDocument;
pub(crate) use bodies::{CreateApiKeyRequest, NewChallengePayment, NewPayment, NewStatus};
pub(crate) use parameters::*;

/// The document before the routes are added.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Payments API",
        description = "Keeps payments exactly, once, and for good. The routes of the challenge at the root are frozen; \
            `/v1` is the canonical API and only ever grows: new routes, optional parameters, fields and error codes may \
            appear, and clients ignore what they do not know. Every error is an RFC 9457 problem with a stable `code`.",
    ),
    components(schemas(ProblemDocument)),
    modifiers(&Security),
    tags(
        (name = "payments", description = "The canonical API"),
        (name = "challenge", description = "The five routes of the challenge, frozen"),
        (name = "api keys", description = "Keys for machines; the administrator's business"),
        (name = "health", description = "For load balancers and orchestrators"),
        (name = "documents", description = "What the service says about itself"),
    ),
)]
pub(crate) struct Base;

struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        for (name, scheme) in [
            (
                "basic",
                SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Basic).build()),
            ),
            (
                "bearer",
                SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build()),
            ),
            ("key", SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-API-Key")))),
        ] {
            components.add_security_scheme(name, scheme);
        }
        document.security = Some(
            ["basic", "bearer", "key"].map(|name| SecurityRequirement::new(name, [""; 0])).into(),
        );
    }
}

/// What can be done next with a payment: the operation that answers, its status, where its id is, and the operations for it.
const NEXT: &[(&str, &str, &str, &[&str])] = &[
    ("create", "201", "$response.body#/id", &["update", "delete"]),
    (
        "createPayment",
        "201",
        "$response.body#/id",
        &["readPayment", "setPaymentStatus", "deletePayment", "listPaymentEvents"],
    ),
    ("deletePayment", "204", "$request.path.id", &["restorePayment", "listPaymentEvents"]),
    ("createApiKey", "201", "$response.body#/id", &["revokeApiKey", "listApiKeyEvents"]),
];

/// Adds to every operation what it leads to and the problems that its kind can answer.
pub(crate) fn complete(document: &mut utoipa::openapi::OpenApi) {
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            link(operation);
            add_headers(operation);
            let statuses = problems(path, &method, operation);
            for status in statuses {
                operation
                    .responses
                    .responses
                    .entry(status.to_string())
                    .or_insert_with(|| problem_response(status));
            }
        }
    }
}

fn link(operation: &mut Operation) {
    for (from, status, id, next) in NEXT {
        if operation.operation_id.as_deref() == Some(from)
            && let Some(RefOr::T(response)) = operation.responses.responses.get_mut(*status)
        {
            response.links.extend(next.iter().map(|next| {
                let link = Link::builder().operation_id(*next).parameter("id", *id).build();
                ((*next).to_owned(), RefOr::T(link))
            }));
        }
    }
}

/// The fields of every answer, and of those that count against a quota.
fn add_headers(operation: &mut Operation) {
    let is_open = is_open(operation);
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        let header = |description: &str| {
            let mut header = Header::new(Object::with_type(Type::String));
            header.description = Some(description.to_owned());
            RefOr::T(header)
        };
        let headers = &mut response.headers;
        headers.insert("X-Request-Id".to_owned(), header("The request's id, as sent or made here"));
        if !is_open && status.starts_with('2') {
            headers.insert(
                "RateLimit-Policy".to_owned(),
                header("The quota and its window in seconds"),
            );
            headers.insert(
                "RateLimit".to_owned(),
                header("What is left of the quota, and when it is full again"),
            );
        }
    }
}

fn is_open(operation: &Operation) -> bool {
    operation.security.as_ref().is_some_and(|security| !security.is_empty())
}

fn problems(path: &str, method: &HttpMethod, operation: &Operation) -> Vec<u16> {
    let open = is_open(operation);
    let mut statuses = vec![400, 500];
    if path.contains('{') {
        statuses.push(404);
    }
    if open {
        return statuses;
    }
    statuses.extend([401, 403, 429, 503, 504]);
    if operation.request_body.is_some() {
        statuses.extend([408, 413, 415, 422]);
    }
    let on_payments = !path.contains("api-keys");
    match method {
        HttpMethod::Put | HttpMethod::Delete if on_payments => {
            statuses.extend([409, 410, 412]);
            // The challenge's routes never ask for If-Match.
            if path.starts_with("/v1/") {
                statuses.push(428);
            }
        }
        HttpMethod::Post if path.ends_with("/restore") => statuses.extend([409, 412, 428]),
        HttpMethod::Post if on_payments => statuses.push(409),
        HttpMethod::Get if path == "/v1/payments/{id}" => statuses.push(410),
        _ => {}
    }
    statuses
}

fn problem_response(status: u16) -> RefOr<Response> {
    let title = crate::problem::for_status(http::StatusCode::from_u16(status).unwrap_or_default());
    let title = title.map_or_else(
        || if status == 409 { "Conflict".to_owned() } else { "Validation failed".to_owned() },
        |problem| problem.code.title().english.into_owned(),
    );
    let content = Content::new(Some(Ref::from_schema_name("Problem")));
    let mut response = Response::builder().description(title);
    if matches!(status, 429 | 503) {
        let mut header = Header::new(Object::with_type(Type::Integer));
        header.description = Some("Seconds to wait before asking again".to_owned());
        response = response.header("Retry-After", header);
    }
    response.content("application/problem+json", content).build().into()
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (HttpMethod, &mut Operation)> {
    [
        (HttpMethod::Get, &mut item.get),
        (HttpMethod::Put, &mut item.put),
        (HttpMethod::Post, &mut item.post),
        (HttpMethod::Delete, &mut item.delete),
        (HttpMethod::Head, &mut item.head),
    ]
    .into_iter()
    .filter_map(|(method, operation)| operation.as_mut().map(|operation| (method, operation)))
}
