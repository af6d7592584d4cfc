//! What code counts.

use super::{Family, Metric, families::*};

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
