use super::{ConfigError, PushAddress, Vars};

/// Configuration of `console`.
#[derive(Debug)]
pub struct ConsoleConfig {
    /// WebSocket API to which pages connect.
    pub push: PushAddress,
}

impl ConsoleConfig {
    /// # Errors
    /// When a variable is missing or invalid.
    pub fn read(vars: Vars) -> Result<Self, ConfigError> {
        Ok(Self { push: PushAddress::read(vars)? })
    }
}
