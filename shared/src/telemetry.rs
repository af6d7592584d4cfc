//! What the functions tell about themselves: JSON lines on standard output, some of them metrics.
//!
//! Logs name the request, the account, the job and the attempt, and never hold a payload, a result or a secret. Metrics are one line
//! per unit of work in CloudWatch's embedded metric format
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>), which costs a
//! log line and no call. The format is one JSON object, written here by hand: a library for it would bring more code than it saves.

#[cfg(feature = "aws")]
mod log;
mod metrics;
mod trace;

#[cfg(feature = "aws")]
pub use log::{init, lines};
pub use metrics::{Metrics, Record};
pub use trace::{NotATraceparent, Traceparent};
