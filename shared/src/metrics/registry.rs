//! Every metric of Tollgate's own, and nowhere else its name.
//!
//! A [`Family`] is what Prometheus shows: one name, and a series for each set of labels. A [`Metric`] is what code counts: it belongs to a
//! family, `CloudWatch` knows it by a name of its own, or both. A label makes series, and a dimension metrics that cost money: only what
//! operators define or the code bounds may be one, an account never.
//!
//! Names and units are Prometheus' (<https://prometheus.io/docs/practices/naming/>): base units, which the name ends in, and `_total` of what
//! only grows, which is left out here since the two formats differ in it.

/// What a family's numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A number that only grows.
    Counter,
    /// A number as it is now.
    Gauge,
    /// How many took how long, by upper bounds in milliseconds.
    Histogram(&'static [u64]),
    /// Nothing but labels.
    Info,
}

/// Which item of the table holds a family's totals: some of the first labels name it, so that an item has about a kilobyte, and one that
/// happens often is alone with what happens with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Topic {
    /// How its items' keys begin.
    pub prefix: &'static str,
    /// How many labels come after it.
    pub labels: usize,
    /// Whether those come from outside: then there are only so many items, and who finds none is counted as [`OTHER`](super::OTHER).
    pub is_open: bool,
}

/// A metric as Prometheus shows it.
#[derive(Debug, PartialEq, Eq)]
pub struct Family {
    /// Its name, without `_total` and `_info`.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub help: &'static str,
    /// What its numbers are.
    pub shape: Shape,
    /// In what they are, if that has a name; the family's ends in it.
    pub unit: Option<&'static str>,
    /// The labels' names, those of its item first.
    pub labels: &'static [&'static str],
    /// All values that the last label can have, where the code bounds it: series that are known before anything happens begin at 0.
    pub known: &'static [&'static str],
    /// Where its totals are, and by what its part of an item is known; none: it is as things stand, and has no totals.
    pub stored: Option<(Topic, &'static str)>,
}

/// What code counts.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// What `CloudWatch` calls it.
    pub cloudwatch: Option<&'static str>,
    /// Of which family it is.
    pub family: Option<&'static Family>,
    /// The labels that it stands for, after those that are given when it is counted.
    pub labels: &'static [&'static str],
}

const KIND: Topic = Topic { prefix: "KIND", labels: 1, is_open: false };
pub(super) const ROUTE: Topic = Topic { prefix: "ROUTE", labels: 2, is_open: false };
const SERVICE: Topic = Topic { prefix: "SERVICE", labels: 1, is_open: true };
const REASONS: Topic = Topic { prefix: "REASONS", labels: 0, is_open: false };
const REST: Topic = Topic { prefix: "REST", labels: 0, is_open: false };

/// Bounds for whatever takes milliseconds or an hour.
const JOBS: &[u64] = &[
    5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000,
    600_000, 1_800_000, 3_600_000,
];
/// Bounds for requests, which the gateway gives up after 30 seconds.
const REQUESTS: &[u64] = &[5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000];

const fn family(
    name: &'static str,
    shape: Shape,
    labels: &'static [&'static str],
    help: &'static str,
) -> Family {
    Family { name, help, shape, unit: None, labels, known: &[], stored: None }
}

const fn counted(
    name: &'static str,
    shape: Shape,
    labels: &'static [&'static str],
    stored: (Topic, &'static str),
    help: &'static str,
) -> Family {
    Family { stored: Some(stored), ..family(name, shape, labels, help) }
}

const fn metric(
    cloudwatch: &'static str,
    family: &'static Family,
    labels: &'static [&'static str],
) -> Metric {
    Metric { cloudwatch: Some(cloudwatch), family: Some(family), labels }
}

