//! Definitions of Tollgate's own metrics; their names occur nowhere else.
//!
//! A [`Family`] is what Prometheus shows: one name, and a series for each set of labels. A
//! [`Metric`] is what code counts: it belongs to a family, has a name in `CloudWatch`, or both.
//! Every label value creates a series and every dimension value a metric that costs money. Labels
//! are therefore limited to values that operators define or the code bounds, and never name an
//! account.
//!
//! Names and units follow Prometheus (<https://prometheus.io/docs/practices/naming/>): base units
//! as suffix, and `_total` for counters, which is added on output because the formats differ in it.

/// Type of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Monotonic counter.
    Counter,
    /// Current value.
    Gauge,
    /// Durations, with upper bounds in milliseconds.
    Histogram(&'static [u64]),
    /// Labels only; the value is always 1.
    Info,
}

/// The table item that holds a family's totals. The first labels identify the item. They are chosen
/// so that an item has about a kilobyte, and that counts that often occur together share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Key prefix of its items.
    pub prefix: &'static str,
    /// Number of labels that identify an item.
    pub labels: usize,
    /// Whether these labels come from outside. The number of such items is then limited, and counts
    /// beyond it go to [`OTHER`](super::OTHER).
    pub has_external_labels: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Family {
    /// Name without `_total` and `_info`.
    pub name: &'static str,
    /// One sentence.
    pub help: &'static str,
    pub shape: Shape,
    /// Unit, which is also the suffix of the name.
    pub unit: Option<&'static str>,
    /// Names of the labels, those of the topic first.
    pub labels: &'static [&'static str],
    /// All values of the last label, where the code bounds it. These series start at 0 before
    /// anything is counted.
    pub known_values: &'static [&'static str],
    /// Topic of its totals and prefix of its fields in an item; `None` for gauges, which have no
    /// totals.
    pub totals: Option<(Topic, &'static str)>,
}

/// A metric as code counts it.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// Name in `CloudWatch`.
    pub cloudwatch: Option<&'static str>,
    pub family: Option<&'static Family>,
    /// Values of further labels, after those given when counting.
    pub labels: &'static [&'static str],
}

const KIND: Topic = Topic { prefix: "KIND", labels: 1, has_external_labels: false };
pub(super) const ROUTE: Topic = Topic { prefix: "ROUTE", labels: 2, has_external_labels: false };
const SERVICE: Topic = Topic { prefix: "SERVICE", labels: 1, has_external_labels: true };
const REASONS: Topic = Topic { prefix: "REASONS", labels: 0, has_external_labels: false };
const REST: Topic = Topic { prefix: "REST", labels: 0, has_external_labels: false };

/// Bounds for jobs, which take from milliseconds to an hour.
const JOBS: &[u64] = &[
    5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000,
    600_000, 1_800_000, 3_600_000,
];
/// Bounds for requests; API Gateway's time-out is 30 seconds.
const REQUESTS: &[u64] = &[5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000];

const fn family(
    name: &'static str,
    shape: Shape,
    labels: &'static [&'static str],
    help: &'static str,
) -> Family {
    Family { name, help, shape, unit: None, labels, known_values: &[], totals: None }
}

const fn with_totals(
    name: &'static str,
    shape: Shape,
    labels: &'static [&'static str],
    stored: (Topic, &'static str),
    help: &'static str,
) -> Family {
    Family { totals: Some(stored), ..family(name, shape, labels, help) }
}

const fn metric(
    cloudwatch: &'static str,
    family: &'static Family,
    labels: &'static [&'static str],
) -> Metric {
    Metric { cloudwatch: Some(cloudwatch), family: Some(family), labels }
}

