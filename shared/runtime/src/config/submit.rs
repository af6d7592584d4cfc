use super::{ConfigError, PushAddress, TokenConfig, Vars, required};

/// Configuration of `submit`.
#[derive(Debug)]
pub struct SubmitConfig {
    /// `TABLE_NAME`
    pub table: String,
    /// `QUEUE_URL`: the job queue.
    pub queue_url: String,
    /// WebSocket API for push.
    pub push: PushAddress,
    /// Trusted token issuer, if any.
    pub tokens: Option<TokenConfig>,
}

impl SubmitConfig {
    /// # Errors
    /// When a variable is missing or invalid.
    pub fn read(vars: Vars) -> Result<Self, ConfigError> {
        Ok(Self {
            table: required(vars, "TABLE_NAME")?,
            queue_url: required(vars, "QUEUE_URL")?,
            push: PushAddress::read(vars)?,
            tokens: TokenConfig::read(vars)?,
        })
    }
}
