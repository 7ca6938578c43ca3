//! What the challenge's routes and `/v1` do alike: create, read and change one payment.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    app::Shared,
    http::body::Fields,
    http::context::json,
    http::idempotency,
    http::paging::Listing,
    http::precondition::IfMatch,
    payment::data::Data,
    payment::filter::FoundPage,
    payment::money::Money,
    payment::{Actor, Change, Payment, Status},
    problem::{Code, Complaint, FieldError, Problem},
    store::{Answer, Claim, Created},
};

/// How a family of routes shows a payment.
pub(crate) struct Shape {
    /// The route's name inside the scope of idempotency keys.
    pub(crate) create: &'static str,
    pub(crate) body: fn(&Payment) -> String,
    pub(crate) location: fn(Uuid) -> String,
}

/// Creates a payment, once for each idempotency key.
pub(crate) async fn create(
    app: &Shared,
    headers: &HeaderMap,
    actor: &Actor,
    amount: Money,
    data: Data,
    shape: &Shape,
) -> Result<Response, Problem> {
    let key = idempotency::key(headers, app.settings.idempotency)?;
    let payment = Payment::new(amount, data);
    let answer = Answer {
        status: StatusCode::CREATED.as_u16(),
        etag: payment.etag(),
        location: (shape.location)(payment.id),
        body: (shape.body)(&payment),
    };
    let Some(key) = key else {
        app.store.create(&payment, None, actor).await?;
        crate::telemetry::metrics::created();
        return Ok(respond(&answer, false));
    };
    let scope = format!("{} POST {}", actor.account, shape.create);
    let in_flight = || Problem::new(Code::IdempotencyKeyInFlight).retry_after(1);
    let _taken = app.store.keys_in_flight.take(&scope, &key).ok_or_else(in_flight)?;
    let claim = Claim {
        scope,
        key,
        fingerprint: fingerprint(&payment),
        answer,
        kept_for: app.settings.idempotency_ttl,
    };
    match app.store.create(&payment, Some(&claim), actor).await? {
        Created::New => {
            crate::telemetry::metrics::created();
            Ok(respond(&claim.answer, false))
        }
        Created::Before(fingerprint, answer) if fingerprint == claim.fingerprint => {
            crate::telemetry::metrics::replayed();
            Ok(respond(&answer, true))
        }
        Created::Before(..) => Err(Problem::new(Code::IdempotencyKeyReused)),
        Created::InFlight => Err(in_flight()),
    }
}

/// SHA-256 of what was asked, in its canonical form.
fn fingerprint(payment: &Payment) -> [u8; 32] {
    let head = format!("{} {} ", payment.amount.minor(), Money::CURRENCY);
    Sha256::new().chain_update(head).chain_update(payment.data.text()).finalize().into()
}

fn respond(answer: &Answer, replayed: bool) -> Response {
    let mut response = json(
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::CREATED),
        answer.body.clone(),
    );
    let headers = response.headers_mut();
    for (name, value) in [(header::ETAG, &answer.etag), (header::LOCATION, &answer.location)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    if replayed {
        headers.insert("idempotency-hit", HeaderValue::from_static("true"));
    }
    response
}

/// A payment with its ETag.
pub(crate) fn show(payment: &Payment, body: String) -> Response {
    tagged(json(StatusCode::OK, body), payment)
}

/// Any answer with a payment's ETag.
pub(crate) fn tagged(mut response: Response, payment: &Payment) -> Response {
    if let Ok(etag) = HeaderValue::from_str(&payment.etag()) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}

/// Reads a path's id. One that is no UUID names no payment.
pub(crate) fn id(text: &str) -> Result<Uuid, Problem> {
    canonical_id(text).ok_or_else(|| Problem::new(Code::PaymentNotFound))
}

/// A UUID in the one form in which it is shown: other forms would be other URLs of the same thing.
pub(crate) fn canonical_id(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok().filter(|id| id.to_string() == text)
}

/// The cursor of the page that follows, when one does.
pub(crate) fn next_cursor(found: &FoundPage, listing: &Listing, secret: &[u8]) -> Option<String> {
    found.payments.last().filter(|_| found.has_more).map(|last| listing.cursor(last.id, secret))
}

/// Points to the next page.
pub(crate) fn link(response: &mut Response, listing: &Listing, path: &str, cursor: Option<&str>) {
    if let Some(cursor) = cursor
        && let Ok(link) = HeaderValue::from_str(&listing.link(path, cursor))
    {
        response.headers_mut().insert(header::LINK, link);
    }
}

