//! `GET /v1/events`.

mod read;
mod response;

use std::sync::Arc;

use api::{EventPage, Problem, parameter};
use axum::{extract::State, response::Response};
use http::HeaderMap;
use model::event::{MAX_ACCOUNTS, ReadFrom};
use store::ReadLimits;
use tollgate_http::{ApiError, Caller, Query};

use crate::long_poll::{Waiter, preferred_wait};

pub use read::Events;

/// Limit for the events of a page, since Lambda limits the size of a response. A single larger
/// event is still returned.
const MAX_PAGE_BYTES: usize = 1024 * 1024;

/// List events, oldest first.
///
/// Without `after`, the list starts at the oldest event kept, 7 days ago. With the `next_cursor` of
/// a page, it continues there: no event is missed or repeated, however much time has passed. Store
/// the cursor together with your results of the page. With `Prefer: wait=N`, the response is held
/// until there is an event, for at most 20 seconds. If too many requests are waiting, it is held
/// for less time, as `Preference-Applied` says, or not at all; then `Retry-After` says when to poll
/// again.
///
/// `after=now` starts when the server handles the request. Events accepted before the request are
/// excluded, those accepted after that moment included, regardless of clocks. Without a wait, the
/// response is an empty page with its cursor. Events of more than 300 publishers within the last
/// ten seconds may be included in part; each job with the target `event` counts as a publisher.
///
/// A cursor can be used with other accounts. An added account is read from the cursor on; an
/// account that is left out and added again continues there as well.
#[utoipa::path(
    get, path = "/v1/events", tag = "events", operation_id = "listEvents",
    params(
        (
            "account" = Option<Vec<parameter::AccountId>>, Query,
            description = "Up to 50 accounts; defaults to the key's account. \
                Others require `admin`."
        ),
        (
            "after" = Option<parameter::After>, Query,
            description = "The `next_cursor` of the previous page; or `now`"
        ),
        (
            "limit" = Option<u8>, Query, minimum = 1, maximum = 100,
            description = "Maximum number of items; defaults to 20"
        ),
        parameter::PreferWait,
    ),
    responses(
        (status = 200, description = "A page", body = EventPage, headers(
            (
                "Preference-Applied" = String,
                description = "`wait=N` if the response was held for up to `N` seconds"
            ),
            (
                "Retry-After" = u64,
                description = "Seconds to wait before polling again, if too many requests wait"
            ),
        )),
    ),
)]
pub async fn list(
    State(events): State<Arc<Events>>,
    caller: Caller,
    mut query: Query,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (subscriber, ids) = (caller.subscriber(), query.accounts(MAX_ACCOUNTS)?);
    let accounts = events.accounts.visible_accounts(&subscriber, ids, events.clock.now()).await?;
    let accounts = accounts.ok_or(Problem::NotFound)?;
    let limits = ReadLimits { events: query.limit()?, bytes: MAX_PAGE_BYTES };
    let start = query.start()?;
    query.reject_unknown()?;
    let wait = preferred_wait(&headers);
    // A client that starts now and doesn't wait needs only the cursor.
    let is_cursor_enough = start == ReadFrom::Now && wait.is_none();
    let mut cursor = read::start_cursor(&events, start, &accounts).await?;
    let mut waiter = Waiter::new(&events.long_polls, caller.account(), wait);
    let page = if is_cursor_enough {
        Ok(Vec::new())
    } else {
        read::wait_for_events(&events, &accounts, &mut cursor, limits, &mut waiter).await
    };
    let wait_result = waiter.end().await;
    Ok(response::page(page?, &cursor, wait_result))
}
