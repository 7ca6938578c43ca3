//! Which path leads where, and which layers stand around it. The router is also where the OpenAPI document comes from.

use std::sync::LazyLock;

use axum::{
    Extension, Router,
    middleware::{from_fn, from_fn_with_state, map_response},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::{
    app::Shared,
    http::admission::{administrator, admit},
    http::context::{note_panic, observe},
    http::handlers::documents::{self, Document},
    http::handlers::{api_keys, challenge, health, payments},
    http::openapi,
    problem::{Code, Problem},
};

/// Swagger UI brings its own scripts and styles and a few inline styles and images.
const DOCS_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";

/// The OpenAPI document as it is served and checked in.
static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    let (_, mut document) = open().merge(guarded()).merge(administrative()).split_for_parts();
    openapi::complete(&mut document);
    document.to_pretty_json().unwrap_or_default()
});

/// The OpenAPI document's text.
#[must_use]
pub(crate) fn document() -> &'static str {
    &DOCUMENT
}

/// The whole service.
pub(crate) fn router(app: Shared) -> Router {
    let protected = guarded()
        .merge(administrative().route_layer(from_fn(administrator)))
        .route_layer(from_fn_with_state(app.clone(), admit));
    let (routes, _) = open().merge(protected).split_for_parts();
    routes
        .layer(Extension(Document(document())))
        .merge(docs())
        .fallback(async || Problem::new(Code::RouteNotFound))
        .layer(CatchPanicLayer::custom(|_| {
            note_panic();
            Problem::new(Code::Internal).into_response()
        }))
        .layer(from_fn_with_state(app.clone(), observe))
        .with_state(app)
}

/// What needs no credentials.
fn open() -> OpenApiRouter<Shared> {
    OpenApiRouter::with_openapi(openapi::Base::openapi())
        .routes(routes!(health::root))
        .routes(routes!(health::status))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(health::started))
        .routes(routes!(documents::openapi))
        .routes(routes!(documents::problem))
}

fn guarded() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(challenge::create))
        .routes(routes!(challenge::update))
        .routes(routes!(challenge::list))
        .routes(routes!(challenge::delete))
        .routes(routes!(payments::create, payments::list, payments::count))
        .routes(routes!(payments::read, payments::delete))
        .routes(routes!(payments::set_status))
        .routes(routes!(payments::restore))
        .routes(routes!(payments::events))
}

fn administrative() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(api_keys::create, api_keys::list))
        .routes(routes!(api_keys::revoke))
        .routes(routes!(api_keys::events))
}

fn docs() -> Router<Shared> {
    Router::from(SwaggerUi::new("/docs").config(Config::from("/openapi.json"))).layer(map_response(
        async |mut response: Response| {
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(DOCS_POLICY));
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
            response
        },
    ))
}

#[cfg(test)]
mod tests {
    #[test]
    fn checked_in_document_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            kept.trim_end() == super::document(),
            "openapi.json is not what the code says: run `cargo run -p api -- openapi > api/openapi.json`"
        );
    }
}
