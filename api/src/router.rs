//! Which path leads where, and which layers stand around it.

use axum::{
    Router,
    middleware::from_fn_with_state,
    routing::{delete, get, post, put},
};
use tower_http::catch_panic::CatchPanicLayer;

use crate::{
    app::Shared,
    context::observe,
    handlers::{challenge, health},
    problem::{Code, Problem},
    protect::protect,
};

/// The whole service.
pub(crate) fn router(app: Shared) -> Router {
    let guarded = Router::new()
        .route("/create", post(challenge::create))
        .route("/update/{id}", put(challenge::update))
        .route("/list", get(challenge::list))
        .route("/delete/{id}", delete(challenge::delete))
        .route_layer(from_fn_with_state(app.clone(), protect));
    Router::new()
        .route("/", get(health::status))
        .route("/status", get(health::status))
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/startupz", get(health::started))
        .merge(guarded)
        .fallback(async || Problem::new(Code::RouteNotFound))
        .layer(CatchPanicLayer::custom(|_| axum::response::IntoResponse::into_response(Problem::new(Code::Internal))))
        
        .layer(from_fn_with_state(app.clone(), observe))
        .with_state(app)
}
