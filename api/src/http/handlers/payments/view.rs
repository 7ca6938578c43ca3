//! What `/v1/payments` shows.

use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    payment::data::Data,
    payment::money::Money,
    payment::{Event, Payment, Status},
};

/// A payment.
#[derive(Serialize, ToSchema)]
#[schema(as = Payment)]
pub(super) struct PaymentView<'a> {
    id: Uuid,
    status: Status,
    amount: Amount,
    /// Any JSON, as it was sent.
    #[schema(value_type = serde_json::Value)]
    data: &'a Data,
    /// Grows by one with every change; the ETag is this number in quotes.
    #[schema(minimum = 1)]
    version: i32,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    updated_at: OffsetDateTime,
    /// Present on tombstones only.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    deleted_at: Option<OffsetDateTime>,
}

/// An exact amount.
#[derive(Serialize, ToSchema)]
struct Amount {
    /// The decimal form, always with two decimals.
    #[schema(example = "12345.67", pattern = r"^\d{1,13}\.\d{2}$")]
    value: String,
    /// The same in centavos.
    #[schema(example = 1_234_567, minimum = 1, maximum = 999_999_999_999_999_i64)]
    minor: i64,
    /// ISO 4217.
    #[schema(example = "BRL", pattern = "^BRL$")]
    currency: &'static str,
}

impl<'a> PaymentView<'a> {
    pub(super) fn new(payment: &'a Payment) -> Self {
        let Payment { id, status, data, amount, version, created_at, updated_at, deleted_at } =
            payment;
        let amount =
            Amount { value: amount.to_string(), minor: amount.minor(), currency: Money::CURRENCY };
        Self {
            id: *id,
            status: *status,
            amount,
            data,
            version: *version,
            created_at: *created_at,
            updated_at: *updated_at,
            deleted_at: *deleted_at,
        }
    }
}

/// A page of payments, newest first.
#[derive(Serialize, ToSchema)]
pub(super) struct PaymentPage<'a> {
    pub(super) data: Vec<PaymentView<'a>>,
    pub(super) has_more: bool,
    /// Where the next page starts; present when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) next_cursor: Option<String>,
    /// How many payments the filters find; present with `include=total`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) total: Option<i64>,
}

/// The audit trail of one payment, oldest first.
#[derive(Serialize, ToSchema)]
pub(super) struct EventList {
    pub(super) data: Vec<Event>,
    pub(super) has_more: bool,
}
