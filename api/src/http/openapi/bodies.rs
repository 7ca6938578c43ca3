//! Shapes of bodies that no handler's own type has: requests are read field by field, and problems are written in one place.

use serde::Serialize;
use utoipa::ToSchema;

use crate::payment::Status;

/// An error (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemDocument {
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
    #[schema(required = false)]
    value: AmountText,
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

/// 12345.67, or the Brazilian 12.345,67 or 12345,67. Text that could be read in two ways is refused.
#[derive(Serialize, ToSchema)]
#[schema(
    example = "12345.67",
    pattern = r"^(0*[0-9]{1,13}[.,][0-9]{2}|[0-9]{1,3}([.][0-9]{3})+,[0-9]{2})$"
)]
struct AmountText(String);

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
    Text(AmountText),
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
pub(crate) struct CreateApiKeyRequest {
    /// What it is for.
    #[schema(min_length = 1, max_length = 100, pattern = r"^[^\x00-\x1f\x7f-\x9f]{1,100}$")]
    name: String,
    /// Whom it is for: the keys of one client share its idempotency keys.
    #[schema(
        required = false,
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]{1,100}$"
    )]
    client: String,
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
