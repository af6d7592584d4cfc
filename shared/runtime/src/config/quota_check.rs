use super::{ConfigError, Vars, flag, metrics_namespace, required};

/// Configuration of `quota-check`.
#[derive(Debug)]
pub struct QuotaCheckConfig {
    /// `TABLE_NAME`
    pub table: String,
    /// `QUEUE_URL`: the job queue.
    pub queue_url: String,
    /// `SENDER_ADDRESS`: sender of mails. If unset, no mails are sent.
    pub sender: Option<String>,
    /// `ALLOW_PRIVATE_TARGETS`: whether sources may have private, loopback and link-local
    /// addresses. Defaults to `false`.
    pub allow_private_targets: bool,
    /// Namespace of gauges: [`metrics_namespace`].
    pub namespace: String,
}

impl QuotaCheckConfig {
    /// # Errors
    /// When a variable is missing or invalid.
    pub fn read(vars: Vars) -> Result<Self, ConfigError> {
        Ok(Self {
            table: required(vars, "TABLE_NAME")?,
            queue_url: required(vars, "QUEUE_URL")?,
            sender: vars("SENDER_ADDRESS"),
            allow_private_targets: flag(vars, "ALLOW_PRIVATE_TARGETS")?,
            namespace: metrics_namespace(vars),
        })
    }
}
