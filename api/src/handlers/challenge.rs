//! The five routes of the challenge, frozen: `POST /create`, `PUT /update/{id}`, `GET /list`, `DELETE /delete/{id}`
//! (and `GET /status`, which the health handlers answer).

use axum::{
    extract::{Path, Query, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::operations::{self, Shape};
use crate::{
    app::Shared,
    body::{Fields, JsonBytes},
    context::json,
    data::Data,
    payment::{Actor, Change, Payment, Status},
    problem::{Code, Problem},
    query::{Filter, Page},
};

/// A payment as the challenge shows it.
#[derive(Serialize)]
struct ChallengePayment<'a> {
    id: Uuid,
    status: Status,
    data: &'a Data,
    payment: String,
}

impl<'a> ChallengePayment<'a> {
    fn new(payment: &'a Payment) -> Self {
        let Payment { id, status, data, amount, .. } = payment;
        Self { id: *id, status: *status, data, payment: amount.brazilian() }
    }
}

const SHAPE: Shape = Shape { create: "/create", body: render, location: |id| format!("/v1/payments/{id}") };

fn render(payment: &Payment) -> String {
    serde_json::to_string(&ChallengePayment::new(payment)).unwrap_or_default()
}

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
        fields.complain("status", "status_not_initial", "of a new payment is inserted", "de um novo pagamento é inserted");
    }
    fields.finish()?;
    let amount = amount.ok_or_else(|| Problem::new(Code::ValidationFailed))?;
    operations::create(&app, &headers, &actor, amount, data, &SHAPE).await
}

pub(crate) async fn update(
    State(app): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
    actor: Actor,
    JsonBytes(bytes): JsonBytes,
) -> Result<Response, Problem> {
    let mut fields = Fields::read(&bytes)?;
    let status = fields.take_status("status", true);
    fields.finish()?;
    let status = status.ok_or_else(|| Problem::new(Code::ValidationFailed))?;
    let payment = operations::set_status(&app, &headers, &actor, operations::id(&id)?, status).await?;
    Ok(operations::show(&payment, render(&payment)))
}

#[derive(Deserialize)]
pub(crate) struct ListQuery {
    limit: Option<i64>,
}

pub(crate) async fn list(State(app): State<Shared>, Query(query): Query<ListQuery>) -> Result<Response, Problem> {
    let limit = query.limit.unwrap_or(20).clamp(1, 100);
    let mut payments = app.store.list(&Filter::default(), Page { after: None, limit }).await?;
    payments.truncate(usize::try_from(limit).unwrap_or_default());
    let items: Vec<_> = payments.iter().map(ChallengePayment::new).collect();
    Ok(json(StatusCode::OK, serde_json::to_string(&items).unwrap_or_default()))
}

pub(crate) async fn delete(
    State(app): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
    actor: Actor,
) -> Result<Response, Problem> {
    let change = Change::Delete { consumed_too: app.settings.allow_delete_consumed };
    operations::change(&app, &headers, &actor, operations::id(&id)?, change).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