/// Reads the only parameter of a route: true or false, false when absent.
pub(crate) fn flag(query: &[(String, String)], known: &str) -> Result<bool, Problem> {
    match query {
        [] => Ok(false),
        [(name, value)] if name == known && matches!(value.as_str(), "true" | "false") => {
            Ok(value == "true")
        }
        [(name, _), ..] => {
            let error = FieldError::new(name.clone(), Complaint::OnlyFlagFormat);
            Err(Problem::invalid(Code::InvalidParameter, vec![error]))
        }
    }
}

/// Deletes a payment.
pub(crate) async fn delete(
    app: &Shared,
    headers: &HeaderMap,
    actor: &Actor,
    id: &str,
    allow_missing: bool,
) -> Result<Response, Problem> {
    let wish = Change::Delete { consumed_too: app.settings.allow_delete_consumed };
    match change(app, headers, actor, self::id(id)?, wish).await {
        Ok(_) => Ok(StatusCode::NO_CONTENT.into_response()),
        Err(problem) if allow_missing && problem.code == Code::PaymentNotFound => {
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        Err(problem) => Err(problem),
    }
}

/// Reads the body of a change of status.
pub(crate) fn wanted_status(body: &[u8]) -> Result<Status, Problem> {
    let mut fields = Fields::read(body)?;
    let status = fields.take_status("status", true);
    fields.finish()?;
    status.ok_or_else(|| Problem::new(Code::ValidationFailed))
}

/// Brings a payment to a status.
pub(crate) async fn set_status(
    app: &Shared,
    headers: &HeaderMap,
    actor: &Actor,
    id: Uuid,
    status: Status,
) -> Result<Payment, Problem> {
    match status {
        Status::Consumed => change(app, headers, actor, id, Change::Consume).await,
        Status::Inserted => {
            let current =
                app.store.find(id).await?.ok_or_else(|| Problem::new(Code::PaymentNotFound))?;
            explain(None, current, &IfMatch::read(headers)).and_then(|verdict| match verdict {
                Verdict::Already(payment) => Ok(payment),
                Verdict::TryAgain => Err(Problem::new(Code::Internal)),
            })
        }
    }
}

/// Applies a change in one conditional statement and, when it did not apply, finds out why.
pub(crate) async fn change(
    app: &Shared,
    headers: &HeaderMap,
    actor: &Actor,
    id: Uuid,
    change: Change,
) -> Result<Payment, Problem> {
    let if_match = IfMatch::read(headers);
    // Whoever explains a refusal reads after the fact: a third party may have made the change possible again meanwhile.
    for _ in 0..3 {
        let version = match &if_match {
            IfMatch::Absent | IfMatch::Any => None,
            IfMatch::Versions(versions) if versions.len() == 1 => versions.first().copied(),
            IfMatch::Versions(_) => app
                .store
                .find(id)
                .await?
                .map(|payment| payment.version)
                .filter(|v| if_match.allows(*v))
                .or(Some(0)),
        };
        if let Some(payment) = app.store.change(id, change, version, actor).await? {
            crate::telemetry::metrics::changed(change.event());
            return Ok(payment);
        }
        let current =
            app.store.find(id).await?.ok_or_else(|| Problem::new(Code::PaymentNotFound))?;
        if let Verdict::Already(payment) = explain(Some(change), current, &if_match)? {
            return Ok(payment);
        }
    }
    Err(Problem::new(Code::Overloaded).retry_after(1))
}

enum Verdict {
    /// The payment is where the client wants it.
    Already(Payment),
    /// Nothing forbids the change any more.
    TryAgain,
}

/// Judges a payment that a change did not apply to; `None` stands for the wish that it be in its first state.
fn explain(
    change: Option<Change>,
    current: Payment,
    if_match: &IfMatch,
) -> Result<Verdict, Problem> {
    let deleted = current.deleted_at.is_some();
    match change {
        Some(Change::Restore) if !deleted => return Err(Problem::new(Code::PaymentNotDeleted)),
        Some(Change::Delete { .. }) if deleted => return Err(Problem::new(Code::PaymentNotFound)),
        Some(Change::Consume) | None if deleted => return Err(Problem::new(Code::PaymentDeleted)),
        _ => {}
    }
    if !if_match.allows(current.version) {
        return Err(Problem::new(Code::PreconditionFailed));
    }
    match (change, current.status) {
        (Some(Change::Consume), Status::Consumed) | (None, Status::Inserted) => {
            Ok(Verdict::Already(current))
        }
        (None | Some(Change::Delete { consumed_too: false }), Status::Consumed) => {
            let mut problem = Problem::new(Code::PaymentAlreadyConsumed);
            problem.current = Some(serde_json::json!({
                "id": current.id, "status": current.status, "version": current.version,
            }));
            Err(problem)
        }
        _ => Ok(Verdict::TryAgain),
    }
}
