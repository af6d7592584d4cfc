use std::time::Duration;

use crate::time::Time;

/// A series that first appears within this time after a successful collection started at zero.
/// After a longer gap, its value may include bytes from before.
pub const CONTINUITY_WINDOW: Duration = Duration::from_secs(300);

/// Last known state of a source's counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter {
    pub value: u64,
    /// Number of samples that `value` is the sum of.
    pub samples: u32,
    /// End of the minute it was collected for.
    pub due: Time,
    /// Generation of the source's definition. Counters of different generations are unrelated.
    pub generation: String,
}

impl Counter {
    /// Converts a sample's value to bytes; `None` for NaN, infinities, negative and too large
    /// values. Rounds down once, so that differences are exact.
    #[must_use]
    pub fn bytes_from(value: f64) -> Option<u64> {
        const TOO_MUCH: f64 = 9_223_372_036_854_775_808.0;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in its range")]
        (0.0..TOO_MUCH).contains(&value).then_some(value as u64)
    }

    /// Whether this is of a later minute than `last`. Otherwise another run has already counted
    /// this minute or a later one.
    #[must_use]
    pub fn is_newer_than(&self, last: Option<&Self>) -> bool {
        last.is_none_or(|last| self.due > last.due)
    }

    /// Increase since `last`; `None` if it is unknown.
    ///
    /// A counter that decreased was reset and started at zero. The exception is a sum with fewer
    /// samples than before: the decrease may come from the missing ones, and counting continues
    /// from the new value. A counter without a `last` started at zero if it is `watched`: a recent
    /// collection of its source did not contain it. Otherwise counting starts at its value.
    #[must_use]
    pub fn increase(&self, last: Option<&Self>, watched: bool) -> Option<u64> {
        match last.filter(|last| last.generation == self.generation) {
            None => watched.then_some(self.value),
            Some(last) if self.value >= last.value => Some(self.value - last.value),
            Some(last) if self.samples < last.samples => None,
            Some(_) => Some(self.value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counter(value: u64, minute: i64) -> Counter {
        let due = Time::from_seconds(minute * 60);
        Counter { value, samples: 1, due, generation: "a".into() }
    }

    #[test]
    fn amounts() {
        for (value, amount) in [
            (0.0, Some(0)),
            (-0.0, Some(0)),
            (1.9, Some(1)),
            (9_007_199_254_740_993.0, Some(9_007_199_254_740_992)),
            (-1.0, None),
            (-1e-9, None),
            (f64::NAN, None),
            (f64::INFINITY, None),
            (f64::NEG_INFINITY, None),
            (1e19, None),
        ] {
            assert_eq!(Counter::bytes_from(value), amount, "{value}");
        }
    }

    #[test]
    fn new_counter_counts_only_if_watched() {
        assert_eq!(counter(7, 1).increase(None, true), Some(7));
        assert_eq!(counter(7, 1).increase(None, false), None);
        let other = Counter { generation: "b".into(), ..counter(3, 0) };
        assert_eq!(counter(7, 1).increase(Some(&other), false), None);
    }

    #[test]
    fn each_minute_counts_once() {
        let (last, later) = (counter(7, 1), counter(9, 2));
        assert!(later.is_newer_than(Some(&last)) && later.is_newer_than(None));
        assert!(!last.is_newer_than(Some(&last)) && !last.is_newer_than(Some(&later)));
    }

    #[test]
    fn decrease_with_missing_samples_is_not_a_reset() {
        let of = |samples, value| Counter { samples, ..counter(value, 2) };
        let last = Counter { samples: 3, ..counter(1000, 1) };
        for (samples, value, grown) in [
            (3, 400, Some(400)),
            (4, 400, Some(400)),
            (2, 400, None),
            (2, 1001, Some(1)),
            (4, 1100, Some(100)),
        ] {
            assert_eq!(
                of(samples, value).increase(Some(&last), true),
                grown,
                "{samples} of {value}"
            );
        }
    }

    proptest! {
        /// For any sequence of increases and resets, the counted sum equals the real increase.
        #[test]
        fn growth_is_counted(
            steps in prop::collection::vec((any::<bool>(), 0u64..1 << 40), 1..50),
        ) {
            let (mut last, mut value, mut truth, mut counted) = (counter(5, 0), 5, 0, 0);
            for ((reset, grown), minute) in steps.into_iter().zip(1..) {
                // A reset counter that has grown beyond its old value cannot be distinguished from
                // one without reset.
                let reset = reset && grown < value;
                truth += grown;
                value = if reset { grown } else { value + grown };
                let next = counter(value, minute);
                counted += next.increase(Some(&last), false).unwrap();
                last = next;
            }
            prop_assert_eq!(counted, truth);
        }
    }
}
