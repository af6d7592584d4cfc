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

/// A read cursor over the events of some accounts.
///
/// All events up to the watermark `settled` were delivered, and no other event can appear before
/// it. Beyond it, the cursor stores the last delivered event per account and writer stream: within
/// a stream, no event appears behind a visible one. So a writer with a slow clock is read late, but
/// it is read, and no event is delivered twice. If there are more streams than a cursor can hold,
/// events of the remaining ones wait for the watermark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    settled: u128,
    seen: BTreeMap<AccountId, BTreeMap<LaneNumber, Mark>>,
}

/// Where a reader starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the oldest stored event.
    Oldest,
    /// At the first event accepted from now on.
    Now,
    /// After the events already read.
    After(Position),
}

#[derive(Debug, thiserror::Error)]
#[error("invalid cursor")]
pub struct NotAPosition;

/// Maximum number of streams in a cursor: 3 KB, so that a cursor fits into a URL.
const MOST_LANES: usize = 300;
const VERSION: u8 = 1;
const LANE_BYTES: usize = 10;

impl Position {
    /// Before the oldest stored event.
    #[must_use]
    pub fn oldest(now: Time) -> Self {
        Self {
            settled: first_of(Time::from_millis(now.millis().saturating_sub(millis(KEPT)))),
            seen: BTreeMap::new(),
        }
    }

    /// A cursor after all events visible at `now`. `there` are the events of some accounts from the
    /// low watermark ([`edge`](Self::edge)) on. Events written later are new, even with an older
    /// id. If there are more streams than a cursor can hold, some visible events count as new too.
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

    /// The watermark: all events up to this id were delivered.
    #[must_use]
    pub fn settled(&self) -> EventId {
        TypeSafeId::from_uuid(Uuid::from_u128(self.settled))
    }

    /// The low watermark at `now`: events may still appear from this id on, but not before it.
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

    /// Delivers up to `limit` new events, oldest first, and advances the cursor.
    ///
    /// `found` holds all new events of the accounts read. If that is only known up to some id,
    /// `complete_to` is that id. Events beyond the low watermark must have been read after older
    /// events of the same stream became visible.
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
                // The next call delivers the remaining events before the low watermark.
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

    /// Advances the watermark and drops the stream offsets before it.
    fn settle(&mut self, reached: u128) {
        self.settled = self.settled.max(reached);
        let from = mark_at(self.settled);
        for lanes in self.seen.values_mut() {
            lanes.retain(|_, mark| *mark >= from);
        }
        self.seen.retain(|_, lanes| !lanes.is_empty());
    }

    /// A compact binary encoding.
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
                // Offsets are at most a horizon past the watermark: 20 bits of milliseconds.
                bytes.extend(u32::try_from(mark - from).unwrap_or(u32::MAX).to_be_bytes());
            }
        }
        bytes
    }

    /// Decodes the result of [`to_bytes`](Self::to_bytes).
    ///
    /// # Errors
    /// If the bytes are not a cursor of this version.
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

/// Lower bound of all ids of this time.
fn first_of(time: Time) -> u128 {
    u128::try_from(time.millis()).unwrap_or(0) << 80
}

fn edge(now: Time) -> u128 {
    first_of(Time::from_millis(now.millis() - millis(HORIZON)))
}

/// The first offset of the watermark's millisecond. The bits between time and counter are the UUID
/// version, which is the same in all ids.
fn mark_at(settled: u128) -> Mark {
    u64::try_from(settled >> 80 << 12).unwrap_or(0)
}

#[cfg(test)]
mod tests;
