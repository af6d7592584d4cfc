use api::JobBody;
use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, StatusCode, header};
use model::{id::AccountId, job::Job};

use super::etag::ETag;

/// The response with a job, or 304 if the client has its state.
pub fn job(
    caller: AccountId,
    job: Job,
    if_none_match: Option<&str>,
    retry_after: Option<u64>,
    preference_applied: Option<String>,
) -> Response {
    let etag = ETag::of(&job);
    let headers = [
        (header::ETAG, Some(etag.to_string())),
        (header::CACHE_CONTROL, Some("private, no-cache".to_owned())),
        (header::RETRY_AFTER, retry_after.map(|seconds| seconds.to_string())),
        (HeaderName::from_static("preference-applied"), preference_applied),
    ];
    let headers =
        headers.into_iter().filter_map(|(name, value)| Some((name, value?.parse().ok()?)));
    let headers: HeaderMap = headers.collect();
    if if_none_match.is_some_and(|tags| etag.is_among(tags)) {
        (StatusCode::NOT_MODIFIED, headers).into_response()
    } else {
        (headers, Json(JobBody::for_caller(caller, job))).into_response()
    }
}
