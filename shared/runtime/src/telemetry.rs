//! Logs and metrics, as JSON lines on standard output.
//!
//! Logs name request, account, job and attempt, and never contain a payload, a result or a secret.
//! Metrics use CloudWatch's embedded metric format, one line per unit of work
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>),
//! which costs a log line and no API call. The format is a single JSON object and is written here
//! by hand: a library would add more code than it saves.

mod log;
mod metrics;
mod trace;

pub use log::{OWN_CRATES, init, json_layer};
pub use metrics::{Metrics, Record};
pub use trace::{InvalidTraceparent, Traceparent};
