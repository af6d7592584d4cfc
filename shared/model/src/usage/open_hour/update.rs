use super::{Counter, Minutes, OpenHour, Origin};
use crate::{
    time::Time,
    usage::{Hour, Series, minute_of},
};

/// Result of adding counts to an open hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HourUpdate {
    /// The updated state.
    pub head: OpenHour,
    /// Minutes of the open hour that changed.
    pub changed: Vec<usize>,
    /// Hours closed by the update, oldest first. More than one only if several minutes were counted
    /// together.
    pub closed: Vec<ClosedHour>,
}

/// An hour that only gets late reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedHour {
    pub hour: Hour,
    /// The series' total at the start of the hour.
    pub before: u64,
    pub minutes: Minutes,
}

impl OpenHour {
    /// A series without counts.
    #[must_use]
    pub fn new(series: Series, origin: Origin, hour: Hour) -> Self {
        Self {
            series,
            origin,
            total: 0,
            hour,
            minutes: Minutes::default(),
            counter: None,
            version: 0,
        }
    }

    /// Adds bytes per minute, each minute given by any time in it, oldest first. Bytes of an
    /// earlier, closed hour count for the first minute of the open hour.
    #[must_use]
    pub fn advance(&self, counted: &[(Time, u64)], counter: Option<Counter>) -> HourUpdate {
        let mut head = Self { counter, version: self.version + 1, ..self.clone() };
        let (mut changed, mut closed) = (Vec::new(), Vec::new());
        for (time, bytes) in counted {
            let time = (*time).max(head.hour.start());
            if Hour::of(time) > head.hour {
                closed.extend(head.close(Hour::of(time)));
                changed.clear();
            }
            let nth = minute_of(time);
            let minute = &mut head.minutes.0[nth];
            *minute = Some(minute.unwrap_or_default().saturating_add(*bytes));
            head.total = head.total.saturating_add(*bytes);
            changed.push(nth);
        }
        HourUpdate { head, changed, closed }
    }

    /// Starts another hour. Returns the closed one if anything was counted in it.
    fn close(&mut self, next: Hour) -> Option<ClosedHour> {
        let (hour, before) = (self.hour, self.total_at_start());
        let minutes = std::mem::take(&mut self.minutes);
        self.hour = next;
        minutes.sum().map(|_| ClosedHour { hour, before, minutes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::Direction;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const START: i64 = 1_795_190_400_000;

    fn head() -> OpenHour {
        let series = Series {
            account: None,
            direction: Direction::Egress,
            service: "s".parse().unwrap(),
            route: "r".parse().unwrap(),
        };
        OpenHour::new(series, Origin::Pushed, Hour::of(Time::from_millis(START)))
    }

    proptest! {
        /// For any gaps, each minute is kept once, and each hour's `before` is the sum of all
        /// earlier minutes.
        #[test]
        fn nothing_is_lost_or_doubled(
            steps in prop::collection::vec((0i64..200, 0u64..1000), 0..80),
            at_once in 1usize..4,
        ) {
            let mut truth: BTreeMap<i64, u64> = BTreeMap::new();
            let (mut head, mut closed, mut minute) = (head(), Vec::new(), 0);
            let counted: Vec<_> = steps
                .iter()
                .map(|(gap, bytes)| {
                    minute += gap;
                    *truth.entry(minute).or_default() += bytes;
                    (Time::from_millis(START + minute * 60_000 + 7), *bytes)
                })
                .collect();
            for some in counted.chunks(at_once) {
                let advance = head.advance(some, None);
                head = advance.head;
                closed.extend(advance.closed);
            }
            closed.push(ClosedHour {
                hour: head.hour,
                before: head.total_at_start(),
                minutes: head.minutes.clone(),
            });
            let kept: BTreeMap<i64, u64> = closed
                .iter()
                .flat_map(|closed| {
                    let first = (closed.hour.start().millis() - START) / 60_000;
                    closed
                        .minutes
                        .0
                        .iter()
                        .zip(first..)
                        .filter_map(|(bytes, nth)| Some((nth, (*bytes)?)))
                        .collect::<Vec<_>>()
                })
                .collect();
            prop_assert_eq!(&kept, &truth);
            prop_assert_eq!(head.total, truth.values().sum::<u64>());
            for closed in &closed {
                let first = (closed.hour.start().millis() - START) / 60_000;
                prop_assert_eq!(
                    closed.before,
                    truth.range(..first).map(|(_, bytes)| bytes).sum::<u64>()
                );
            }
            let mut hours: Vec<_> = closed.iter().map(|closed| closed.hour).collect();
            hours.dedup();
            prop_assert_eq!(hours.len(), closed.len());
        }

        #[test]
        fn the_total_of_a_time_is_what_was_counted_before(
            counts in prop::collection::vec(0u64..1000, 60),
            minute in 0usize..61,
        ) {
            let counted: Vec<_> = counts
                .iter()
                .zip(0..)
                .map(|(bytes, nth)| (Time::from_millis(START + nth * 60_000), *bytes))
                .collect();
            let head = head().advance(&counted, None).head;
            let time = Time::from_millis(START + i64::try_from(minute).unwrap() * 60_000);
            prop_assert_eq!(head.total_at(time), Some(counts[..minute].iter().sum()));
            prop_assert_eq!(head.total_at(Time::from_millis(START - 1)), None);
        }
    }
}
