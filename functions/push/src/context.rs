use std::time::Duration;

use model::time::Time;
use runtime::clock::Clock;
use store::{AccountStore, ConnectionStore, EventStore, Sockets};

#[derive(Debug)]
pub struct Context {
    pub accounts: AccountStore,
    pub events: EventStore,
    pub connections: ConnectionStore,
    pub sockets: Sockets,
    pub clock: Clock,
}

#[derive(Clone, Copy, Debug)]
pub struct Invocation<'a> {
    /// The Lambda request ID, for logs.
    pub request_id: &'a str,
    /// When to start no further work.
    pub deadline: Time,
}

impl Invocation<'_> {
    /// Moves the deadline to `limit` after `now`, if that is earlier.
    pub fn within(self, limit: Duration, now: Time) -> Self {
        Self { deadline: self.deadline.min(now + limit), ..self }
    }
}
