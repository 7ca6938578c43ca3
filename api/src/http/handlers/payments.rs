//! `/v1/payments`: the canonical API. It only ever grows: new routes, optional parameters, fields and error codes.

mod view;

use axum::{
    extract::{Path, Query, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::operations::{self, Shape};
use crate::{
    app::Shared,
    http::body::{Fields, JsonBytes, text_of},
    http::context::json,
    http::paging::Listing,
    http::precondition::{IfMatch, not_modified},
    payment::money::{Money, MoneyError},
    payment::{Actor, Change, Payment},
    problem::{Code, Complaint, FieldError, Problem},
};
use view::{EventList, PaymentPage, PaymentView};

const SHAPE: Shape =
    Shape { create: "/v1/payments", body: render, location: |id| format!("/v1/payments/{id}") };

fn render(payment: &Payment) -> String {
    serde_json::to_string(&PaymentView::new(payment)).unwrap_or_default()
}

/// Create a payment
#[utoipa::path(post, path = "/v1/payments", operation_id = "createPayment", tag = "payments",
    request_body(content = crate::http::openapi::NewPayment, content_type = "application/json"),
    params(crate::http::openapi::IdempotencyHeader),
    responses((status = 201, description = "Created, or created before with the same idempotency key", body = PaymentView,
        content_type = "application/json", headers(
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
    let amount = fields.take_object("amount").and_then(|mut inner| {
        let amount = amount(&mut inner);
        fields.absorb(inner);
        amount
    });
    let data = fields.take_data("data");
    fields.finish()?;
    let amount = amount.ok_or_else(|| Problem::new(Code::ValidationFailed))?;
    operations::create(&app, &headers, &actor, amount, data, &SHAPE).await
}

/// Reads `{value, minor, currency}`: one of the first two, or both when they agree.
fn amount(fields: &mut Fields<'_>) -> Option<Money> {
    if let Some(currency) = fields.take("currency")
        && text_of(currency).as_deref() != Some(Money::CURRENCY)
    {
        fields.complain("currency", Complaint::CurrencyUnknown);
    }
    let (value, minor) = (fields.take("value"), fields.take("minor"));
    if value.is_none() && minor.is_none() {
        fields.complain("value", Complaint::AmountRequired);
        return None;
    }
    let value = match value {
        None => None,
        Some(value) => {
            let amount = text_of(value).map_or(Err(MoneyError::Format), |text| Money::parse(&text));
            Some(fields.amount("value", amount)?)
        }
    };
    let minor = match minor {
        None => None,
        Some(minor) => {
            let Ok(number) = minor.get().parse::<i64>() else {
                fields.complain("minor", Complaint::NotCentavos);
                return None;
            };
            Some(fields.amount("minor", Money::from_minor(number))?)
        }
    };
    if let (Some(value), Some(minor)) = (value, minor)
        && value != minor
    {
        fields.complain("minor", Complaint::AmountsDiffer);
        return None;
    }
    value.or(minor)
}

/// List payments, newest first
///
/// HEAD answers the number of payments that the filters find, in the field Total-Count, without listing them.
#[utoipa::path(get, path = "/v1/payments", operation_id = "listPayments", tag = "payments",
    params(crate::http::openapi::ListParameters),
    responses((status = 200, description = "One page", body = PaymentPage, content_type = "application/json",
        headers(("Link" = Option<String>, description = "The next page, rel=next")))))]
pub(crate) async fn list(
    State(app): State<Shared>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    let listing = Listing::read(&query, app.cursor_key())?;
    let found = app.store.list(&listing.filter, listing.page).await?;
    let next = operations::next_cursor(&found, &listing, app.cursor_key());
    let total =
        if listing.with_total { Some(app.store.count(&listing.filter).await?) } else { None };
    let data = found.payments.iter().map(PaymentView::new).collect();
    let page = PaymentPage { data, has_more: next.is_some(), next_cursor: next.clone(), total };
    let mut response = json(StatusCode::OK, serde_json::to_string(&page).unwrap_or_default());
    operations::link(&mut response, &listing, "/v1/payments", next.as_deref());
    Ok(response)
}

/// Count payments
#[utoipa::path(head, path = "/v1/payments", operation_id = "countPayments", tag = "payments",
    params(crate::http::openapi::ListParameters),
    responses((status = 200, description = "Counted",
        headers(("Total-Count" = i64, description = "How many payments the filters find")))))]
pub(crate) async fn count(
    State(app): State<Shared>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    let listing = Listing::read(&query, app.cursor_key())?;
    let total = app.store.count(&listing.filter).await?;
    Ok((StatusCode::OK, [("total-count", total.to_string())]).into_response())
}

/// Read a payment
#[utoipa::path(get, path = "/v1/payments/{id}", operation_id = "readPayment", tag = "payments",
    params(crate::http::openapi::IdParameter, crate::http::openapi::IfNoneMatchHeader),
    responses(
        (status = 200, description = "The payment", body = PaymentView, content_type = "application/json",
            headers(("ETag" = String, description = "The version in quotes"))),
        (status = 304, description = "The client has this version already",
            headers(("ETag" = String, description = "The version in quotes")))))]
