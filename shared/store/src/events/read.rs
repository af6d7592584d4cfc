use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use aws_sdk_dynamodb::types::AttributeValue;
use futures::{StreamExt, TryStreamExt, stream};

use super::{EventStore, read_event};
use crate::{
    Error,
    key::Key,
    table::{Item, text},
};
use model::{
    event::{ALLOWED_LATENESS, Event, REORDER_WINDOW, ReadCursor},
    id::{AccountId, EventId},
    time::Time,
};

/// Accounts queried in parallel.
const PARALLEL_READS: usize = 10;
/// Pages (1 MB) of recent events to read per account. If there are more, only events before the low
/// watermark are delivered.
const MAX_PAGES: usize = 32;
/// Delay before the next read when there are too many recent events.
const CROWDED_DELAY: Duration = Duration::from_secs(1);

/// Estimated bytes of an event's JSON apart from its data and source.
const ENVELOPE_BYTES: usize = 200;

/// Limits of one read.
#[derive(Clone, Copy, Debug)]
pub struct ReadLimits {
    /// Maximum number of events.
    pub events: usize,
    /// Maximum bytes of JSON, since responses and messages are limited in size. A single larger
    /// event is delivered nevertheless.
    pub bytes: usize,
}

/// Result of one read.
#[derive(Debug)]
pub struct Batch {
    /// Oldest first.
    pub events: Vec<Event>,
    /// When to read next.
    pub next_read: NextRead,
}

/// When the next read returns more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextRead {
    /// Immediately.
    Immediately,
    /// At this time; events are held back until then.
    At(Time),
    /// After the next event.
    OnNewEvent,
}

impl EventStore {
    /// Reads the next events of these accounts and advances `position` past them. It may return
    /// fewer events than `extent` allows, or none, although there are more.
    ///
    /// Events before the low watermark are read oldest first. Recent ones are read newest first:
    /// the earlier events of a writer stream then appear later in the read, so that none is missed.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn read(
        &self,
        accounts: &[AccountId],
        position: &mut ReadCursor,
        extent: ReadLimits,
    ) -> Result<Batch, Error> {
        let now = self.clock.now();
        let (from, edge) = (position.watermark(), ReadCursor::low_watermark(now));
        if from >= ReadCursor::low_watermark(now - ALLOWED_LATENESS)
            && let Some(found) = self.read_recent(accounts, position, from, extent, now).await?
        {
            return Ok(deliver(position, found, None, extent, now));
        }
        let (mut found, complete_to) =
            self.read_before_watermark(accounts, position, edge, extent.events, now).await?;
        if complete_to.is_none()
            && found.len() < extent.events
            && let Some(young) =
                self.read_recent(accounts, position, edge.max(from), extent, now).await?
        {
            found.extend(young);
            return Ok(deliver(position, found, None, extent, now));
        }
        Ok(deliver(position, found, Some(complete_to.unwrap_or(edge)), extent, now))
    }

    /// Returns a cursor after all stored events of these accounts. It skips every event accepted
    /// before the call and includes every event accepted after it returns.
    ///
    /// Exception: with over 300 writer streams, or [`MAX_PAGES`] of one account, younger than
    /// [`ALLOWED_LATENESS`], some earlier events are read as well.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn end_cursor(&self, accounts: &[AccountId]) -> Result<ReadCursor, Error> {
        let now = self.clock.now();
        let portions = stream::iter(accounts.iter().copied().map(async |account| {
            let (mut there, mut start) = (Vec::new(), None);
            for _ in 0..MAX_PAGES {
                let (items, last) = self
                    .query(account, (ReadCursor::low_watermark(now), None), false, None, start)
                    .await?;
                for item in items {
                    there.push((account, read_event(account, item)?.0.id));
                }
                start = last;
                if start.is_none() {
                    break;
                }
            }
            Ok::<_, Error>(there)
        }));
        let there: Vec<Vec<_>> = portions.buffered(PARALLEL_READS).try_collect().await?;
        Ok(ReadCursor::after(there.into_iter().flatten(), now))
    }

    /// Returns new events between the cursor and `edge`, oldest first. If they are incomplete, also
    /// returns the id up to which they are complete.
    async fn read_before_watermark(
        &self,
        accounts: &[AccountId],
        position: &ReadCursor,
        edge: EventId,
        limit: usize,
        now: Time,
    ) -> Result<(Vec<Event>, Option<EventId>), Error> {
        let portions = stream::iter(accounts.iter().copied().map(async |account| {
            let range = (position.watermark(), Some(edge));
            let (items, last) = self.query(account, range, true, Some(limit + 1), None).await?;
            let last = last.and_then(|key| key.get("sk")?.as_s().ok()?.parse().ok());
            Ok::<_, Error>((self.new_ones(account, items, position, now)?, last))
        }));
        let portions: Vec<(Vec<Event>, Option<EventId>)> =
            portions.buffered(PARALLEL_READS).try_collect().await?;
        let complete_to = portions.iter().filter_map(|(_, last)| *last).min();
        Ok((portions.into_iter().flat_map(|(events, _)| events).collect(), complete_to))
    }

    /// Returns the oldest new events after `from`, per account one more than a read delivers.
    /// Returns `None` if there are too many to read.
    async fn read_recent(
        &self,
        accounts: &[AccountId],
        position: &ReadCursor,
        from: EventId,
        extent: ReadLimits,
        now: Time,
    ) -> Result<Option<Vec<Event>>, Error> {
        let portions = stream::iter(accounts.iter().copied().map(async |account| {
            let (mut oldest, mut bytes, mut start) = (VecDeque::new(), 0, None);
            for _ in 0..MAX_PAGES {
                let (items, last) = self.query(account, (from, None), false, None, start).await?;
                for event in self.new_ones(account, items, position, now)? {
                    bytes += json_size(&event);
                    oldest.push_front(event);
                    // Keep only as many events as a response holds, plus one to show that there are
                    // more.
                    while oldest.back().is_some_and(|newest| {
                        oldest.len() > extent.events + 1 || bytes - json_size(newest) > extent.bytes
                    }) {
                        bytes -= oldest.pop_back().as_ref().map_or(0, json_size);
                    }
                }
                if last.is_none() {
                    return Ok(Some(oldest));
                }
                start = last;
            }
            Ok::<_, Error>(None)
        }));
        let portions: Vec<Option<VecDeque<Event>>> =
            portions.buffered(PARALLEL_READS).try_collect().await?;
        let portions: Option<Vec<_>> = portions.into_iter().collect();
        Ok(portions.map(|portions| portions.into_iter().flatten().collect()))
    }

    fn new_ones(
        &self,
        account: AccountId,
        items: Vec<Item>,
        position: &ReadCursor,
        now: Time,
    ) -> Result<Vec<Event>, Error> {
        let mut events = Vec::new();
        for item in items {
            let (event, expires_at) = read_event(account, item)?;
            if now < expires_at && position.is_new(account, &event.id) {
                events.push(event);
            }
        }
        Ok(events)
    }

    /// Queries an account's events in a range with a consistent read. The second value is the start
    /// key of the next page, if any.
    async fn query(
        &self,
        account: AccountId,
        (from, to): (EventId, Option<EventId>),
        forward: bool,
        limit: Option<usize>,
        start: Option<Item>,
    ) -> Result<(Vec<Item>, Option<Item>), Error> {
        let range = if to.is_some() { "sk BETWEEN :from AND :to" } else { "sk > :from" };
        let mut values: HashMap<String, AttributeValue> = HashMap::from([
            (":events".to_owned(), text(Key::events(account))),
            (":from".to_owned(), text(from.to_string())),
        ]);
        values.extend(to.map(|to| (":to".to_owned(), text(to.to_string()))));
        let call = self.table.client.query().table_name(&self.table.name);
        let answer = call
            .key_condition_expression(format!("pk = :events AND {range}"))
            .set_expression_attribute_values(Some(values))
            .consistent_read(true)
            .scan_index_forward(forward)
            .set_limit(limit.map(|limit| i32::try_from(limit).unwrap_or(i32::MAX)))
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(|e| Error::of("Query", &e))?;
        Ok((answer.items.unwrap_or_default(), answer.last_evaluated_key))
    }
}

