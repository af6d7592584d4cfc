use model::job::Timing;

use super::{ConfigError, Vars, concurrency, flag, required, timing};

/// Configuration of `queue-worker`.
#[derive(Debug)]
pub struct WorkerConfig {
    /// `TABLE_NAME`
    pub table: String,
    /// `QUEUE_URL`: the job queue.
    pub queue_url: String,
    /// `DEAD_LETTER_QUEUE_URL`: receives messages that no claim could handle.
    pub dead_letter_queue_url: String,
    /// From `TARGET_SECONDS_MAX`.
    pub timing: Timing,
    /// `ALLOW_PRIVATE_TARGETS`: whether targets may have private, loopback and link-local
    /// addresses. Defaults to `false`.
    pub allow_private_targets: bool,
    /// `MAX_RUNNING`: concurrency limit of an account that has none of its own. Unset or 0:
    /// unlimited.
    pub max_running: Option<u32>,
}

impl WorkerConfig {
    /// # Errors
    /// When a variable is missing or invalid.
    pub fn read(vars: Vars) -> Result<Self, ConfigError> {
        Ok(Self {
            table: required(vars, "TABLE_NAME")?,
            queue_url: required(vars, "QUEUE_URL")?,
            dead_letter_queue_url: required(vars, "DEAD_LETTER_QUEUE_URL")?,
            timing: timing(vars)?,
            allow_private_targets: flag(vars, "ALLOW_PRIVATE_TARGETS")?,
            max_running: Some(concurrency(vars, "MAX_RUNNING")?).filter(|cap| *cap > 0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPLETE: [(&str, &str); 4] = [
        ("TABLE_NAME", "t"),
        ("QUEUE_URL", "q"),
        ("DEAD_LETTER_QUEUE_URL", "d"),
        ("TARGET_SECONDS_MAX", "60"),
    ];

    fn read(extra: (&str, &str)) -> Result<WorkerConfig, String> {
        let vars = |name: &str| {
            let set = [extra].into_iter().chain(COMPLETE).find(|(key, _)| *key == name)?;
            Some(set.1.to_owned()).filter(|value| !value.is_empty())
        };
        WorkerConfig::read(&vars).map_err(|error| error.to_string())
    }

    #[test]
    fn errors_name_the_variable_and_the_rule() {
        assert!(!read(("", "")).unwrap().allow_private_targets);
        insta::assert_snapshot!(
            read(("QUEUE_URL", "")).unwrap_err(),
            @"the environment variable QUEUE_URL is not set"
        );
        insta::assert_snapshot!(
            read(("TARGET_SECONDS_MAX", "1h")).unwrap_err(),
            @"the environment variable TARGET_SECONDS_MAX must be a whole number from 1 to 885"
        );
        insta::assert_snapshot!(
            read(("MAX_RUNNING", "-1")).unwrap_err(),
            @"the environment variable MAX_RUNNING must be a whole number from 0 to 1000"
        );
        insta::assert_snapshot!(
            read(("ALLOW_PRIVATE_TARGETS", "1")).unwrap_err(),
            @"the environment variable ALLOW_PRIVATE_TARGETS must be true or false"
        );
    }
}
