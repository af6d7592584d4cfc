//! Configuration of each function, read from environment variables. An error names the variable and
//! the rule.

mod console;
mod manage;
mod poll;
mod push;
mod push_address;
mod queue_worker;
mod quota_check;
mod scheduler;
mod submit;
mod tokens;

use std::time::Duration;

use model::job::Timing;

pub use console::ConsoleConfig;
pub use manage::ManageConfig;
pub use poll::PollConfig;
pub use push::PushConfig;
pub use push_address::PushAddress;
pub use queue_worker::WorkerConfig;
pub use quota_check::QuotaCheckConfig;
pub use scheduler::SchedulerConfig;
pub use submit::SubmitConfig;
pub use tokens::TokenConfig;

/// Looks a variable up: in the environment of the process, or in a table in tests. An empty
/// variable counts as unset, because the template can't leave a variable out.
pub type Vars<'a> = &'a dyn Fn(&str) -> Option<String>;

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The variable is unset or empty.
    #[error("the environment variable {0} is not set")]
    Missing(&'static str),
    /// The variable breaks the rule in the second field.
    #[error("the environment variable {0} {1}")]
    Invalid(&'static str, &'static str),
}

/// Looks a variable up in the environment of the process.
#[must_use]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Namespace of the stack's metrics, from `STACK_NAME`. It keeps two stacks in one AWS account from
/// adding to each other's metrics and triggering each other's alarms.
#[must_use]
pub fn metrics_namespace(vars: Vars) -> String {
    vars("STACK_NAME").map_or_else(|| "Tollgate".to_owned(), |stack| format!("Tollgate/{stack}"))
}

fn required(vars: Vars, name: &'static str) -> Result<String, ConfigError> {
    vars(name).ok_or(ConfigError::Missing(name))
}

fn flag(vars: Vars, name: &'static str) -> Result<bool, ConfigError> {
    match vars(name).as_deref() {
        Some("true") => Ok(true),
        Some("false") | None => Ok(false),
        Some(_) => Err(ConfigError::Invalid(name, "must be true or false")),
    }
}

/// A concurrency from 0 to 1000; 0 if the variable is unset.
fn concurrency(vars: Vars, name: &'static str) -> Result<u32, ConfigError> {
    match vars(name).map(|value| value.parse()) {
        None => Ok(0),
        Some(Ok(number @ 0..=1000)) => Ok(number),
        Some(_) => Err(ConfigError::Invalid(name, "must be a whole number from 0 to 1000")),
    }
}

fn timing(vars: Vars) -> Result<Timing, ConfigError> {
    const NAME: &str = "TARGET_SECONDS_MAX";
    match required(vars, NAME)?.parse() {
        Ok(seconds @ 1..=885) => Ok(Timing::for_target(Duration::from_secs(seconds))),
        _ => Err(ConfigError::Invalid(NAME, "must be a whole number from 1 to 885")),
    }
}
