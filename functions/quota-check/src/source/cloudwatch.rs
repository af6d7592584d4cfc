//! `CloudWatch` metrics.

use std::time::Duration;

use model::{
    time::Time,
    usage::{Counter, MINUTE, OpenHour},
};
use store::{Metric, Sums};

/// Delay after which a minute's data is complete.
const COMPLETE_AFTER: Duration = Duration::from_secs(180);
/// How far back data is collected after an outage: three hours plus the longest backoff of a
/// source. For 500 metrics this is below the 100,800 values of one response.
const MAX_BACKFILL: Duration = Duration::from_secs(195 * 60);

/// The minutes to request, excluding `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub from: Time,
    pub to: Time,
}

/// The minutes of a source due at `due`: those after the last one counted for this generation of
/// its definition. `None` if there are none yet.
pub fn span(open_hour: Option<&OpenHour>, generation: &str, due: Time) -> Option<Span> {
    let to = due - COMPLETE_AFTER;
    let last = open_hour.and_then(|hour| hour.counter.as_ref());
    let last = last.filter(|counter| counter.generation == generation);
    let from = last.map_or(to - MINUTE, |counter| counter.due.max(to - MAX_BACKFILL));
    (from < to).then_some(Span { from, to })
}

/// A query with the time span that its response counts for.
#[derive(Clone, Debug)]
pub struct Query {
    pub metric: Metric,
    pub span: Span,
}

/// The minutes of a response within the span with their bytes, in ascending order.
pub fn minutes_within(sums: &Sums, span: Span) -> Vec<(Time, u64)> {
    let within = sums.iter().filter(|(time, _)| *time >= span.from && *time < span.to);
    let mut minutes: Vec<_> =
        within.filter_map(|(time, sum)| Some((*time, Counter::bytes_from(*sum)?))).collect();
    minutes.sort_unstable();
    minutes.dedup_by_key(|(time, _)| *time);
    minutes
}
