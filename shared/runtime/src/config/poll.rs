use model::wait;

use super::{ConfigError, TokenConfig, Vars, concurrency, required};

/// Configuration of `poll`.
#[derive(Debug)]
pub struct PollConfig {
    /// `TABLE_NAME`
    pub table: String,
    /// Trusted token issuer, if any.
    pub tokens: Option<TokenConfig>,
    /// Number of concurrent long polls, derived from `POLL_CONCURRENCY`, the reserved concurrency
    /// of `poll` (unset or 0 if none is reserved).
    pub wait_slots: u32,
}

impl PollConfig {
    /// # Errors
    /// When a variable is missing or invalid.
    pub fn read(vars: Vars) -> Result<Self, ConfigError> {
        Ok(Self {
            table: required(vars, "TABLE_NAME")?,
            tokens: TokenConfig::read(vars)?,
            wait_slots: wait::slots(concurrency(vars, "POLL_CONCURRENCY")?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_poll_concurrency_may_wait() {
        let read = |concurrency: &str| {
            let vars = |name: &str| {
                let set = [("TABLE_NAME", "t"), ("POLL_CONCURRENCY", concurrency)];
                let (_, value) = set.into_iter().find(|(key, _)| *key == name)?;
                Some(value.to_owned()).filter(|value| !value.is_empty())
            };
            PollConfig::read(&vars)
                .map(|config| config.wait_slots)
                .map_err(|error| error.to_string())
        };
        assert_eq!(["", "0", "100"].map(read), [Ok(5), Ok(5), Ok(50)]);
        insta::assert_snapshot!(
            read("1001").unwrap_err(),
            @"the environment variable POLL_CONCURRENCY must be a whole number from 0 to 1000"
        );
    }
}
