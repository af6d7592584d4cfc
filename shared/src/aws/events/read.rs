use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use aws_sdk_dynamodb::types::AttributeValue;
use futures::{StreamExt, TryStreamExt, stream};

use super::{EventStore, read_event};
use crate::{
    aws::{
        Error,
        key::Key,
        table::{Item, text},
    },
    event::{Event, HORIZON, Position, SETTLING},
    id::{AccountId, EventId},
    time::Time,
};

/// How many accounts are read side by side.
const ABREAST: usize = 10;
/// How many pages of a megabyte of one account's young events are looked through. Where there are more, only settled events are read.
const MOST_PAGES: usize = 32;
/// When another look is worth its price where there are too many young events.
const CROWDED: Duration = Duration::from_secs(1);

/// The members of an event but its data and source, and their names.
const AROUND: usize = 200;

/// How much is read at once.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// The most events.
    pub events: usize,
    /// The most bytes of JSON, unless a single event has more: answers and messages are limited.
    pub bytes: usize,
}

/// What a read brought.
#[derive(Debug)]
pub struct Portion {
    /// The events, oldest first.
    pub events: Vec<Event>,
    /// What is left.
    pub rest: Rest,
}

/// When another read brings more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// At once.
    Now,
    /// From this time on; until then it is held back.
    From(Time),
    /// When something happens.
    Nothing,
}

impl EventStore {
    /// The next events of these accounts, of which `position` then says that they were read. It may be less than fits into `extent`, even
    /// nothing, while there are more.
    ///
    /// What is settled is read from the oldest on. What is younger is looked through from the newest back: whatever event is seen then, those
    /// before it in its lane are still to be seen.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn read(
        &self,
        accounts: &[AccountId],
        position: &mut Position,
        extent: Extent,
    ) -> Result<Portion, Error> {
        let now = self.clock.now();
        let (from, edge) = (position.settled(), Position::edge(now));
        if from >= Position::edge(now - HORIZON)
            && let Some(found) = self.young(accounts, position, from, extent, now).await?
        {
            return Ok(deliver(position, found, None, extent, now));
        }
        let (mut found, complete_to) =
            self.settled(accounts, position, edge, extent.events, now).await?;
        if complete_to.is_none()
            && found.len() < extent.events
            && let Some(young) = self.young(accounts, position, edge.max(from), extent, now).await?
        {
            found.extend(young);
            return Ok(deliver(position, found, None, extent, now));
        }
        Ok(deliver(position, found, Some(complete_to.unwrap_or(edge)), extent, now))
    }

    /// The position behind all events of these accounts that are there. Whatever was accepted before this is called is passed over, and
    /// whatever is accepted after it answers is read from there on; unless over 300 lanes, or [`MOST_PAGES`] of one account, are younger than
    /// [`HORIZON`]: then some of that is read as well.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn now(&self, accounts: &[AccountId]) -> Result<Position, Error> {
        let now = self.clock.now();
        let portions = stream::iter(accounts.iter().copied().map(async |account| {
            let (mut there, mut start) = (Vec::new(), None);
            for _ in 0..MOST_PAGES {
                let (items, last) =
                    self.query(account, (Position::edge(now), None), false, None, start).await?;
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
        let there: Vec<Vec<_>> = portions.buffered(ABREAST).try_collect().await?;
        Ok(Position::after(there.into_iter().flatten(), now))
    }

    /// New events between the position and `edge`, oldest first, and up to where that is all of them if it isn't all.
    async fn settled(
        &self,
        accounts: &[AccountId],
        position: &Position,
        edge: EventId,
        limit: usize,
        now: Time,
    ) -> Result<(Vec<Event>, Option<EventId>), Error> {
        let portions = stream::iter(accounts.iter().copied().map(async |account| {
            let range = (position.settled(), Some(edge));
            let (items, last) = self.query(account, range, true, Some(limit + 1), None).await?;
            let last = last.and_then(|key| key.get("sk")?.as_s().ok()?.parse().ok());
            Ok::<_, Error>((self.new_ones(account, items, position, now)?, last))
        }));
        let portions: Vec<(Vec<Event>, Option<EventId>)> =
            portions.buffered(ABREAST).try_collect().await?;
        let complete_to = portions.iter().filter_map(|(_, last)| *last).min();
        Ok((portions.into_iter().flat_map(|(events, _)| events).collect(), complete_to))
    }

    /// The oldest new events behind `from`, of each account one more than is delivered at once; none at all if there are too many to look through.
    async fn young(
        &self,
        accounts: &[AccountId],
        position: &Position,
        from: EventId,
        extent: Extent,
        now: Time,
    ) -> Result<Option<Vec<Event>>, Error> {
        let portions = stream::iter(accounts.iter().copied().map(async |account| {
            let (mut oldest, mut bytes, mut start) = (VecDeque::new(), 0, None);
            for _ in 0..MOST_PAGES {
                let (items, last) = self.query(account, (from, None), false, None, start).await?;
                for event in self.new_ones(account, items, position, now)? {
                    bytes += size(&event);
                    oldest.push_front(event);
                    // No more is kept than an answer holds, and by one more it shows that there is more.
                    while oldest.back().is_some_and(|newest| {
                        oldest.len() > extent.events + 1 || bytes - size(newest) > extent.bytes
                    }) {
                        bytes -= oldest.pop_back().as_ref().map_or(0, size);
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
            portions.buffered(ABREAST).try_collect().await?;
        let portions: Option<Vec<_>> = portions.into_iter().collect();
        Ok(portions.map(|portions| portions.into_iter().flatten().collect()))
    }

    fn new_ones(
        &self,
        account: AccountId,
        items: Vec<Item>,
        position: &Position,
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

    /// An account's events in a range, as every write that was answered before left them; and where to go on, if that wasn't all.
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

/// How much of an answer it takes: its data, its source with what JSON escapes, and what stands around them.
fn size(event: &Event) -> usize {
    let source = serde_json::to_string(&event.content.source).map_or(0, |source| source.len());
    event.content.data.get().len() + source + AROUND
}

/// Delivers what was found, as much of it as fits.
fn deliver(
    position: &mut Position,
    mut found: Vec<Event>,
    complete_to: Option<EventId>,
    extent: Extent,
    now: Time,
) -> Portion {
    found.sort_by_key(|event| (event.id, event.account));
    let mut bytes = 0;
    let fit = found.iter().take_while(|event| {
        bytes += size(event);
        bytes <= extent.bytes
    });
    let limit = extent.events.min(fit.count().max(1));
    let held = found.iter().map(|event| event.time() + SETTLING).find(|until| *until > now);
    let ready = found.iter().filter(|event| event.time() + SETTLING <= now).count();
    let events = position.deliver(found, complete_to, limit, now);
    let rest = match complete_to {
        // The settled part wasn't read to its end.
        Some(end) if end < Position::edge(now) => Rest::Now,
        _ if !events.is_empty() && (events.len() < ready || events.len() >= extent.events) => {
            Rest::Now
        }
        // There is more than a position, or a read, can hold while it is young.
        Some(_) => Rest::From(now + CROWDED),
        None if ready > 0 && events.is_empty() => Rest::From(now + CROWDED),
        None => held.map_or(Rest::Nothing, Rest::From),
    };
    Portion { events, rest }
}
