//! `GET /v1/rate`.

use api::RateBody;
use axum::{Json, extract::State};
use store::Throughput;
use tollgate_http::{ApiError, Query};

/// Get the number of events and jobs accepted per second, over all accounts and instances.
///
/// The rate is the exact mean over whole seconds. It lags a few seconds, until every instance has
/// written its counts.
#[utoipa::path(
    get, path = "/v1/rate", tag = "events", operation_id = "getRate",
    responses((status = 200, description = "The rates", body = RateBody)),
)]
pub async fn get(
    State(throughput): State<Throughput>,
    query: Query,
) -> Result<Json<RateBody>, ApiError> {
    query.reject_unknown()?;
    let rate = throughput.read().await?;
    Ok(Json(RateBody {
        events_per_second: rate.events,
        jobs_per_second: rate.jobs,
        window_seconds: rate.window.as_secs(),
    }))
}
