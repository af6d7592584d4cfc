use std::collections::BTreeMap;

use type_safe_id::TypeSafeId;
use uuid::Uuid;

use super::{
    Event, HORIZON, KEPT, LaneNumber, SETTLING,
    lane::{Mark, lane_of, mark_of},
};
use crate::{
    id::{AccountId, EventId},
    time::Time,
};

/// How far a reader came in the events of some accounts.
///
/// All events up to `settled` were delivered, and no other can appear there. What was delivered beyond it is known by the last event of
/// each account and lane: within one nothing can appear behind what was seen. So a writer whose clock is behind is read late, but read, and
/// nothing is read twice. Where there are more lanes than a position holds, events of further ones wait until they are settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    settled: u128,
    seen: BTreeMap<AccountId, BTreeMap<LaneNumber, Mark>>,
}

/// Where a reader begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// With the oldest event that is kept.
    Oldest,
    /// With the first that is accepted from now on.
    Now,
    /// Where it was before.
    After(Position),
}

/// Bytes that are no position.
#[derive(Debug, thiserror::Error)]
#[error("is not a position among events")]
pub struct NotAPosition;

/// How many lanes a position holds: 3 KB of them, so that it fits into an address.
const MOST_LANES: usize = 300;
const VERSION: u8 = 1;
const LANE_BYTES: usize = 10;

impl Position {
    /// Before the oldest event that is kept.
    #[must_use]
    pub fn oldest(now: Time) -> Self {
        Self {
            settled: first_of(Time::from_millis(now.millis().saturating_sub(millis(KEPT)))),
            seen: BTreeMap::new(),
        }
    }

    /// Behind everything that was `there` at `now`: the events of some accounts from [`edge`](Self::edge) on. What is written later is new,
    /// also where its id is older. Where there are more lanes than a position holds, some of what was there is new as well.
    #[must_use]
    pub fn after(there: impl IntoIterator<Item = (AccountId, EventId)>, now: Time) -> Self {
        let mut position = Self { settled: edge(now), seen: BTreeMap::new() };
        for (account, id) in there {
            if position.is_new(account, &id) && position.has_room(account, &id) {
                position.see(account, &id);
            }
        }
        position
    }

    /// Up to where all events were delivered.
    #[must_use]
    pub fn settled(&self) -> EventId {
        TypeSafeId::from_uuid(Uuid::from_u128(self.settled))
    }

    /// From which id on events may still appear, at `now`; before it all are there.
    #[must_use]
    pub fn edge(now: Time) -> EventId {
        TypeSafeId::from_uuid(Uuid::from_u128(edge(now)))
    }

    /// Whether an event was not delivered yet.
    #[must_use]
    pub fn is_new(&self, account: AccountId, id: &EventId) -> bool {
        let seen = self.seen.get(&account).and_then(|lanes| lanes.get(&lane_of(id)));
        id.uuid().as_u128() > self.settled && seen.is_none_or(|seen| mark_of(id) > *seen)
    }

    /// Delivers up to `limit` of the new events, oldest first, and moves on.
    ///
    /// `found` are all new events of the accounts that are read; where it is only known for those up to `complete_to`, that says so.
    /// The younger ones have to be seen after the older ones of the same lane could be.
    pub fn deliver(
        &mut self,
        mut found: Vec<Event>,
        complete_to: Option<EventId>,
        limit: usize,
        now: Time,
    ) -> Vec<Event> {
        let edge = edge(now);
        let complete_to = complete_to.map_or(u128::MAX, |id| id.uuid().as_u128());
        let young = first_of(Time::from_millis(now.millis() - millis(SETTLING) + 1));
        found.retain(|event| self.is_new(event.account, &event.id));
        found.sort_by_key(|event| (event.id, event.account));
        let mut delivered: Vec<Event> = Vec::new();
        let mut reached = complete_to.min(edge);
        for event in found {
            let id = event.id.uuid().as_u128();
            if id > complete_to || id >= young {
                break;
            }
            let settled = id < edge;
            if delivered.len() == limit || (!settled && !self.has_room(event.account, &event.id)) {
                // What is left of the settled part is for the next time.
                let last = delivered.last().map_or(self.settled, |last| last.id.uuid().as_u128());
                reached = reached.min(if settled { last } else { edge });
                break;
            }
            self.see(event.account, &event.id);
            delivered.push(event);
        }
        self.settle(reached);
        delivered
    }

    fn has_room(&self, account: AccountId, id: &EventId) -> bool {
        let known = self.seen.get(&account).is_some_and(|lanes| lanes.contains_key(&lane_of(id)));
        known || self.seen.values().map(BTreeMap::len).sum::<usize>() < MOST_LANES
    }

    fn see(&mut self, account: AccountId, id: &EventId) {
        self.seen.entry(account).or_default().insert(lane_of(id), mark_of(id));
    }

    /// Everything up to here was delivered, so that nobody has to remember it.
    fn settle(&mut self, reached: u128) {
        self.settled = self.settled.max(reached);
        let from = mark_at(self.settled);
        for lanes in self.seen.values_mut() {
            lanes.retain(|_, mark| *mark >= from);
        }
        self.seen.retain(|_, lanes| !lanes.is_empty());
    }

    /// As short as it can be kept.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend(self.settled.to_be_bytes());
        let from = mark_at(self.settled) >> 12 << 12;
        for (account, lanes) in &self.seen {
            bytes.extend(account.uuid().as_bytes());
            bytes.extend(u16::try_from(lanes.len()).unwrap_or(u16::MAX).to_be_bytes());
            for (lane, mark) in lanes {
                bytes.extend(lane);
                // Marks are at most a horizon away from what is settled: twenty bits of milliseconds.
                bytes.extend(u32::try_from(mark - from).unwrap_or(u32::MAX).to_be_bytes());
            }
        }
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// When it is something else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NotAPosition> {
        let (version, rest) = bytes.split_first().ok_or(NotAPosition)?;
        let (settled, mut rest) = rest.split_first_chunk::<16>().ok_or(NotAPosition)?;
        if *version != VERSION {
            return Err(NotAPosition);
        }
        let settled = u128::from_be_bytes(*settled);
        let from = mark_at(settled) >> 12 << 12;
        let mut seen = BTreeMap::new();
        while !rest.is_empty() {
            let (account, after) = rest.split_first_chunk::<16>().ok_or(NotAPosition)?;
            let (count, after) = after.split_first_chunk::<2>().ok_or(NotAPosition)?;
            let size = usize::from(u16::from_be_bytes(*count)) * LANE_BYTES;
            let (lanes, after) = after.split_at_checked(size).ok_or(NotAPosition)?;
            let account = TypeSafeId::from_uuid(Uuid::from_bytes(*account));
            let lanes = lanes.chunks_exact(LANE_BYTES).map(|lane| {
                let number: LaneNumber = std::array::from_fn(|n| lane[n]);
                let past = lane[6..].iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte));
                (number, from + past)
            });
            seen.insert(account, lanes.collect());
            rest = after;
        }
        Ok(Self { settled, seen })
    }
}

fn millis(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Before every id of this time.
fn first_of(time: Time) -> u128 {
    u128::try_from(time.millis()).unwrap_or(0) << 80
}

fn edge(now: Time) -> u128 {
    first_of(Time::from_millis(now.millis() - millis(HORIZON)))
}

/// The mark of whatever is there; the bits between time and count are a version, which all ids share.
fn mark_at(settled: u128) -> Mark {
    u64::try_from(settled >> 80 << 12).unwrap_or(0)
}

#[cfg(test)]
mod tests;
