//! Metrics of `CloudWatch`.

use std::time::Duration;

use shared::{
    aws::{Metric, Sums},
    time::Time,
    usage::{Counter, Head, MINUTE},
};

/// How long after its end a minute is complete.
const LATE: Duration = Duration::from_secs(180);
/// How far back an outage is made up for: three hours, and what goes by until a source that was away is asked again. Of 500 metrics that
/// is less than the 100,800 values that one answer has.
const BACK: Duration = Duration::from_secs(195 * 60);

/// The minutes that are to be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub from: Time,
    pub to: Time,
}

/// Which minutes of a source are due in the minute `due`: those after the last that was counted, of the same definition; none if there are
/// none yet.
pub fn span(head: Option<&Head>, lineage: &str, due: Time) -> Option<Span> {
    let to = due - LATE;
    let last =
        head.and_then(|head| head.counter.as_ref()).filter(|counter| counter.lineage == lineage);
    let from = last.map_or(to - MINUTE, |counter| counter.due.max(to - BACK));
    (from < to).then_some(Span { from, to })
}

/// A question, with the span that its answer counts for.
#[derive(Clone, Debug)]
pub struct Question {
    pub metric: Metric,
    pub span: Span,
}

/// What of an answer counts: each minute with its bytes, the earliest first.
pub fn counted(sums: &Sums, span: Span) -> Vec<(Time, u64)> {
    let inside = sums.iter().filter(|(time, _)| *time >= span.from && *time < span.to);
    let mut counted: Vec<_> =
        inside.filter_map(|(time, sum)| Some((*time, Counter::amount(*sum)?))).collect();
    counted.sort_unstable();
    counted.dedup_by_key(|(time, _)| *time);
    counted
}
