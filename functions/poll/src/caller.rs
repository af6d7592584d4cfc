//! `GET /v1/token`.

use api::CallerBody;
use axum::Json;
use http::{HeaderName, header};
use tollgate_http::{ApiError, Caller, Query};

/// Get the account and scopes of the key or token you send.
#[utoipa::path(
    get, path = "/v1/token", tag = "accounts", operation_id = "getToken",
    responses(
        (status = 200, description = "The account and scopes", body = CallerBody)
    ),
)]
pub async fn get(
    caller: Caller,
    query: Query,
) -> Result<([(HeaderName, &'static str); 1], Json<CallerBody>), ApiError> {
    query.reject_unknown()?;
    Ok((
        [(header::CACHE_CONTROL, "no-store")],
        Json(CallerBody {
            account_id: caller.account(),
            account_name: caller.account_name().to_owned(),
            key_id: caller.key(),
            name: caller.name().to_owned(),
            scopes: caller.scopes(),
        }),
    ))
}