pub(crate) async fn read(
    State(app): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let found = app.store.read(operations::id(&id)?).await?;
    let payment = found.ok_or_else(|| Problem::new(Code::PaymentNotFound))?;
    if payment.deleted_at.is_some() {
        return Err(Problem::new(Code::PaymentDeleted));
    }
    let mut response = if not_modified(&headers, payment.version) {
        operations::tagged(StatusCode::NOT_MODIFIED.into_response(), &payment)
    } else {
        operations::show(&payment, render(&payment))
    };
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(response)
}

/// Consume a payment
///
/// Of any number of concurrent requests exactly one consumes; the others see the consumed payment. Asking for the status
/// that a payment has changes nothing.
#[utoipa::path(put, path = "/v1/payments/{id}/status", operation_id = "setPaymentStatus", tag = "payments",
    params(crate::http::openapi::IdParameter, crate::http::openapi::IfMatchHeader),
    request_body(content = crate::http::openapi::NewStatus, content_type = "application/json"),
    responses((status = 200, description = "The payment in that status", body = PaymentView,
        content_type = "application/json", headers(("ETag" = String, description = "The version in quotes")))))]
pub(crate) async fn set_status(
    State(app): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
    actor: Actor,
    JsonBytes(bytes): JsonBytes,
) -> Result<Response, Problem> {
    let status = operations::wanted_status(&bytes)?;
    require_if_match(&app, &headers)?;
    let payment =
        operations::set_status(&app, &headers, &actor, operations::id(&id)?, status).await?;
    Ok(operations::show(&payment, render(&payment)))
}

/// Delete a payment
///
/// It becomes a tombstone: reading it answers 410, restoring brings it back.
#[utoipa::path(delete, path = "/v1/payments/{id}", operation_id = "deletePayment", tag = "payments",
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
    require_if_match(&app, &headers)?;
    operations::delete(&app, &headers, &actor, &id, allow_missing).await
}

/// Restore a deleted payment
#[utoipa::path(post, path = "/v1/payments/{id}/restore", operation_id = "restorePayment", tag = "payments",
    params(crate::http::openapi::IdParameter, crate::http::openapi::IfMatchHeader),
    responses((status = 200, description = "The payment as it was", body = PaymentView,
        content_type = "application/json", headers(("ETag" = String, description = "The version in quotes")))))]
pub(crate) async fn restore(
    State(app): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
    actor: Actor,
) -> Result<Response, Problem> {
    require_if_match(&app, &headers)?;
    let payment =
        operations::change(&app, &headers, &actor, operations::id(&id)?, Change::Restore).await?;
    Ok(operations::show(&payment, render(&payment)))
}

/// Events in one answer at most.
const EVENTS: i64 = 1000;

/// Read a payment's audit trail
///
/// One event for each version, tombstones included; events are never changed. A thousand at most: the rest is asked for
/// with the last version that was seen.
#[utoipa::path(get, path = "/v1/payments/{id}/events", operation_id = "listPaymentEvents", tag = "payments",
    params(crate::http::openapi::IdParameter, crate::http::openapi::AfterVersion),
    responses((status = 200, description = "Events, oldest first", body = EventList, content_type = "application/json")))]
pub(crate) async fn events(
    State(app): State<Shared>,
    Path(id): Path<String>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    let (id, after) = (operations::id(&id)?, after_version(&query)?);
    let mut data = app.store.events(id, after, EVENTS + 1).await?;
    // Beyond the last version there is nothing, but the payment may well exist.
    if data.is_empty() && app.store.read(id).await?.is_none() {
        return Err(Problem::new(Code::PaymentNotFound));
    }
    let has_more = i64::try_from(data.len()).is_ok_and(|length| length > EVENTS);
    data.truncate(usize::try_from(EVENTS).unwrap_or_default());
    let list = EventList { data, has_more };
    Ok(json(StatusCode::OK, serde_json::to_string(&list).unwrap_or_default()))
}

fn after_version(query: &[(String, String)]) -> Result<i32, Problem> {
    let version = match query {
        [] => Some(0),
        [(name, value)] if name == "after" => value.parse().ok().filter(|version| *version >= 0),
        _ => None,
    };
    version.ok_or_else(|| {
        let name = query.first().map(|(name, _)| name.clone()).unwrap_or_default();
        let error = FieldError::new(name, Complaint::AfterFormat);
        Problem::invalid(Code::InvalidParameter, vec![error])
    })
}

fn require_if_match(app: &Shared, headers: &HeaderMap) -> Result<(), Problem> {
    if app.settings.require_if_match && IfMatch::read(headers) == IfMatch::Absent {
        return Err(Problem::new(Code::PreconditionRequired));
    }
    Ok(())
}