/// What the page alone shows: it would be a line a request, or say what other metrics say.
const fn shown(family: &'static Family, labels: &'static [&'static str]) -> Metric {
    Metric { cloudwatch: None, family: Some(family), labels }
}

/// What `CloudWatch` alone is told.
const fn told(cloudwatch: &'static str) -> Metric {
    Metric { cloudwatch: Some(cloudwatch), family: None, labels: &[] }
}

macro_rules! families {
    ($($name:ident = $family:expr;)*) => {
        $( #[doc = concat!("The family of `", stringify!($name), "`.")] pub static $name: Family = $family; )*
        /// All families, in the order of the page.
        pub static FAMILIES: &[&Family] = &[$(&$name),*];
    };
}

families! {
    HTTP_REQUESTS = counted("tollgate_requests", Shape::Counter, &["method", "route", "status"], (ROUTE, "q"),
        "Requests by route and status of the answer.");
    HTTP_DURATION = Family { unit: Some("seconds"), ..counted("tollgate_request_duration_seconds", Shape::Histogram(REQUESTS), &["method", "route"], (ROUTE, "d"),
        "How long requests took in their function, by route; long polls for as long as they waited.") };
    HTTP_REJECTED = counted("tollgate_requests_rejected", Shape::Counter, &["reason"], (REASONS, "r"),
        "Requests that were turned away, by the problem's slug.");
    JOBS_ACCEPTED = counted("tollgate_jobs_accepted", Shape::Counter, &["kind"], (KIND, "a"),
        "Jobs that were accepted from clients and schedules.");
    JOBS_REOPENED = counted("tollgate_jobs_reopened", Shape::Counter, &["kind"], (KIND, "o"),
        "Jobs that clients put back after they failed or were cancelled.");
    JOBS_ENDED = Family { known: &["completed", "failed", "cancelled"], ..counted("tollgate_jobs", Shape::Counter, &["kind", "outcome"], (KIND, "j"),
        "Jobs that came to their end, by outcome.") };
    ATTEMPTS = Family { known: &["completed", "retried", "failed", "cancelled"], ..counted("tollgate_attempts", Shape::Counter, &["kind", "outcome"], (KIND, "t"),
        "Attempts that ended, by outcome; a job is tried again after one that was retried.") };
    JOB_WAIT = Family { unit: Some("seconds"), ..counted("tollgate_job_wait_seconds", Shape::Histogram(JOBS), &["kind"], (KIND, "w"),
        "How long jobs had been due when their first attempt began.") };
    JOB_RUN = Family { unit: Some("seconds"), ..counted("tollgate_job_run_seconds", Shape::Histogram(JOBS), &["kind"], (KIND, "x"),
        "How long attempts took.") };
    MESSAGES_DROPPED = counted("tollgate_messages_dropped", Shape::Counter, &[], (REST, "m"),
        "Messages of the queue that were of no use.");
    PERMITS_SENT = counted("tollgate_permits_sent", Shape::Counter, &[], (REST, "p"),
        "Messages that were sent again for jobs which seemed to have lost theirs.");
    EVENTS_PUBLISHED = Family {
        known: &["data", "job.completed", "job.failed", "job.cancelled", "quota.crossed", "quota.resolved"],
        ..counted("tollgate_events_published", Shape::Counter, &["type"], (REST, "e"), "Events that were published, by type.")
    };
    COLLECTIONS_FAILED = counted("tollgate_source_collections_failed", Shape::Counter, &[], (REST, "f"),
        "Collections of usage at a source that failed.");
    COLLECTIONS_MISSED = counted("tollgate_source_collections_missed", Shape::Counter, &[], (REST, "n"),
        "Collections of usage at a source whose turn did not come in their minute.");
    USAGE = Family { unit: Some("bytes"), known: &["egress", "ingress"], ..counted("tollgate_usage_bytes", Shape::Counter, &["service", "type"], (SERVICE, "u"),
        "Bytes that were counted as usage, by service and type.") };
    QUOTA_UTILIZATION = Family { unit: Some("ratio"), ..family("tollgate_quota_utilization_ratio", Shape::Gauge, &["quota"],
        "What is used of a quota in its current period, of 1.") };
    QUOTA_THRESHOLDS = family("tollgate_quota_thresholds_reached", Shape::Gauge, &["quota"],
        "How many thresholds of a quota are reached in its current period.");
    QUOTA_MAILS = family("tollgate_quota_mails_failing", Shape::Gauge, &["quota"],
        "Mails about a quota that could not be sent so far.");
    SOURCE_UP = family("tollgate_source_up", Shape::Gauge, &["source"],
        "Whether usage could be collected at a source when that was last tried.");
    SOURCE_SUCCESS = Family { unit: Some("seconds"), ..family("tollgate_source_last_success_timestamp_seconds", Shape::Gauge, &["source"],
        "Up to when usage was last collected at a source, since the epoch.") };
    BUILD = family("tollgate_build", Shape::Info, &["version"], "Which version answers.");
}

macro_rules! metrics {
    ($($(#[$doc:meta])* $name:ident = $metric:expr;)*) => {
        $( $(#[$doc])* pub static $name: Metric = $metric; )*
        /// All metrics.
        pub static METRICS: &[&Metric] = &[$(&$name),*];
    };
}

metrics! {
    /// A request that was answered.
    ANSWERED = shown(&HTTP_REQUESTS, &[]);
    /// How long it took.
    ANSWER_TIME = shown(&HTTP_DURATION, &[]);
    /// A request that was turned away.
    REJECTED = metric("Rejected", &HTTP_REJECTED, &[]);
    /// A job that was accepted.
    ACCEPTED = metric("Accepted", &JOBS_ACCEPTED, &[]);
    /// A job that was put back.
    REOPENED = shown(&JOBS_REOPENED, &[]);
    /// A job that completed.
    COMPLETED = metric("Completed", &JOBS_ENDED, &["completed"]);
    /// A job that failed.
    FAILED = metric("Failed", &JOBS_ENDED, &["failed"]);
    /// A job that was cancelled.
    CANCELLED = metric("Cancelled", &JOBS_ENDED, &["cancelled"]);
    /// An attempt that is followed by another.
    RETRIED = metric("Retried", &ATTEMPTS, &["retried"]);
    /// An attempt that completed its job.
    ATTEMPT_COMPLETED = shown(&ATTEMPTS, &["completed"]);
    /// An attempt with which its job failed.
    ATTEMPT_FAILED = shown(&ATTEMPTS, &["failed"]);
    /// An attempt that was broken off.
    ATTEMPT_CANCELLED = shown(&ATTEMPTS, &["cancelled"]);
    /// How long a job had been due when its first attempt began.
    QUEUE_WAIT = metric("QueueWait", &JOB_WAIT, &[]);
    /// How long an attempt took.
    RUN_TIME = metric("RunTime", &JOB_RUN, &[]);
    /// A message that was of no use.
    DROPPED = metric("MessagesDropped", &MESSAGES_DROPPED, &[]);
    /// A job that a look at the agenda found to be overdue, as often as it is.
    OVERDUE = told("Overdue");
    /// A permit that was sent again.
    PERMITTED = metric("PermitsSent", &PERMITS_SENT, &[]);
    /// An event that was published.
    PUBLISHED = shown(&EVENTS_PUBLISHED, &[]);
    /// A series that was collected, in every minute anew.
    SERIES_COLLECTED = told("SeriesCollected");
    /// A source that could not be collected.
    SOURCES_FAILED = metric("SourcesFailed", &COLLECTIONS_FAILED, &[]);
    /// A source whose turn did not come.
    SOURCES_MISSED = metric("SourcesMissed", &COLLECTIONS_MISSED, &[]);
    /// Bytes that were counted.
    USED = shown(&USAGE, &[]);
    /// How much of a quota is used.
    UTILIZATION = metric("QuotaUtilization", &QUOTA_UTILIZATION, &[]);
    /// How many thresholds of a quota are reached.
    THRESHOLDS = shown(&QUOTA_THRESHOLDS, &[]);
    /// How many mails could not be sent, of all quotas.
    MAILS_FAILING = metric("MailsFailing", &QUOTA_MAILS, &[]);
    /// Whether a source is up.
    UP = metric("SourceUp", &SOURCE_UP, &[]);
    /// How many sources aren't.
    SOURCES_DOWN = told("SourcesDown");
    /// How many messages the queue has.
    QUEUE_DEPTH = told("QueueDepth");
}

/// The family whose totals are stored in a topic's items under a code.
#[must_use]
pub(super) fn stored_as(prefix: &str, code: &str) -> Option<&'static Family> {
    FAMILIES.iter().copied().find(|family| {
        family.stored.is_some_and(|(topic, stored)| topic.prefix == prefix && stored == code)
    })
}

/// The topic whose items' keys begin so.
#[must_use]
pub(super) fn topic(prefix: &str) -> Option<Topic> {
    FAMILIES
        .iter()
        .filter_map(|family| family.stored)
        .map(|(topic, _)| topic)
        .find(|topic| topic.prefix == prefix)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_name_is_there_once() {
        let all = FAMILIES
            .iter()
            .map(|family| family.name)
            .chain(METRICS.iter().filter_map(|m| m.cloudwatch));
        let all: Vec<_> = all.collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        let stored: Vec<_> = FAMILIES
            .iter()
            .filter_map(|f| f.stored.map(|(topic, code)| (topic.prefix, code)))
            .collect();
        assert_eq!(stored.iter().collect::<BTreeSet<_>>().len(), stored.len());
    }

    #[test]
    fn names_are_prometheus_own() {
        for Family { name, help, shape, unit, labels, known, stored } in FAMILIES {
            assert!(
                name.starts_with("tollgate_")
                    && name.bytes().all(|c| c.is_ascii_lowercase() || c == b'_'),
                "{name}"
            );
            assert!(
                !["_total", "_info", "_count", "_sum", "_bucket"]
                    .iter()
                    .any(|end| name.ends_with(end)),
                "{name}"
            );
            assert!(
                unit.is_none_or(|unit| name.ends_with(&format!("_{unit}"))),
                "{name} and {unit:?}"
            );
            assert!(
                help.ends_with('.') && !labels.iter().any(|label| label.contains("account")),
                "{name}"
            );
            assert!(stored.is_none_or(|(topic, _)| topic.labels <= labels.len()), "{name}");
            assert!(known.is_empty() || !labels.is_empty(), "{name}");
            assert_eq!(
                stored.is_some(),
                matches!(shape, Shape::Counter | Shape::Histogram(_)),
                "{name}"
            );
        }
    }

    #[test]
    fn a_metric_gives_only_labels_that_its_family_has() {
        for Metric { cloudwatch, family, labels } in METRICS {
            assert!(cloudwatch.is_some() || family.is_some());
            if let Some(family) = family {
                assert!(
                    labels.len() <= family.labels.len()
                        && labels.iter().all(|label| family.known.contains(label)),
                    "{}",
                    family.name
                );
            }
        }
    }
}
