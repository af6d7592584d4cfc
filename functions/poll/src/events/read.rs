use std::{sync::Arc, time::Duration};

use model::{
    event::{Event, ReadCursor, ReadFrom},
    id::AccountId,
};
use runtime::clock::Clock;
use store::{AccountStore, Batch, Error, EventStore, NextRead, ReadLimits};

use crate::long_poll::{LongPolls, Waiter};

/// Poll interval of a long poll. Together with the reorder window, an event is read within a
/// second; a wait of 20 seconds costs 40 read units per account.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Context of reading events.
#[derive(Debug)]
pub struct Events {
    pub store: EventStore,
    pub accounts: Arc<AccountStore>,
    pub long_polls: Arc<LongPolls>,
    pub clock: Clock,
}

pub async fn start_cursor(
    events: &Events,
    start: ReadFrom,
    accounts: &[AccountId],
) -> Result<ReadCursor, Error> {
    match start {
        ReadFrom::Oldest => Ok(ReadCursor::oldest(events.clock.now())),
        ReadFrom::Now => events.store.end_cursor(accounts).await,
        ReadFrom::After(cursor) => Ok(cursor),
    }
}

/// Reads until there is an event or the wait is over.
pub async fn wait_for_events(
    events: &Events,
    accounts: &[AccountId],
    cursor: &mut ReadCursor,
    limits: ReadLimits,
    waiter: &mut Waiter<'_>,
) -> Result<Vec<Event>, Error> {
    loop {
        let Batch { events: page, next_read } = events.store.read(accounts, cursor, limits).await?;
        if !page.is_empty() || waiter.is_over() {
            return Ok(page);
        }
        let has_waited = match next_read {
            // Expired events are skipped page by page.
            NextRead::Immediately => true,
            NextRead::At(time) => waiter.pause(time.since(events.clock.now())).await,
            NextRead::OnNewEvent => waiter.pause(POLL_INTERVAL).await,
        };
        if !has_waited {
            return Ok(page);
        }
    }
}
