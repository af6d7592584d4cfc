//! `GET /v1/rate`.

use std::sync::Arc;

use api::RateBody;
use axum::{Json, extract::State};
use tollgate_http::{ApiError, Query};

use crate::App;

/// Get the number of events and jobs accepted per second, over all accounts and instances.
///
/// The rate is the exact mean over whole seconds. It lags a few seconds, until every instance has
/// written its counts.
#[utoipa::path(
    get, path = "/v1/rate", tag = "events", operation_id = "getRate",
    responses((status = 200, description = "The rates", body = RateBody)),
)]
pub async fn get(State(app): State<Arc<App>>, query: Query) -> Result<Json<RateBody>, ApiError> {
    query.reject_unknown()?;
    let rate = app.tallies.rates.read().await?;
    Ok(Json(RateBody {
        events_per_second: rate.events,
        jobs_per_second: rate.jobs,
        window_seconds: rate.window.as_secs(),
    }))
}
