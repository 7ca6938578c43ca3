//! The OpenAPI document: what the handlers' attributes cannot say once for all, and the shapes of requests.

use serde::Serialize;
use utoipa::{
    IntoParams, Modify, OpenApi, ToSchema,
    openapi::{
        Content, HttpMethod, Ref, RefOr, Response, SecurityRequirement,
        path::{Operation, PathItem},
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use crate::payment::Status;

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

/// An error (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
struct ProblemDocument {
    /// Where the code is explained.
    #[schema(example = "/problems/payment_already_consumed", format = "uri-reference")]
    r#type: String,
    title: String,
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    detail: String,
    #[schema(format = "uri-reference")]
    instance: String,
    /// Stable and machine-readable.
    #[schema(example = "payment_already_consumed")]
    code: String,
    /// Every complaint about the body or the parameters.
    #[schema(required = false)]
    errors: Vec<FieldErrorDocument>,
    /// The present state of the resource, on some conflicts.
    #[schema(required = false, value_type = Object)]
    current: serde_json::Value,
    request_id: String,
    trace_id: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = FieldError)]
struct FieldErrorDocument {
    /// A JSON pointer into the body, or a parameter's name.
    pointer: String,
    /// Stable and machine-readable.
    code: String,
    detail: String,
}

/// A payment to be created.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPayment {
    amount: NewAmount,
    /// Any JSON; the empty object when absent.
    #[schema(required = false)]
    data: serde_json::Value,
}

/// `value`, `minor`, or both when they agree.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewAmount {
    /// 12345.67, or the Brazilian 12.345,67 or 12345,67. Text that could be read in two ways is refused.
    #[schema(required = false, example = "12345.67")]
    value: String,
    /// Centavos.
    #[schema(
        required = false,
        example = 1_234_567,
        minimum = 1,
        maximum = 999_999_999_999_999_i64
    )]
    minor: i64,
    /// BRL, which is also meant when it is absent.
    #[schema(required = false, example = "BRL", pattern = "^BRL$")]
    currency: String,
}

/// A payment to be created, in the challenge's form.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewChallengePayment {
    /// 12.345,67 (or 12345,67 or 12345.67) as text, or a number with at most two decimals.
    #[schema(value_type = ChallengeAmount)]
    payment: String,
    /// Any JSON; the empty object when absent.
    #[schema(required = false)]
    data: serde_json::Value,
    /// A new payment is inserted.
    #[schema(required = false, pattern = "^inserted$", example = "inserted")]
    status: String,
}

/// Text by grammar, or a JSON number.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it is a shape in the document")]
enum ChallengeAmount {
    #[schema(example = "12.345,67")]
    Text(String),
    #[schema(example = 12345.67)]
    Number(f64),
}

/// The status that a payment should have.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewStatus {
    status: Status,
}

/// An API key to be created.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiKeyWish {
    /// What it is for.
    #[schema(min_length = 1, max_length = 100, pattern = r"^[^\x00-\x1f\x7f-\x9f]{1,100}$")]
    name: String,
    #[schema(min_items = 1)]
    scopes: Vec<Scope>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "it is a shape in the document")]
enum Scope {
    Read,
    Write,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "it is a shape in the document")]
pub(crate) struct IdParameter {
    /// The payment's id
    id: uuid::Uuid,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it is a shape in the document")]
pub(crate) struct IdempotencyHeader {
    /// Makes a retry answer what the first request answered, for 24 hours; quoted or bare. Required where the service is so set.
    #[param(
        rename = "Idempotency-Key",
        required = false,
        min_length = 1,
        max_length = 255,
        pattern = "^[!#-~]{1,255}$"
    )]
    key: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it is a shape in the document")]
pub(crate) struct IfMatchHeader {
    /// The ETag that the change is meant for; another version is answered 412
    #[param(rename = "If-Match", required = false, example = "\"1\"")]
    tag: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it is a shape in the document")]
pub(crate) struct IfNoneMatchHeader {
    /// An ETag that the client has; the same version is answered 304
    #[param(rename = "If-None-Match", required = false, example = "\"1\"")]
    tag: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it is a shape in the document")]
pub(crate) struct LanguageHeader {
    /// en or pt-BR
    #[param(rename = "Accept-Language", required = false, example = "pt-BR")]
    language: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it is a shape in the document")]
pub(crate) struct AllowMissing {
    /// Answer 204 also when there is nothing to delete
    #[param(required = false)]
    allow_missing: bool,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it is a shape in the document")]
pub(crate) struct PageParameters {
    /// Payments per page
    #[param(required = false, minimum = 1, maximum = 100, default = 20)]
    limit: i64,
    /// next_cursor of the page before, or what its Link says
    #[param(required = false)]
    cursor: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it is a shape in the document")]
pub(crate) struct ListParameters {
    /// Payments per page
    #[param(required = false, minimum = 1, maximum = 100, default = 20)]
    limit: i64,
    /// next_cursor of the page before, asked with the same filters
    #[param(required = false)]
    cursor: String,
    /// total: count what the filters find, too
    #[param(required = false, pattern = "^total$", example = "total")]
    include: String,
    #[param(required = false)]
    status: Status,
    /// Created at this time or later, from 1970 on
    #[param(required = false, value_type = String, format = "date-time", example = "2026-11-21T03:00:00Z")]
    created_gte: String,
    /// Created before this time, from 1970 on
    #[param(required = false, value_type = String, format = "date-time", example = "2026-11-22T03:00:00Z")]
    created_lt: String,
    /// At least so many centavos
    #[param(required = false, minimum = 0)]
    minor_gte: i64,
    /// At most so many centavos
    #[param(required = false, minimum = 0)]
    minor_lte: i64,
    /// A JSON object whose members the data must contain: texts, numbers, booleans, nulls and such objects
    #[param(required = false, example = "{\"order\":\"A-17\"}")]
    data: String,
    /// Tombstones too
    #[param(required = false)]
    show_deleted: bool,
}

/// Adds to every operation the problems that its kind can answer, and sorts what is left to sort.
pub(crate) fn complete(document: &mut utoipa::openapi::OpenApi) {
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
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

fn problems(path: &str, method: &HttpMethod, operation: &Operation) -> Vec<u16> {
    let open = operation.security.as_ref().is_some_and(|security| !security.is_empty());
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
            statuses.extend([409, 410, 412, 428]);
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
    Response::builder()
        .description(title)
        .content("application/problem+json", content)
        .build()
        .into()
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
