//! What the service says about itself: its OpenAPI document, the page to try it, and what each error code means.

use axum::{Extension, extract::Path, response::Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    http::context::json,
    problem::{Code, Language, Problem},
};

/// The OpenAPI document's text.
#[derive(Clone)]
pub(crate) struct Document(pub(crate) &'static str);

/// What an error code means.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProblemType {
    r#type: String,
    code: &'static str,
    status: u16,
    title: String,
    meaning: String,
}

/// The OpenAPI document
#[utoipa::path(get, path = "/openapi.json", operation_id = "openapi", tag = "documents", security(()),
    responses((status = 200, description = "This document", body = Object, content_type = "application/json")))]
pub(crate) async fn openapi(Extension(Document(text)): Extension<Document>) -> Response {
    let mut response = json(StatusCode::OK, text.to_owned());
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}

/// What an error code means
#[utoipa::path(get, path = "/problems/{code}", operation_id = "problem", tag = "documents", security(()),
    params(("code" = String, Path, description = "A stable error code", example = "payment_already_consumed"),
        crate::http::openapi::LanguageHeader),
    responses((status = 200, description = "The code's meaning", body = ProblemType, content_type = "application/json")))]
pub(crate) async fn problem(
    Path(code): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let code = Code::ALL
        .iter()
        .find(|known| known.name() == code)
        .ok_or_else(|| Problem::new(Code::RouteNotFound))?;
    let language = Language::negotiate(&headers);
    let body = ProblemType {
        r#type: format!("/problems/{}", code.name()),
        code: code.name(),
        status: code.status().as_u16(),
        title: code.title().to(language).to_owned(),
        meaning: code.meaning().to(language).to_owned(),
    };
    let mut response = json(StatusCode::OK, serde_json::to_string(&body).unwrap_or_default());
    response
        .headers_mut()
        .insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept-Language"));
    Ok(response)
}
