//! `/v1/api-keys`: keys for machines, made, listed and revoked by the administrator. The secret is shown once.

use axum::{
    extract::{Path, Query, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::operations;
use crate::{
    app::Shared,
    auth::new_api_key,
    http::body::{Fields, JsonBytes, text_of},
    http::context::json,
    payment::{Actor, now},
    problem::{Code, Complaint, Problem},
    store::{ApiKey, ApiKeyEvent},
};

/// A new API key with its secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewApiKey {
    #[serde(flatten)]
    key: ApiKey,
    /// Shown only now; send it as X-API-Key or as a bearer token.
    secret: String,
}

/// What became of an API key, oldest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct ApiKeyEventList {
    data: Vec<ApiKeyEvent>,
}

/// API keys, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct ApiKeyList {
    data: Vec<ApiKey>,
}

/// Create an API key
#[utoipa::path(post, path = "/v1/api-keys", operation_id = "createApiKey", tag = "api keys",
    request_body(content = crate::http::openapi::CreateApiKeyRequest, content_type = "application/json"),
    responses((status = 201, description = "Created", body = NewApiKey, content_type = "application/json")))]
pub(crate) async fn create(
    State(app): State<Shared>,
    actor: Actor,
    JsonBytes(bytes): JsonBytes,
) -> Result<Response, Problem> {
    let mut fields = Fields::read(&bytes)?;
    let is_name = |name: &String| {
        (1..=100).contains(&name.chars().count()) && !name.contains(char::is_control)
    };
    let name = fields.take("name").and_then(text_of).unwrap_or_default();
    if !is_name(&name) {
        fields.complain("name", Complaint::NameFormat);
    }
    let client = fields.take("client").map(|client| text_of(client).unwrap_or_default());
    if client.as_ref().is_some_and(|client| !is_name(client)) {
        fields.complain("client", Complaint::NameFormat);
    }
    let scopes: Vec<String> = fields
        .take("scopes")
        .and_then(|scopes| serde_json::from_str(scopes.get()).ok())
        .unwrap_or_default();
    if scopes.is_empty() || scopes.iter().any(|scope| scope != "read" && scope != "write") {
        fields.complain("scopes", Complaint::ScopesFormat);
    }
    fields.finish()?;
    let (id, secret, digest) = new_api_key();
    let has = |scope: &str| scopes.iter().any(|own| own == scope);
    let key = ApiKey {
        id,
        name,
        client,
        can_read: has("read"),
        can_write: has("write"),
        created_at: now(),
        created_by: Some(actor.name.clone()),
        last_used_at: None,
        revoked_at: None,
    };
    app.store.create_api_key(&key, digest, &actor).await?;
    let body = serde_json::to_string(&NewApiKey { key, secret }).unwrap_or_default();
    Ok(json(StatusCode::CREATED, body))
}

/// List API keys
///
/// The newest thousand.
#[utoipa::path(get, path = "/v1/api-keys", operation_id = "listApiKeys", tag = "api keys",
    params(crate::http::openapi::ShowRevoked),
    responses((status = 200, description = "The live keys, without their secrets", body = ApiKeyList,
        content_type = "application/json")))]
pub(crate) async fn list(
    State(app): State<Shared>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    let revoked_too = operations::flag(&query, "show_revoked")?;
    let data = app.store.api_keys(revoked_too).await?;
    Ok(json(StatusCode::OK, serde_json::to_string(&ApiKeyList { data }).unwrap_or_default()))
}

/// Revoke an API key
///
/// At once on the instance that is asked, and on the others as soon as they hear of it: within half a minute, usually in
/// milliseconds.
#[utoipa::path(delete, path = "/v1/api-keys/{id}", operation_id = "revokeApiKey", tag = "api keys",
    params(("id" = Uuid, Path, description = "The key's id")),
    responses((status = 204, description = "Revoked")))]
pub(crate) async fn revoke(
    State(app): State<Shared>,
    Path(id): Path<String>,
    actor: Actor,
) -> Result<Response, Problem> {
    if !app.store.revoke_api_key(key_id(&id)?, &actor).await? {
        return Err(Problem::new(Code::ApiKeyNotFound));
    }
    app.authority.forget();
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Read an API key's audit trail
///
/// Who made it, who revoked it, and when; also of a revoked one.
#[utoipa::path(get, path = "/v1/api-keys/{id}/events", operation_id = "listApiKeyEvents", tag = "api keys",
    params(("id" = Uuid, Path, description = "The key's id")),
    responses((status = 200, description = "All events", body = ApiKeyEventList, content_type = "application/json")))]
pub(crate) async fn events(
    State(app): State<Shared>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let data = app.store.api_key_events(key_id(&id)?).await?;
    if data.is_empty() {
        return Err(Problem::new(Code::ApiKeyNotFound));
    }
    Ok(json(StatusCode::OK, serde_json::to_string(&ApiKeyEventList { data }).unwrap_or_default()))
}

fn key_id(text: &str) -> Result<Uuid, Problem> {
    operations::canonical_id(text).ok_or_else(|| Problem::new(Code::ApiKeyNotFound))
}
