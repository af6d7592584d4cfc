//! `POST /api/activities`.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use shared::{
    api::{
        Activities, ActivitiesToken, AnyProblem, BodyProblem, RepeatProblem, SpendingProblem,
        parameter,
    },
    gate::Failure,
};

use crate::{
    App,
    dropin::{Bare, Made},
};

/// Apply activities to tables, as clients of the gatekeeper ask for it.
///
/// The body is the payload of a job of the kind `activities`, whose schema is the contract. The answer to a valid one is 200, which those
/// clients check for, though the job is only queued by then; the token is its id. New clients use `POST /v1/jobs`.
#[utoipa::path(
    post, path = "/api/activities", tag = "drop-in", operation_id = "submitActivities",
    security(("key" = ["jobs:write"])),
    params(
        parameter::IdempotencyKey,
        parameter::Traceparent,
    ),
    request_body = Activities,
    responses(
        (status = 200, description = "The activities are stored and queued", body = ActivitiesToken, links(("pollToken" = (operation_id = "pollToken", parameters(("token" = "$response.body#/token")))), ("getJob" = (operation_id = "getJob", parameters(("id" = "$response.body#/token"))))), headers(
            ("Idempotency-Replayed" = bool, description = "`true` if the job was made by an earlier request"),
        )),
        AnyProblem, BodyProblem, RepeatProblem, SpendingProblem,
    ),
)]
pub async fn submit(State(app): State<Arc<App>>, asked: Bare) -> Result<Response, Failure> {
    let Made { job, replayed } = app.hand_in("activities", "POST /api/activities", asked).await?;
    Ok((replayed, Json(ActivitiesToken { token: job.id, status: job.status })).into_response())
}
