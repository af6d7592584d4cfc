use model::job::Timing;

use super::{ConfigError, SchedulerConfig, TokenConfig, Vars, required, timing};

/// Configuration of `manage`.
#[derive(Debug)]
pub struct ManageConfig {
    /// `TABLE_NAME`
    pub table: String,
    /// Access to EventBridge Scheduler.
    pub scheduler: SchedulerConfig,
    /// From `TARGET_SECONDS_MAX`, for the limits of kinds.
    pub timing: Timing,
    /// Trusted token issuer, if any.
    pub tokens: Option<TokenConfig>,
}

impl ManageConfig {
    /// # Errors
    /// When a variable is missing or invalid.
    pub fn read(vars: Vars) -> Result<Self, ConfigError> {
        Ok(Self {
            table: required(vars, "TABLE_NAME")?,
            scheduler: SchedulerConfig::read(vars)?,
            timing: timing(vars)?,
            tokens: TokenConfig::read(vars)?,
        })
    }
}
