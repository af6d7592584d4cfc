use std::{collections::BTreeMap, time::Duration};

/// A histogram of durations. Sparse, because most measurements fall into few of the buckets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Counts by upper bound in milliseconds, inclusive. Not cumulative.
    buckets: BTreeMap<u64, u64>,
    /// Count above the last bound.
    over: u64,
    /// Sum of all durations, in milliseconds.
    sum_ms: u64,
}

/// A stored number of a histogram: one of its counts, or its sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum HistogramPart {
    Bucket(u64),
    Over,
    Sum,
}

impl HistogramPart {
    /// The bucket of a duration; upper bounds are inclusive
    /// (<https://prometheus.io/docs/concepts/metric_types/#histogram>).
    pub fn for_duration(took: Duration, bounds: &[u64]) -> Self {
        let bound = bounds.iter().find(|bound| took <= Duration::from_millis(**bound));
        bound.map_or(Self::Over, |bound| Self::Bucket(*bound))
    }

    pub fn text(self) -> String {
        match self {
            Self::Bucket(bound) => bound.to_string(),
            Self::Over => "over".to_owned(),
            Self::Sum => "sum".to_owned(),
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "over" => Some(Self::Over),
            "sum" => Some(Self::Sum),
            bound => bound.parse().ok().map(Self::Bucket),
        }
    }
}

impl Histogram {
    pub(super) fn add(&mut self, part: HistogramPart, number: u64) {
        let kept = match part {
            HistogramPart::Bucket(bound) => self.buckets.entry(bound).or_default(),
            HistogramPart::Over => &mut self.over,
            HistogramPart::Sum => &mut self.sum_ms,
        };
        *kept = kept.saturating_add(number);
    }

    /// Cumulative counts by bound. A count that an earlier version stored under a bound that was
    /// removed since is included from the next bound on.
    pub fn cumulative<'a>(&'a self, bounds: &'a [u64]) -> impl Iterator<Item = (u64, u64)> + 'a {
        bounds
            .iter()
            .map(|bound| (*bound, self.buckets.range(..=bound).map(|(_, number)| number).sum()))
    }

    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.values().sum::<u64>().saturating_add(self.over)
    }

    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of what people wait for")]
    pub fn sum_seconds(&self) -> f64 {
        self.sum_ms as f64 / 1000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BOUNDS: &[u64] = &[5, 10, 100];

    proptest! {
        #[test]
        fn counts_what_is_within_each_bound(took in prop::collection::vec(0u64..200, 0..50)) {
            let mut histogram = Histogram::default();
            for ms in &took {
                histogram.add(HistogramPart::for_duration(Duration::from_millis(*ms), BOUNDS), 1);
                histogram.add(HistogramPart::Sum, *ms);
            }
            for (bound, number) in histogram.cumulative(BOUNDS) {
                prop_assert_eq!(number, took.iter().filter(|ms| **ms <= bound).count() as u64);
            }
            prop_assert_eq!(histogram.count(), took.len() as u64);
            prop_assert!(
                (histogram.sum_seconds() * 1000.0 - took.iter().sum::<u64>() as f64).abs() < 1e-6
            );
        }

        #[test]
        fn a_part_is_read_as_it_was_written(bound: u64) {
            for part in [HistogramPart::Bucket(bound), HistogramPart::Over, HistogramPart::Sum] {
                prop_assert_eq!(HistogramPart::parse(&part.text()), Some(part));
            }
        }
    }

    #[test]
    fn bounds_are_inclusive() {
        assert_eq!(
            HistogramPart::for_duration(Duration::from_micros(5_001), BOUNDS),
            HistogramPart::Bucket(10)
        );
        assert_eq!(
            HistogramPart::for_duration(Duration::from_millis(5), BOUNDS),
            HistogramPart::Bucket(5)
        );
        assert_eq!(
            HistogramPart::for_duration(Duration::from_millis(101), BOUNDS),
            HistogramPart::Over
        );
    }
}
