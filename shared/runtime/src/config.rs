//! Configuration of each function, read from environment variables. An error names the variable and
//! the rule.

use std::time::Duration;

use model::{job::Timing, wait};

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

/// Configuration of `submit`.
#[derive(Debug)]
pub struct SubmitConfig {
    /// `TABLE_NAME`
    pub table: String,
    /// `QUEUE_URL`: the job queue.
    pub queue_url: String,
    /// EventBridge Scheduler, for delayed jobs and schedules.
    pub scheduler: SchedulerConfig,
    /// From `TARGET_SECONDS_MAX`.
    pub timing: Timing,
    /// WebSocket API for push.
    pub push: PushAddress,
    /// Trusted token issuer, if any.
    pub tokens: Option<TokenConfig>,
}

/// The WebSocket API that holds the connections over which events are pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushAddress {
    /// URL to which subscribers connect, `wss://…`.
    pub url: String,
    /// Base URL of the `@connections` API, `https://…`.
    pub connections: String,
}

impl PushAddress {
    /// Reads `PUSH_ADDRESS`, `<api>.execute-api.…/<stage>`, and `AWS_ENDPOINT_URL`, because an
    /// emulator serves its APIs at URLs of its own.
    fn read(vars: Vars) -> Result<Self, ConfigError> {
        const NAME: &str = "PUSH_ADDRESS";
        let address = required(vars, NAME)?;
        let parts = address
            .split_once('/')
            .and_then(|(host, stage)| Some((host.split_once('.')?.0, stage)));
        let (api, stage) =
            parts.ok_or(ConfigError::Invalid(NAME, "must be a host name and a stage"))?;
        let Some(emulator) = vars("AWS_ENDPOINT_URL") else {
            let (url, connections) = (format!("wss://{address}"), format!("https://{address}"));
            return Ok(Self { url, connections });
        };
        let connections =
            format!("{}/_aws/execute-api/{api}/{stage}", emulator.trim_end_matches('/'));
        Ok(Self { url: connections.replacen("http", "ws", 1), connections })
    }
}

/// The issuer whose tokens are accepted in addition to API keys.
#[derive(Clone, Debug)]
pub struct TokenConfig {
    /// `JWT_ISSUER`: the issuer, equal to the `iss` claim. If unset, no tokens are accepted.
    pub issuer: String,
    /// `JWT_AUDIENCE`: the value that `aud` must contain.
    pub audience: String,
    /// `JWT_ADMIN`: whether a token may have the scope `admin`. Defaults to `false`.
    pub admin: bool,
}

impl TokenConfig {
    fn read(vars: Vars) -> Result<Option<Self>, ConfigError> {
        let Some(issuer) = vars("JWT_ISSUER") else { return Ok(None) };
        // Without TLS, an attacker on the network could impersonate the issuer. An emulator has
        // nothing to protect.
        let is_local = issuer.starts_with("http://") && vars("AWS_ENDPOINT_URL").is_some();
        if !issuer.starts_with("https://") && !is_local {
            return Err(ConfigError::Invalid("JWT_ISSUER", "must be an https:// URL"));
        }
        let audience = required(vars, "JWT_AUDIENCE")?;
        Ok(Some(Self { issuer, audience, admin: flag(vars, "JWT_ADMIN")? }))
    }
}

/// Access to EventBridge Scheduler.
#[derive(Clone, Debug)]
pub struct SchedulerConfig {
    /// `SCHEDULES_GROUP`: the group of recurring schedules.
    pub schedules_group: String,
    /// `SCHEDULER_ROLE_ARN`: the role with which Scheduler sends to the queue.
    pub role_arn: String,
    /// `QUEUE_ARN`: the job queue.
    pub queue_arn: String,
    /// `DEAD_LETTER_QUEUE_ARN`: receives what Scheduler fails to send to the job queue.
    pub dead_letter_queue_arn: String,
}

impl SchedulerConfig {
    fn read(vars: Vars) -> Result<Self, ConfigError> {
        Ok(Self {
            schedules_group: required(vars, "SCHEDULES_GROUP")?,
            role_arn: required(vars, "SCHEDULER_ROLE_ARN")?,
            queue_arn: required(vars, "QUEUE_ARN")?,
            dead_letter_queue_arn: required(vars, "DEAD_LETTER_QUEUE_ARN")?,
        })
    }
}

impl SubmitConfig {
    /// # Errors
    /// When a variable is missing or invalid.
    pub fn read(vars: Vars) -> Result<Self, ConfigError> {
        Ok(Self {
            table: required(vars, "TABLE_NAME")?,
            queue_url: required(vars, "QUEUE_URL")?,
            scheduler: SchedulerConfig::read(vars)?,
            timing: timing(vars)?,
            push: PushAddress::read(vars)?,
            tokens: TokenConfig::read(vars)?,
        })
    }
}

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

    #[test]
    fn push_address_on_aws_and_on_an_emulator() {
        let read = |set: &[(&str, &str)]| {
            let vars = |name: &str| {
                set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            };
            PushAddress::read(&vars).map_err(|error| error.to_string())
        };
        let set = ("PUSH_ADDRESS", "abc.execute-api.eu-central-1.amazonaws.com/live");
        let address = |url: &str, connections: &str| {
            Ok(PushAddress { url: url.to_owned(), connections: connections.to_owned() })
        };
        assert_eq!(
            read(&[set]),
            address(
                "wss://abc.execute-api.eu-central-1.amazonaws.com/live",
                "https://abc.execute-api.eu-central-1.amazonaws.com/live"
            )
        );
        assert_eq!(
            read(&[set, ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")]),
            address(
                "ws://127.0.0.1:4566/_aws/execute-api/abc/live",
                "http://127.0.0.1:4566/_aws/execute-api/abc/live"
            )
        );
        insta::assert_snapshot!(
            read(&[("PUSH_ADDRESS", "abc")]).unwrap_err(),
            @"the environment variable PUSH_ADDRESS must be a host name and a stage"
        );
    }

    #[test]
    fn tokens_need_an_https_issuer_and_an_audience() {
        let read = |set: &[(&str, &str)]| {
            let vars = |name: &str| {
                set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            };
            TokenConfig::read(&vars).map_err(|error| error.to_string())
        };
        assert!(read(&[]).unwrap().is_none());
        let good = [("JWT_ISSUER", "https://id.example"), ("JWT_AUDIENCE", "tollgate")];
        assert!(!read(&good).unwrap().unwrap().admin);
        insta::assert_snapshot!(
            read(&good[..1]).unwrap_err(),
            @"the environment variable JWT_AUDIENCE is not set"
        );
        let plain = [
            ("JWT_ISSUER", "http://id.example"),
            good[1],
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566"),
        ];
        insta::assert_snapshot!(
            read(&plain[..2]).unwrap_err(),
            @"the environment variable JWT_ISSUER must be an https:// URL"
        );
        assert!(read(&plain).is_ok());
    }
}
