//! What differs between stacks.

use std::time::Duration;

use outbound::Outbound;
use runtime::config::TokenConfig;

#[derive(Clone, Debug)]
pub struct Options {
    /// Longest duration of a target's response.
    pub target: Duration,
    pub allow_private_targets: bool,
    /// Receives before a message goes to the dead-letter queue.
    pub max_receives: u32,
    /// Concurrency limit per account.
    pub max_running: Option<u32>,
    /// Issuer whose tokens are accepted in addition to API keys.
    pub tokens: Option<TokenConfig>,
    /// Sender address of mails; without it no mails are sent.
    pub sender: Option<String>,
    /// Concurrent long polls of `poll`.
    pub wait_slots: u32,
    /// Network of targets and of Prometheus pages; the real one by default.
    pub network: Option<Outbound>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            target: Duration::from_secs(10),
            allow_private_targets: true,
            max_receives: 1000,
            max_running: None,
            tokens: None,
            sender: Some("tollgate@example.com".to_owned()),
            wait_slots: 50,
            network: None,
        }
    }
}
