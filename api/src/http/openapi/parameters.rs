//! Shapes of paths, queries and headers.

#![expect(dead_code, reason = "they are shapes in the document")]

use utoipa::IntoParams;

use crate::payment::Status;

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct IdParameter {
    /// The payment's id
    id: uuid::Uuid,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(crate) struct IdempotencyHeader {
    /// Makes a retry answer what the first request answered, for 24 hours; quoted or bare. Required where the service is so set.
    #[param(
        rename = "Idempotency-Key",
        required = false,
        min_length = 1,
        max_length = 255,
        pattern = "^[!#-~]{1,255}$"
    )]
    key: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(crate) struct IfMatchHeader {
    /// The ETag that the change is meant for; another version is answered 412
    #[param(rename = "If-Match", required = false, example = "\"1\"")]
    tag: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(crate) struct IfNoneMatchHeader {
    /// An ETag that the client has; the same version is answered 304
    #[param(rename = "If-None-Match", required = false, example = "\"1\"")]
    tag: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(crate) struct LanguageHeader {
    /// en or pt-BR
    #[param(rename = "Accept-Language", required = false, example = "pt-BR")]
    language: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AllowMissing {
    /// Answer 204 also when there is nothing to delete
    #[param(required = false)]
    allow_missing: bool,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageParameters {
    /// Payments per page
    #[param(required = false, minimum = 1, maximum = 100, default = 20)]
    limit: i64,
    /// next_cursor of the page before, or what its Link says
    #[param(required = false)]
    cursor: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParameters {
    /// Payments per page
    #[param(required = false, minimum = 1, maximum = 100, default = 20)]
    limit: i64,
    /// next_cursor of the page before, asked with the same filters
    #[param(required = false)]
    cursor: String,
    /// total: count what the filters find, too
    #[param(required = false, pattern = "^total$", example = "total")]
    include: String,
    #[param(required = false)]
    status: Status,
    /// Created at this time or later, from 1970 on
    #[param(required = false, value_type = String, format = "date-time", example = "2026-11-21T03:00:00Z")]
    created_gte: String,
    /// Created before this time, from 1970 on
    #[param(required = false, value_type = String, format = "date-time", example = "2026-11-22T03:00:00Z")]
    created_lt: String,
    /// At least so many centavos
    #[param(required = false, minimum = 0)]
    minor_gte: i64,
    /// At most so many centavos
    #[param(required = false, minimum = 0)]
    minor_lte: i64,
    /// A JSON object whose members the data must contain: texts, numbers, booleans, nulls and such objects
    #[param(required = false, example = "{\"order\":\"A-17\"}")]
    data: String,
    /// Tombstones too
    #[param(required = false)]
    show_deleted: bool,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ShowRevoked {
    /// Revoked keys too
    #[param(required = false)]
    show_revoked: bool,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AfterVersion {
    /// Only events of later versions
    #[param(required = false, minimum = 0, maximum = 2_147_483_647)]
    after: i32,
}
