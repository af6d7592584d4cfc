use crate::{
    id::{self, EventId},
    time::Time,
};

/// Identifies a writer stream: 48 random bits, the last bytes of each of its ids.
pub type StreamId = [u8; 6];

/// How far the clock may fall back before the stream is abandoned: its ids would be too far ahead
/// of the time.
const MAX_ROLLBACK_MS: u64 = 1000;

/// A writer stream: a sequence of events, each written before the write of the next one starts. A
/// reader that sees one event can read all before it, whatever the clocks.
///
/// Its ids increase strictly: by time, and within a millisecond by a 12-bit counter (RFC 9562,
/// section 6.2, method 1). A write with an unknown result ends the stream, because that event may
/// still become visible, behind later ones.
#[derive(Debug)]
pub struct WriterStream {
    number: StreamId,
    last: Offset,
}

/// Offset of an event in its stream: milliseconds, followed by the 12-bit counter.
pub(super) type Offset = u64;

impl WriterStream {
    /// A new stream; `number` is random.
    #[must_use]
    pub const fn new(number: StreamId) -> Self {
        Self { number, last: 0 }
    }

    /// The id of the stream's next event. `None` if the clock fell back: the writer must then start
    /// another stream.
    pub fn next_id(&mut self, now: Time) -> Option<EventId> {
        let now_ms = u64::try_from(now.millis()).unwrap_or(0);
        let mark = (self.last + 1).max(now_ms << 12);
        if mark >> 12 > now_ms + MAX_ROLLBACK_MS {
            return None;
        }
        self.last = mark;
        let [.., high, low] = mark.to_be_bytes();
        let mut entropy = [high & 0x0f, low, 0, 0, 0, 0, 0, 0, 0, 0];
        entropy[4..].copy_from_slice(&self.number);
        Some(id::generate(Time::from_millis(i64::try_from(mark >> 12).unwrap_or(0)), entropy))
    }
}

/// The stream of an event's id. A derived id ([`id::derived`]) forms a stream of its own.
pub(super) fn stream_of(id: &EventId) -> StreamId {
    let uuid = id.uuid();
    std::array::from_fn(|n| uuid.as_bytes()[10 + n])
}

pub(super) fn offset_of(id: &EventId) -> Offset {
    let uuid = id.uuid();
    let bytes = uuid.as_bytes();
    let millis = bytes[..6].iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte));
    (millis << 12) | (u64::from(bytes[6] & 0x0f) << 8) | u64::from(bytes[7])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ids_of_a_lane_increase_and_tell_the_lane(
            number: StreamId,
            steps in proptest::collection::vec(-900i64..50, 1..200),
        ) {
            let mut lane = WriterStream::new(number);
            let (mut now, mut last): (i64, Option<EventId>) = (1_763_654_400_000, None);
            for step in steps {
                // The clock may be set back a little, but not repeatedly.
                now = (now + step).max(1_763_654_400_000 - 900);
                let Some(id) = lane.next_id(Time::from_millis(now)) else { break };
                prop_assert_eq!(stream_of(&id), number);
                if let Some(last) = last {
                    prop_assert!(
                        last < id
                            && last.to_string() < id.to_string()
                            && offset_of(&last) < offset_of(&id)
                    );
                }
                last = Some(id);
            }
        }
    }

    #[test]
    fn counter_overflows_into_next_millisecond_and_clock_rollback_ends_stream() {
        let mut lane = WriterStream::new([7; 6]);
        let now = Time::from_millis(1_763_654_400_000);
        let ids: Vec<_> = (0..5000).filter_map(|_| lane.next_id(now)).collect();
        assert_eq!(ids.len(), 5000);
        assert_eq!(id::time_of(&ids[4095]), now);
        assert_eq!(id::time_of(&ids[4096]).millis(), now.millis() + 1);
        assert!(lane.next_id(Time::from_millis(now.millis() - 2000)).is_none());
    }
}
