//! `/v1/api-keys`: keys for machines, made, listed and revoked by the administrator. The secret is shown once.

use axum::{
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    app::Shared,
    auth::new_api_key,
    http::body::{Fields, JsonBytes, text_of},
    http::context::json,
    payment::now,
    problem::{Code, Complaint, Problem},
    store::ApiKey,
};

/// A new API key with its secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewApiKey {
    #[serde(flatten)]
    key: ApiKey,
    /// Shown only now; send it as X-API-Key or as a bearer token.
    secret: String,
}

/// All live API keys, newest first.
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
    JsonBytes(bytes): JsonBytes,
) -> Result<Response, Problem> {
    let mut fields = Fields::read(&bytes)?;
    let name = fields.take("name").and_then(text_of).unwrap_or_default();
    if !(1..=100).contains(&name.chars().count()) || name.contains(char::is_control) {
        fields.complain("name", Complaint::NameFormat);
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
    let key =
        ApiKey { id, name, can_read: has("read"), can_write: has("write"), created_at: now() };
    app.store.create_api_key(&key, digest).await?;
    let body = serde_json::to_string(&NewApiKey { key, secret }).unwrap_or_default();
    Ok(json(StatusCode::CREATED, body))
}

/// List API keys
#[utoipa::path(get, path = "/v1/api-keys", operation_id = "listApiKeys", tag = "api keys",
    responses((status = 200, description = "All live keys, without their secrets", body = ApiKeyList,
        content_type = "application/json")))]
pub(crate) async fn list(State(app): State<Shared>) -> Result<Response, Problem> {
    let data = app.store.api_keys().await?;
    Ok(json(StatusCode::OK, serde_json::to_string(&ApiKeyList { data }).unwrap_or_default()))
}

/// Revoke an API key
///
/// At once on the instance that is asked, within half a minute on the others.
#[utoipa::path(delete, path = "/v1/api-keys/{id}", operation_id = "revokeApiKey", tag = "api keys",
    params(("id" = Uuid, Path, description = "The key's id")),
    responses((status = 204, description = "Revoked")))]
pub(crate) async fn revoke(
    State(app): State<Shared>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let unknown = || Problem::new(Code::ApiKeyNotFound);
    let id = Uuid::try_parse(&id).map_err(|_| unknown())?;
    if !app.store.revoke_api_key(id).await? {
        return Err(unknown());
    }
    app.authority.forget();
    Ok(StatusCode::NO_CONTENT.into_response())
}
