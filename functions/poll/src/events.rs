//! `GET /v1/events`.

use std::{sync::Arc, time::Duration};

use api::{EventBody, EventPage, Problem, encode_position, parameter};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, header};
use model::{
    event::{Event, MAX_ACCOUNTS, ReadCursor, ReadFrom},
    id::AccountId,
};
use store::{Batch, NextRead, ReadLimits};
use tollgate_http::{ApiError, Caller, Query};

use crate::{App, wait::preferred_wait, waiter::Waiter};

/// Limit for the events of a page, since Lambda limits the size of a response. A single larger
/// event is still returned.
const MAX_PAGE_BYTES: usize = 1024 * 1024;

/// Poll interval of a long poll. Together with the reorder window, an event is read within a
/// second; a wait of 20 seconds costs 40 read units per account.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

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
    State(app): State<Arc<App>>,
    caller: Caller,
    mut query: Query,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let named = query.accounts(MAX_ACCOUNTS)?;
    let accounts =
        app.accounts.visible_accounts(&caller.subscriber(), named, app.clock.now()).await?;
    let accounts = accounts.ok_or(Problem::NotFound)?;
    let limit = query.limit()?;
    let start = query.start()?;
    query.reject_unknown()?;
    let wait = preferred_wait(&headers);
    let extent = ReadLimits { events: limit, bytes: MAX_PAGE_BYTES };
    // A client that starts now and doesn't wait needs only the cursor.
    let begins = start == ReadFrom::Now && wait.is_none();
    let mut position = match start {
        ReadFrom::Oldest => ReadCursor::oldest(app.clock.now()),
        ReadFrom::Now => app.events.end_cursor(&accounts).await?,
        ReadFrom::After(position) => position,
    };
    let mut waiter = Waiter::new(&app, caller.account(), wait);
    let events = if begins {
        Ok(Vec::new())
    } else {
        app.await_events(&accounts, &mut position, extent, &mut waiter).await
    };
    let waited = waiter.end().await;
    let events = events?;
    let page = EventPage {
        items: events.into_iter().map(EventBody::from).collect(),
        next_cursor: encode_position(&position),
    };
    let applied =
        waited.applied().map(|wait| [(HeaderName::from_static("preference-applied"), wait)]);
    let later =
        waited.retry_after(None).map(|seconds| [(header::RETRY_AFTER, seconds.to_string())]);
    let cache = [(header::CACHE_CONTROL, "private, no-store")];
    Ok((cache, applied, later, Json(page)).into_response())
}

impl App {
    /// Reads until there is an event or the wait is over.
    async fn await_events(
        &self,
        accounts: &[AccountId],
        position: &mut ReadCursor,
        extent: ReadLimits,
        waiter: &mut Waiter<'_>,
    ) -> Result<Vec<Event>, ApiError> {
        loop {
            let Batch { events, next_read: rest } =
                self.events.read(accounts, position, extent).await?;
            if !events.is_empty() || waiter.is_over() {
                return Ok(events);
            }
            let goes_on = match rest {
                // Expired events are skipped page by page.
                NextRead::Immediately => true,
                NextRead::At(time) => waiter.pause(time.since(self.clock.now())).await,
                NextRead::OnNewEvent => waiter.pause(POLL_INTERVAL).await,
            };
            if !goes_on {
                return Ok(events);
            }
        }
    }
}
