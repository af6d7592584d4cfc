use crate::{
    id::{self, EventId},
    time::Time,
};

/// What tells a lane from others: 48 random bits, in the end of each of its ids.
pub type LaneNumber = [u8; 6];

/// How far a clock may fall back before a lane is given up: its ids would be too far ahead of the time.
const BACK_MS: u64 = 1000;

/// A row of events of which each was written before the next was begun. Whoever sees one can see all before it, whatever the clocks say.
///
/// Its ids increase strictly: by the time, and within a millisecond by twelve bits that count (RFC 9562, section 6.2, method 1). After a
/// write of which it isn't known what came, the lane ends: that event may still appear, behind later ones.
#[derive(Debug)]
pub struct Lane {
    number: LaneNumber,
    last: Mark,
}

/// An event's place in its lane: milliseconds, and twelve bits.
pub(super) type Mark = u64;

impl Lane {
    /// A new lane; `number` is random.
    #[must_use]
    pub const fn new(number: LaneNumber) -> Self {
        Self { number, last: 0 }
    }

    /// The id of the lane's next event; none once the clock fell back, and another lane is needed.
    pub fn mint(&mut self, now: Time) -> Option<EventId> {
        let now_ms = u64::try_from(now.millis()).unwrap_or(0);
        let mark = (self.last + 1).max(now_ms << 12);
        if mark >> 12 > now_ms + BACK_MS {
            return None;
        }
        self.last = mark;
        let [.., high, low] = mark.to_be_bytes();
        let mut entropy = [high & 0x0f, low, 0, 0, 0, 0, 0, 0, 0, 0];
        entropy[4..].copy_from_slice(&self.number);
        Some(id::mint(Time::from_millis(i64::try_from(mark >> 12).unwrap_or(0)), entropy))
    }
}

/// The lane that an event's id is of. One that follows from other things is alone in its lane.
pub(super) fn lane_of(id: &EventId) -> LaneNumber {
    let uuid = id.uuid();
    std::array::from_fn(|n| uuid.as_bytes()[10 + n])
}

/// Where in its lane an event is.
pub(super) fn mark_of(id: &EventId) -> Mark {
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
        fn ids_of_a_lane_increase_and_tell_the_lane(number: LaneNumber, steps in proptest::collection::vec(-900i64..50, 1..200)) {
            let mut lane = Lane::new(number);
            let (mut now, mut last): (i64, Option<EventId>) = (1_763_654_400_000, None);
            for step in steps {
                // A clock may be set back a little, and not again and again.
                now = (now + step).max(1_763_654_400_000 - 900);
                let Some(id) = lane.mint(Time::from_millis(now)) else { break };
                prop_assert_eq!(lane_of(&id), number);
                if let Some(last) = last {
                    prop_assert!(last < id && last.to_string() < id.to_string() && mark_of(&last) < mark_of(&id));
                }
                last = Some(id);
            }
        }
    }

    #[test]
    fn many_in_a_millisecond_spill_into_the_next_and_a_clock_that_fell_back_ends_a_lane() {
        let mut lane = Lane::new([7; 6]);
        let now = Time::from_millis(1_763_654_400_000);
        let ids: Vec<_> = (0..5000).filter_map(|_| lane.mint(now)).collect();
        assert_eq!(ids.len(), 5000);
        assert_eq!(id::time_of(&ids[4095]), now);
        assert_eq!(id::time_of(&ids[4096]).millis(), now.millis() + 1);
        assert!(lane.mint(Time::from_millis(now.millis() - 2000)).is_none());
    }
}
