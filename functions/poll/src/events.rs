//! `GET /v1/events`.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, header};
use shared::{
    api::{AnyProblem, EventBody, EventPage, Problem, encode_position, parameter},
    aws::{Extent, Portion, Rest},
    event::{Event, MOST_ACCOUNTS, Position, Start},
    gate::{Caller, Failure, Query},
    id::AccountId,
};

use crate::{App, wait::wanted_wait, waiter::Waiter};

/// The most bytes of a page, unless a single event has more: a function's answer is limited.
const MOST_BYTES: usize = 1024 * 1024;

/// How far apart the looks of a long poll are: with what events are held back for, one is seen within a second, and a wait of 20 seconds costs
/// 40 read units an account.
const LOOKS: Duration = Duration::from_millis(500);

/// Read events, oldest first.
///
/// Without `after` from the oldest that is kept, 7 days ago; with the `next_cursor` of the page before from there on: no event is missed or
/// comes twice, however long ago that was and whoever published meanwhile. Keep the cursor together with what you made of the page. With
/// `Prefer: wait=N` the answer is held, for at most 20 seconds, until there is an event. Where too
/// many requests wait already, it is held for less time, which `Preference-Applied` shows, or not at
/// all: then `Retry-After` says when to ask again.
///
/// `after=now` begins at the moment at which the server looks, while it answers: events that were accepted before the request are not told,
/// those that are accepted after that moment are, all of them, whatever clocks say. Without a wait the answer is an empty page at once, for
/// its cursor. What more than 300 publishers wrote within the last ten seconds, each job with the target `event` being one, may be told in part.
///
/// A cursor can be used with other accounts: one that joins is read from where the cursor stands, and one that is left out, and joins again
/// later, from there on.
#[utoipa::path(
    get, path = "/v1/events", tag = "events", operation_id = "listEvents",
    security(("key" = ["events:read"])),
    params(
        ("account" = Option<Vec<parameter::AccountId>>, Query, description = "Whose events, up to 50 accounts; the key's own if nothing is said. Others are for `admin` alone."),
        ("after" = Option<parameter::After>, Query, description = "The `next_cursor` of the page before; or `now`"),
        ("limit" = Option<u8>, Query, minimum = 1, maximum = 100, description = "How many, 20 if nothing is said"),
        parameter::PreferWait,
    ),
    responses(
        (status = 200, description = "A page", body = EventPage, headers(
            ("Preference-Applied" = String, description = "`wait=N` if it was held for up to `N` seconds"),
            ("Retry-After" = u64, description = "When to ask again, in seconds, if too many wait"),
        )),
        AnyProblem,
    ),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut query: Query,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let named = query.accounts(MOST_ACCOUNTS)?;
    let accounts = app.accounts.visible(&caller.subscriber(), named, app.clock.now()).await?;
    let accounts = accounts.ok_or(Problem::NotFound)?;
    let limit = query.limit()?;
    let start = query.start()?;
    query.end()?;
    let wait = wanted_wait(&headers);
    let extent = Extent { events: limit, bytes: MOST_BYTES };
    // Who begins now and doesn't wait wants the cursor alone.
    let begins = start == Start::Now && wait.is_none();
    let mut position = match start {
        Start::Oldest => Position::oldest(app.clock.now()),
        Start::Now => app.events.now(&accounts).await?,
        Start::After(position) => position,
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
    /// Reads until there is an event, or the wait is over.
    async fn await_events(
        &self,
        accounts: &[AccountId],
        position: &mut Position,
        extent: Extent,
        waiter: &mut Waiter<'_>,
    ) -> Result<Vec<Event>, Failure> {
        loop {
            let Portion { events, rest } = self.events.read(accounts, position, extent).await?;
            if !events.is_empty() || waiter.is_over() {
                return Ok(events);
            }
            let goes_on = match rest {
                // What expired is passed over in pages.
                Rest::Now => true,
                Rest::From(time) => waiter.pause(time.since(self.clock.now())).await,
                Rest::Nothing => waiter.pause(LOOKS).await,
            };
            if !goes_on {
                return Ok(events);
            }
        }
    }
}
