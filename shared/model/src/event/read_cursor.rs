use std::collections::BTreeMap;

use type_safe_id::TypeSafeId;
use uuid::Uuid;

use super::{
    ALLOWED_LATENESS, Event, REORDER_WINDOW, RETENTION, StreamId,
    writer_stream::{Offset, offset_of, stream_of},
};
use crate::{
    id::{AccountId, EventId},
    time::Time,
};

/// A read cursor over the events of some accounts.
///
/// All events up to the watermark were delivered, and no other event can appear before
/// it. Beyond it, the cursor stores the last delivered event per account and writer stream: within
/// a stream, no event appears behind a visible one. So a writer with a slow clock is read late, but
/// it is read, and no event is delivered twice. If there are more streams than a cursor can hold,
/// events of the remaining ones wait for the watermark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadCursor {
    watermark: u128,
    offsets: BTreeMap<AccountId, BTreeMap<StreamId, Offset>>,
}

/// Where a reader starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadFrom {
    /// At the oldest stored event.
    Oldest,
    /// At the first event accepted from now on.
    Now,
    /// After the events already read.
    After(ReadCursor),
}

#[derive(Debug, thiserror::Error)]
#[error("invalid cursor")]
pub struct InvalidCursor;

/// Maximum number of streams in a cursor: 3 KB, so that a cursor fits into a URL.
const MAX_STREAMS: usize = 300;
const VERSION: u8 = 1;
const STREAM_BYTES: usize = 10;

impl ReadCursor {
    /// Before the oldest stored event.
    #[must_use]
    pub fn oldest(now: Time) -> Self {
        Self {
            watermark: lower_bound(Time::from_millis(
                now.millis().saturating_sub(millis(RETENTION)),
            )),
            offsets: BTreeMap::new(),
        }
    }

    /// A cursor after all events visible at `now`. `there` are the events of some accounts from the
    /// [low watermark](Self::low_watermark) on. Events written later are new, even with an older
    /// id. If there are more streams than a cursor can hold, some visible events count as new too.
    #[must_use]
    pub fn after(there: impl IntoIterator<Item = (AccountId, EventId)>, now: Time) -> Self {
        let mut position = Self { watermark: low_watermark(now), offsets: BTreeMap::new() };
        for (account, id) in there {
            if position.is_new(account, &id) && position.has_room(account, &id) {
                position.mark_delivered(account, &id);
            }
        }
        position
    }

    /// The watermark: all events up to this id were delivered.
    #[must_use]
    pub fn watermark(&self) -> EventId {
        TypeSafeId::from_uuid(Uuid::from_u128(self.watermark))
    }

    /// The low watermark at `now`: events may still appear from this id on, but not before it.
    #[must_use]
    pub fn low_watermark(now: Time) -> EventId {
        TypeSafeId::from_uuid(Uuid::from_u128(low_watermark(now)))
    }

    /// Whether an event was not delivered yet.
    #[must_use]
    pub fn is_new(&self, account: AccountId, id: &EventId) -> bool {
        let seen = self.offsets.get(&account).and_then(|lanes| lanes.get(&stream_of(id)));
        id.uuid().as_u128() > self.watermark && seen.is_none_or(|seen| offset_of(id) > *seen)
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
        let edge = low_watermark(now);
        let complete_to = complete_to.map_or(u128::MAX, |id| id.uuid().as_u128());
        let young = lower_bound(Time::from_millis(now.millis() - millis(REORDER_WINDOW) + 1));
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
                let last = delivered.last().map_or(self.watermark, |last| last.id.uuid().as_u128());
                reached = reached.min(if settled { last } else { edge });
                break;
            }
            self.mark_delivered(event.account, &event.id);
            delivered.push(event);
        }
        self.advance_watermark(reached);
        delivered
    }

    fn has_room(&self, account: AccountId, id: &EventId) -> bool {
        let known =
            self.offsets.get(&account).is_some_and(|lanes| lanes.contains_key(&stream_of(id)));
        known || self.offsets.values().map(BTreeMap::len).sum::<usize>() < MAX_STREAMS
    }

    fn mark_delivered(&mut self, account: AccountId, id: &EventId) {
        self.offsets.entry(account).or_default().insert(stream_of(id), offset_of(id));
    }

    /// Advances the watermark and drops the stream offsets before it.
    fn advance_watermark(&mut self, reached: u128) {
        self.watermark = self.watermark.max(reached);
        let from = offset_at(self.watermark);
        for lanes in self.offsets.values_mut() {
            lanes.retain(|_, mark| *mark >= from);
        }
        self.offsets.retain(|_, lanes| !lanes.is_empty());
    }

    /// A compact binary encoding.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend(self.watermark.to_be_bytes());
        let from = offset_at(self.watermark) >> 12 << 12;
        for (account, lanes) in &self.offsets {
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
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidCursor> {
        let (version, rest) = bytes.split_first().ok_or(InvalidCursor)?;
        let (settled, mut rest) = rest.split_first_chunk::<16>().ok_or(InvalidCursor)?;
        if *version != VERSION {
            return Err(InvalidCursor);
        }
        let settled = u128::from_be_bytes(*settled);
        let from = offset_at(settled) >> 12 << 12;
        let mut seen = BTreeMap::new();
        while !rest.is_empty() {
            let (account, after) = rest.split_first_chunk::<16>().ok_or(InvalidCursor)?;
            let (count, after) = after.split_first_chunk::<2>().ok_or(InvalidCursor)?;
            let size = usize::from(u16::from_be_bytes(*count)) * STREAM_BYTES;
            let (lanes, after) = after.split_at_checked(size).ok_or(InvalidCursor)?;
            let account = TypeSafeId::from_uuid(Uuid::from_bytes(*account));
            let lanes = lanes.chunks_exact(STREAM_BYTES).map(|lane| {
                let number: StreamId = std::array::from_fn(|n| lane[n]);
                let past = lane[6..].iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte));
                (number, from + past)
            });
            seen.insert(account, lanes.collect());
            rest = after;
        }
        Ok(Self { watermark: settled, offsets: seen })
    }
}

fn millis(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Lower bound of all ids of this time.
fn lower_bound(time: Time) -> u128 {
    u128::try_from(time.millis()).unwrap_or(0) << 80
}

fn low_watermark(now: Time) -> u128 {
    lower_bound(Time::from_millis(now.millis() - millis(ALLOWED_LATENESS)))
}

/// The first offset of the watermark's millisecond. The bits between time and counter are the UUID
/// version, which is the same in all ids.
fn offset_at(settled: u128) -> Offset {
    u64::try_from(settled >> 80 << 12).unwrap_or(0)
}

#[cfg(test)]
mod tests;