/// Estimated JSON size of an event: its data, its escaped source and the surrounding members.
fn json_size(event: &Event) -> usize {
    let source = serde_json::to_string(&event.content.source).map_or(0, |source| source.len());
    event.content.data.get().len() + source + ENVELOPE_BYTES
}

/// Delivers as many of the found events as fit into `extent`.
fn deliver(
    position: &mut ReadCursor,
    mut found: Vec<Event>,
    complete_to: Option<EventId>,
    extent: ReadLimits,
    now: Time,
) -> Batch {
    found.sort_by_key(|event| (event.id, event.account));
    let mut bytes = 0;
    let fit = found.iter().take_while(|event| {
        bytes += json_size(event);
        bytes <= extent.bytes
    });
    let limit = extent.events.min(fit.count().max(1));
    let held = found.iter().map(|event| event.time() + REORDER_WINDOW).find(|until| *until > now);
    let ready = found.iter().filter(|event| event.time() + REORDER_WINDOW <= now).count();
    let events = position.deliver(found, complete_to, limit, now);
    let rest = match complete_to {
        // The range before the low watermark was not read to its end.
        Some(end) if end < ReadCursor::low_watermark(now) => NextRead::Immediately,
        _ if !events.is_empty() && (events.len() < ready || events.len() >= extent.events) => {
            NextRead::Immediately
        }
        // Recent events exceed what a cursor or a read can hold.
        Some(_) => NextRead::At(now + CROWDED_DELAY),
        None if ready > 0 && events.is_empty() => NextRead::At(now + CROWDED_DELAY),
        None => held.map_or(NextRead::OnNewEvent, NextRead::At),
    };
    Batch { events, next_read: rest }
}
