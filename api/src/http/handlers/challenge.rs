//! The five routes of the challenge, frozen: `POST /create`, `PUT /update/{id}`, `GET /list`, `DELETE /delete/{id}`
//! (and `GET /status`, which the health handlers answer).

use axum::{
    extract::{Path, Query, State},
    response::Response,
};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::operations::{self, Shape};
use crate::{
    app::Shared,
    http::body::{Fields, JsonBytes},
    http::context::json,
    http::paging::Listing,
    payment::data::Data,
    payment::{Actor, Payment, Status},
    problem::{Code, Complaint, Problem},
};

/// A payment as the challenge shows it.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChallengePayment<'a> {
    id: Uuid,
    status: Status,
    /// Any JSON, as it was sent.
    #[schema(value_type = serde_json::Value)]
    data: &'a Data,
    /// The amount in the Brazilian form.
    #[schema(example = "12.345,67", pattern = r"^\d{1,3}(\.\d{3})*,\d{2}$")]
    payment: String,
}

impl<'a> ChallengePayment<'a> {
    fn new(payment: &'a Payment) -> Self {
        let Payment { id, status, data, amount, .. } = payment;
        Self { id: *id, status: *status, data, payment: amount.brazilian() }
    }
}

const SHAPE: Shape =
    Shape { create: "/create", body: render, location: |id| format!("/v1/payments/{id}") };

fn render(payment: &Payment) -> String {
    serde_json::to_string(&ChallengePayment::new(payment)).unwrap_or_default()
}

/// Create a payment
#[utoipa::path(post, path = "/create", operation_id = "create", tag = "challenge",
    request_body(content = crate::http::openapi::NewChallengePayment, content_type = "application/json"),
    params(crate::http::openapi::IdempotencyHeader),
    responses((status = 201, description = "Created, or created before with the same idempotency key",
        body = ChallengePayment, content_type = "application/json", headers(
            ("ETag" = String, description = "The version in quotes"),
            ("Location" = String, description = "The payment's own path"),
            ("Idempotency-Hit" = Option<String>, description = "true when this is the answer of an earlier request")))))]
pub(crate) async fn create(
    State(app): State<Shared>,
    headers: HeaderMap,
    actor: Actor,
    JsonBytes(bytes): JsonBytes,
) -> Result<Response, Problem> {
    let mut fields = Fields::read(&bytes)?;
    let amount = fields.take_amount("payment");
    let data = fields.take_data("data");
    if fields.take_status("status", false) == Some(Status::Consumed) {
        fields.complain("status", Complaint::StatusNotInitial);
    }
    fields.finish()?;
    let amount = amount.ok_or_else(|| Problem::new(Code::ValidationFailed))?;
    operations::create(&app, &headers, &actor, amount, data, &SHAPE).await
}

/// Consume a payment
#[utoipa::path(put, path = "/update/{id}", operation_id = "update", tag = "challenge",
    params(crate::http::openapi::IdParameter, crate::http::openapi::IfMatchHeader),
    request_body(content = crate::http::openapi::NewStatus, content_type = "application/json"),
    responses((status = 200, description = "The payment in that status", body = ChallengePayment,
        content_type = "application/json", headers(("ETag" = String, description = "The version in quotes")))))]
pub(crate) async fn update(
    State(app): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
    actor: Actor,
    JsonBytes(bytes): JsonBytes,
) -> Result<Response, Problem> {
    let status = operations::wanted_status(&bytes)?;
    let payment =
        operations::set_status(&app, &headers, &actor, operations::id(&id)?, status).await?;
    Ok(operations::show(&payment, render(&payment)))
}

/// List payments, newest first
///
/// The answer is an array of one page; the Link field names the next.
#[utoipa::path(get, path = "/list", operation_id = "list", tag = "challenge",
    params(crate::http::openapi::PageParameters),
    responses((status = 200, description = "One page", body = [ChallengePayment], content_type = "application/json",
        headers(("Link" = Option<String>, description = "The next page, rel=next")))))]
pub(crate) async fn list(
    State(app): State<Shared>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    let listing = Listing::read_plain(&query, app.cursor_key())?;
    let found = app.store.list(&listing.filter, listing.page).await?;
    let next = operations::next_cursor(&found, &listing, app.cursor_key());
    let items: Vec<_> = found.payments.iter().map(ChallengePayment::new).collect();
    let mut response = json(StatusCode::OK, serde_json::to_string(&items).unwrap_or_default());
    operations::link(&mut response, &listing, "/list", next.as_deref());
    Ok(response)
}

/// Delete a payment
#[utoipa::path(delete, path = "/delete/{id}", operation_id = "delete", tag = "challenge",
    params(crate::http::openapi::IdParameter, crate::http::openapi::IfMatchHeader, crate::http::openapi::AllowMissing),
    responses((status = 204, description = "Deleted")))]
pub(crate) async fn delete(
    State(app): State<Shared>,
    Path(id): Path<String>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
    actor: Actor,
) -> Result<Response, Problem> {
    let allow_missing = operations::flag(&query, "allow_missing")?;
    operations::delete(&app, &headers, &actor, &id, allow_missing).await
}
