use super::{ClosedHour, Head};
use crate::{
    time::Time,
    usage::{Hour, minute_of},
};

/// What of some minutes isn't counted, each given by a time in it, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// Of hours before the head's, which are closed.
    pub late: Vec<(Time, u64)>,
    /// Of the head's hour, and of later ones.
    pub timely: Vec<(Time, u64)>,
}

impl Head {
    /// What is missing of minutes, oldest first, that come to so much in all; `closed` are the hours before the head's. A minute never comes
    /// to less than what is counted: whoever says so knows less of it.
    #[must_use]
    pub fn missing(&self, closed: &[ClosedHour], sums: &[(Time, u64)]) -> Missing {
        let mut missing = Missing::default();
        for (time, sum) in sums {
            let hour = Hour::of(*time);
            let minutes = if hour == self.hour {
                Some(&self.minutes)
            } else {
                closed.iter().find(|closed| closed.hour == hour).map(|closed| &closed.minutes)
            };
            let counted = minutes.and_then(|minutes| minutes.0[minute_of(*time)]).unwrap_or_default();
            let short = sum.saturating_sub(counted);
            if short > 0 {
                let of = if hour < self.hour { &mut missing.late } else { &mut missing.timely };
                of.push((*time, short));
            }
        }
        missing
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::usage::{Direction, MINUTE, Minutes, Origin, Series};
    use proptest::prelude::*;

    const START: Time = Time::from_millis(1_795_190_400_000);

    fn head() -> Head {
        let series = Series {
            account: None,
            direction: Direction::Egress,
            service: "s".parse().unwrap(),
            route: "r".parse().unwrap(),
        };
        Head::new(series, Origin::Own, Hour::of(START))
    }

    /// Adds to a closed hour what came late.
    fn add(closed: &mut Vec<ClosedHour>, (time, bytes): (Time, u64)) {
        let hour = Hour::of(time);
        if closed.iter().all(|closed| closed.hour != hour) {
            closed.push(ClosedHour { hour, before: 0, minutes: Minutes::default() });
        }
        let of = closed.iter_mut().find(|closed| closed.hour == hour).unwrap();
        let minute = &mut of.minutes.0[minute_of(time)];
        *minute = Some(minute.unwrap_or_default() + bytes);
    }

    proptest! {
        /// In whatever order minutes grow and are looked at, again and again: each is counted to what it came to.
        #[test]
        fn looking_again_counts_once(grown in prop::collection::vec((0u32..200, 0u64..100, any::<bool>()), 0..60)) {
            let (mut head, mut closed, mut truth) = (head(), Vec::<ClosedHour>::new(), BTreeMap::<Time, u64>::new());
            for (minute, bytes, is_looked_at) in grown {
                *truth.entry(START + MINUTE * minute).or_default() += bytes;
                if is_looked_at {
                    let sums: Vec<_> = truth.clone().into_iter().collect();
                    let Missing { late, timely } = head.missing(&closed, &sums);
                    let total = head.total + late.iter().map(|(_, bytes)| bytes).sum::<u64>();
                    late.into_iter().for_each(|late| add(&mut closed, late));
                    let advance = Head { total, ..head }.advance(&timely, None);
                    head = advance.head;
                    closed.extend(advance.closed);
                    prop_assert_eq!(head.total, truth.values().sum::<u64>());
                    prop_assert_eq!(head.missing(&closed, &sums), Missing::default());
                }
            }
        }
    }
}
