use std::time::Duration;

use crate::time::Time;

/// For how long after a collection a series that is new began at nothing. Longer ago, and nobody knows what it counted before.
pub const WATCHED: Duration = Duration::from_secs(300);

/// A counter of a source as it was last seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter {
    /// What it stood at.
    pub value: u64,
    /// Of how many samples that is the sum.
    pub samples: u32,
    /// The end of the minute that it counts for.
    pub due: Time,
    /// What the source was defined as: a counter of another definition is another counter.
    pub lineage: String,
}

impl Counter {
    /// From what a source says: none if that is no amount of bytes, such as NaN, an infinity, or less than none. Rounded down, once, so that
    /// differences are exact.
    #[must_use]
    pub fn amount(value: f64) -> Option<u64> {
        const TOO_MUCH: f64 = 9_223_372_036_854_775_808.0;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in its range")]
        (0.0..TOO_MUCH).contains(&value).then_some(value as u64)
    }

    /// Whether this is of a later minute than `last`. One that isn't was counted by another run of its minute, or by a later one.
    #[must_use]
    pub fn follows(&self, last: Option<&Self>) -> bool {
        last.is_none_or(|last| self.due > last.due)
    }

    /// How much it grew since `last`; none if that can't be known.
    ///
    /// One that fell began anew, at nothing; but if samples of the sum are gone, it may have fallen since what they stood at is missing, and
    /// counting goes on where it stands. One that was never seen before began at nothing if it is `watched`, which is to say that its source was
    /// asked shortly before and didn't have it; else it is where counting begins.
    #[must_use]
    pub fn increase(&self, last: Option<&Self>, watched: bool) -> Option<u64> {
        match last.filter(|last| last.lineage == self.lineage) {
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
        Counter { value, samples: 1, due, lineage: "a".into() }
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
            assert_eq!(Counter::amount(value), amount, "{value}");
        }
    }

    #[test]
    fn what_was_never_seen_counts_only_if_it_would_have_been() {
        assert_eq!(counter(7, 1).increase(None, true), Some(7));
        assert_eq!(counter(7, 1).increase(None, false), None);
        let other = Counter { lineage: "b".into(), ..counter(3, 0) };
        assert_eq!(counter(7, 1).increase(Some(&other), false), None);
    }

    #[test]
    fn of_a_minute_one_counts() {
        let (last, later) = (counter(7, 1), counter(9, 2));
        assert!(later.follows(Some(&last)) && later.follows(None));
        assert!(!last.follows(Some(&last)) && !last.follows(Some(&later)));
    }

    #[test]
    fn a_sum_that_falls_with_its_samples_did_not_begin_anew() {
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
        /// Whatever it does, what is counted is what it grew by, resets included.
        #[test]
        fn growth_is_counted(steps in prop::collection::vec((any::<bool>(), 0u64..1 << 40), 1..50)) {
            let (mut last, mut value, mut truth, mut counted) = (counter(5, 0), 5, 0, 0);
            for ((reset, grown), minute) in steps.into_iter().zip(1..) {
                // One that begins anew and grows beyond what it was can't be told from one that went on.
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
