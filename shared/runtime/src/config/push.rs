use super::{ConfigError, PushAddress, Vars, required};

/// Configuration of `push`.
#[derive(Debug)]
pub struct PushConfig {
    /// `TABLE_NAME`
    pub table: String,
    /// From `PUSH_ADDRESS`: the WebSocket API that holds the connections.
    pub address: PushAddress,
}

impl PushConfig {
    /// # Errors
    /// When a variable is missing or invalid.
    pub fn read(vars: Vars) -> Result<Self, ConfigError> {
        Ok(Self { table: required(vars, "TABLE_NAME")?, address: PushAddress::read(vars)? })
    }
}
