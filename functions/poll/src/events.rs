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

use crate::{App, wait::wanted_wait};

/// The most bytes of a page, unless a single event has more: a function's answer is limited.
const MOST_BYTES: usize = 1024 * 1024;

/// How far apart the looks of a long poll are: with what events are held back for, one is seen within a second, and a wait of 20 seconds costs
/// 40 read units an account.
const LOOKS: Duration = Duration::from_millis(500);

/// Read events, oldest first.
///
/// Without `after` from the oldest that is kept, 7 days ago; with the `next_cursor` of the page before from there on: no event is missed or
/// comes twice, however long ago that was and whoever published meanwhile. Keep the cursor together with what you made of the page. With
/// `Prefer: wait=N` the answer is held, for at most 20 seconds, until there is an event.
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
            ("Preference-Applied" = String, description = "`wait=N` if the answer was held for it"),
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
    let events = if begins {
        Vec::new()
    } else {
        app.await_events(&accounts, &mut position, extent, wait.unwrap_or_default()).await?
    };
    let page = EventPage {
        items: events.into_iter().map(EventBody::from).collect(),
        next_cursor: encode_position(&position),
    };
    let applied = wait
        .map(|wait| [(HeaderName::from_static("preference-applied"), format!("wait={}", wait.as_secs()))]);
    Ok(([(header::CACHE_CONTROL, "private, no-store")], applied, Json(page)).into_response())
}

impl App {
    /// Reads until there is an event, or the wait is over.
    async fn await_events(
        &self,
        accounts: &[AccountId],
        position: &mut Position,
        extent: Extent,
        wait: Duration,
    ) -> Result<Vec<Event>, Failure> {
        let deadline = self.clock.now() + wait;
        loop {
            let Portion { events, rest } = self.events.read(accounts, position, extent).await?;
            let (now, left) = (self.clock.now(), deadline.since(self.clock.now()));
            if !events.is_empty() || left.is_zero() {
                return Ok(events);
            }
            match rest {
                // What expired is passed over in pages.
                Rest::Now => {}
                Rest::From(time) => tokio::time::sleep(time.since(now).min(left)).await,
                Rest::Nothing => tokio::time::sleep(LOOKS.min(left)).await,
            }
        }
    }
}