/// A metric for the Prometheus page only: in `CloudWatch` it would cost a log line per request, or
/// duplicate other metrics.
const fn prometheus_only(family: &'static Family, labels: &'static [&'static str]) -> Metric {
    Metric { cloudwatch: None, family: Some(family), labels }
}

/// A metric for `CloudWatch` only.
const fn cloudwatch_only(cloudwatch: &'static str) -> Metric {
    Metric { cloudwatch: Some(cloudwatch), family: None, labels: &[] }
}

macro_rules! families {
    ($($name:ident = $family:expr;)*) => {
        $(
            #[doc = concat!("The family of `", stringify!($name), "`.")]
            pub static $name: Family = $family;
        )*
        /// In the order of the page.
        pub static FAMILIES: &[&Family] = &[$(&$name),*];
    };
}

families! {
    HTTP_REQUESTS = with_totals(
        "tollgate_requests",
        Shape::Counter,
        &["method", "route", "status"],
        (ROUTE, "q"),
        "Requests by route and response status."
    );
    HTTP_DURATION = Family {
        unit: Some("seconds"),
        ..with_totals(
            "tollgate_request_duration_seconds",
            Shape::Histogram(REQUESTS),
            &["method", "route"],
            (ROUTE, "d"),
            "Request duration in the function by route, waits of long polls included."
        )
    };
    HTTP_REJECTED = with_totals(
        "tollgate_requests_rejected",
        Shape::Counter,
        &["reason"],
        (REASONS, "r"),
        "Rejected requests by problem slug."
    );
    JOBS_ACCEPTED = with_totals("tollgate_jobs_accepted", Shape::Counter, &["kind"], (KIND, "a"),
        "Jobs accepted from clients and schedules.");
    JOBS_REOPENED = with_totals("tollgate_jobs_reopened", Shape::Counter, &["kind"], (KIND, "o"),
        "Failed or cancelled jobs that clients retried.");
    JOBS_ENDED = Family {
        known_values: &["completed", "failed", "cancelled"],
        ..with_totals(
            "tollgate_jobs",
            Shape::Counter,
            &["kind", "outcome"],
            (KIND, "j"),
            "Finished jobs by outcome."
        )
    };
    ATTEMPTS = Family {
        known_values: &["completed", "retried", "failed", "cancelled"],
        ..with_totals(
            "tollgate_attempts",
            Shape::Counter,
            &["kind", "outcome"],
            (KIND, "t"),
            "Finished attempts by outcome; retried means that another attempt follows."
        )
    };
    JOB_WAIT = Family {
        unit: Some("seconds"),
        ..with_totals(
            "tollgate_job_wait_seconds",
            Shape::Histogram(JOBS),
            &["kind"],
            (KIND, "w"),
            "Time from when a job is due to its first attempt."
        )
    };
    JOB_RUN = Family {
        unit: Some("seconds"),
        ..with_totals(
            "tollgate_job_run_seconds",
            Shape::Histogram(JOBS),
            &["kind"],
            (KIND, "x"),
            "Duration of attempts."
        )
    };
    MESSAGES_DROPPED = with_totals("tollgate_messages_dropped", Shape::Counter, &[], (REST, "m"),
        "Queue messages that were malformed or of unknown jobs.");
    PERMITS_SENT = with_totals("tollgate_permits_sent", Shape::Counter, &[], (REST, "p"),
        "Messages sent again for jobs whose message seems lost.");
    EVENTS_PUBLISHED = Family {
        known_values: &[
            "data",
            "job.completed",
            "job.failed",
            "job.cancelled",
            "quota.crossed",
            "quota.resolved"
        ],
        ..with_totals(
            "tollgate_events_published",
            Shape::Counter,
            &["type"],
            (REST, "e"),
            "Published events by type."
        )
    };
    COLLECTIONS_FAILED = with_totals(
        "tollgate_source_collections_failed",
        Shape::Counter,
        &[],
        (REST, "f"),
        "Failed collections of usage sources."
    );
    COLLECTIONS_MISSED = with_totals(
        "tollgate_source_collections_missed",
        Shape::Counter,
        &[],
        (REST, "n"),
        "Collections of usage sources that did not start within their minute."
    );
    USAGE = Family {
        unit: Some("bytes"), known_values: &["egress", "ingress"],
        ..with_totals(
            "tollgate_usage_bytes",
            Shape::Counter,
            &["service", "type"],
            (SERVICE, "u"),
            "Usage in bytes by service and type."
        )
    };
    QUOTA_UTILIZATION = Family {
        unit: Some("ratio"),
        ..family(
            "tollgate_quota_utilization_ratio",
            Shape::Gauge,
            &["quota"],
            "Used share of a quota in its current period, 1 meaning all."
        )
    };
    QUOTA_THRESHOLDS = family("tollgate_quota_thresholds_reached", Shape::Gauge, &["quota"],
        "Thresholds of a quota reached in its current period.");
    QUOTA_MAILS = family("tollgate_quota_mails_failing", Shape::Gauge, &["quota"],
        "Unsent mails of a quota after a failed attempt.");
    SOURCE_UP = family("tollgate_source_up", Shape::Gauge, &["source"],
        "Whether the last collection of a source succeeded.");
    SOURCE_SUCCESS = Family {
        unit: Some("seconds"),
        ..family(
            "tollgate_source_last_success_timestamp_seconds",
            Shape::Gauge,
            &["source"],
            "Time of the last successful collection of a source, since the epoch."
        )
    };
    BUILD = family("tollgate_build", Shape::Info, &["version"],
        "Version of the function that serves this page.");
}

macro_rules! metrics {
    ($($(#[$doc:meta])* $name:ident = $metric:expr;)*) => {
        $( $(#[$doc])* pub static $name: Metric = $metric; )*
        pub static METRICS: &[&Metric] = &[$(&$name),*];
    };
}

metrics! {
    REQUESTS_SERVED = prometheus_only(&HTTP_REQUESTS, &[]);
    REQUEST_DURATION = prometheus_only(&HTTP_DURATION, &[]);
    REJECTED = metric("Rejected", &HTTP_REJECTED, &[]);
    ACCEPTED = metric("Accepted", &JOBS_ACCEPTED, &[]);
    /// A failed or cancelled job that a client retried.
    RETRIED_BY_CLIENT = prometheus_only(&JOBS_REOPENED, &[]);
    COMPLETED = metric("Completed", &JOBS_ENDED, &["completed"]);
    FAILED = metric("Failed", &JOBS_ENDED, &["failed"]);
    CANCELLED = metric("Cancelled", &JOBS_ENDED, &["cancelled"]);
    /// An attempt that is followed by another.
    RETRIED = metric("Retried", &ATTEMPTS, &["retried"]);
    ATTEMPT_COMPLETED = prometheus_only(&ATTEMPTS, &["completed"]);
    ATTEMPT_FAILED = prometheus_only(&ATTEMPTS, &["failed"]);
    ATTEMPT_CANCELLED = prometheus_only(&ATTEMPTS, &["cancelled"]);
    /// From a job's due time to its first attempt.
    QUEUE_WAIT = metric("QueueWait", &JOB_WAIT, &[]);
    RUN_TIME = metric("RunTime", &JOB_RUN, &[]);
    /// A message deleted without an attempt, because it is malformed or its job is unknown.
    DROPPED = metric("MessagesDropped", &MESSAGES_DROPPED, &[]);
    /// An overdue job, counted in every check that finds it.
    OVERDUE = cloudwatch_only("Overdue");
    /// A message sent again for a job that seems to have lost its own.
    MESSAGES_RESENT = metric("PermitsSent", &PERMITS_SENT, &[]);
    PUBLISHED = prometheus_only(&EVENTS_PUBLISHED, &[]);
    /// A collected series, counted every minute.
    SERIES_COLLECTED = cloudwatch_only("SeriesCollected");
    SOURCES_FAILED = metric("SourcesFailed", &COLLECTIONS_FAILED, &[]);
    /// A source that was not collected within its minute.
    SOURCES_MISSED = metric("SourcesMissed", &COLLECTIONS_MISSED, &[]);
    USED = prometheus_only(&USAGE, &[]);
    UTILIZATION = metric("QuotaUtilization", &QUOTA_UTILIZATION, &[]);
    THRESHOLDS = prometheus_only(&QUOTA_THRESHOLDS, &[]);
    /// Mails that could not be sent, over all quotas.
    MAILS_FAILING = metric("MailsFailing", &QUOTA_MAILS, &[]);
    UP = metric("SourceUp", &SOURCE_UP, &[]);
    SOURCES_DOWN = cloudwatch_only("SourcesDown");
    QUEUE_DEPTH = cloudwatch_only("QueueDepth");
}

/// Looks a family up by the topic and field prefix of its totals.
#[must_use]
pub(super) fn family_of_field(prefix: &str, code: &str) -> Option<&'static Family> {
    FAMILIES.iter().copied().find(|family| {
        family.totals.is_some_and(|(topic, stored)| topic.prefix == prefix && stored == code)
    })
}

#[must_use]
pub(super) fn topic(prefix: &str) -> Option<Topic> {
    FAMILIES
        .iter()
        .filter_map(|family| family.totals)
        .map(|(topic, _)| topic)
        .find(|topic| topic.prefix == prefix)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use model::event::EventType;

    use super::*;

    #[test]
    fn every_event_type_is_a_known_value() {
        for r#type in [
            EventType::Data,
            EventType::JobCompleted,
            EventType::JobFailed,
            EventType::JobCancelled,
            EventType::QuotaCrossed,
            EventType::QuotaResolved,
        ] {
            assert!(EVENTS_PUBLISHED.known_values.contains(&r#type.as_str()));
        }
    }

    #[test]
    fn names_are_unique() {
        let all = FAMILIES
            .iter()
            .map(|family| family.name)
            .chain(METRICS.iter().filter_map(|m| m.cloudwatch));
        let all: Vec<_> = all.collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        let stored: Vec<_> = FAMILIES
            .iter()
            .filter_map(|f| f.totals.map(|(topic, code)| (topic.prefix, code)))
            .collect();
        assert_eq!(stored.iter().collect::<BTreeSet<_>>().len(), stored.len());
    }

    #[test]
    fn names_follow_prometheus_conventions() {
        for Family { name, help, shape, unit, labels, known_values: known, totals: stored } in
            FAMILIES
        {
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
    fn fixed_labels_are_known_to_the_family() {
        for Metric { cloudwatch, family, labels } in METRICS {
            assert!(cloudwatch.is_some() || family.is_some());
            if let Some(family) = family {
                assert!(
                    labels.len() <= family.labels.len()
                        && labels.iter().all(|label| family.known_values.contains(label)),
                    "{}",
                    family.name
                );
            }
        }
    }
}
