//! What Prometheus shows.

use super::{Family, Shape, Topic};

const KIND: Topic = Topic { prefix: "KIND", labels: 1, has_external_labels: false };
pub(in crate::metrics) const ROUTE: Topic =
    Topic { prefix: "ROUTE", labels: 2, has_external_labels: false };
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
