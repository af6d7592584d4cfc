//! `GET /v1/rate`.

use std::sync::Arc;

use axum::{Json, extract::State};
use shared::{
    api::{AnyProblem, RateBody},
    gate::{Failure, Query},
};

use crate::App;

/// Ask how many events and jobs are accepted a second, of all accounts and by all instances together.
///
/// It is the mean of whole seconds, exact, and a few seconds behind: as long as it takes until every instance has told.
#[utoipa::path(
    get, path = "/v1/rate", tag = "events", operation_id = "getRate",
    security(("key" = ["events:read"])),
    responses((status = 200, description = "The rates", body = RateBody), AnyProblem),
)]
pub async fn get(State(app): State<Arc<App>>, query: Query) -> Result<Json<RateBody>, Failure> {
    query.end()?;
    let rate = app.tallies.rates.read().await?;
    Ok(Json(RateBody {
        events_per_second: rate.events,
        jobs_per_second: rate.jobs,
        window_seconds: rate.window.as_secs(),
    }))
}
