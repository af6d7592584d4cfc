//! Long polls: a request waits as long as it prefers, if a slot is free.

mod preference;

use std::time::Duration;

use model::{id::AccountId, time::Time};
use runtime::clock::Clock;
use store::{WaitSlot, WaitSlots};

pub use preference::preferred_wait;

/// How long a request waits without a slot. Most jobs end within this time and cost no write. A
/// process that finds all slots of an account taken skips this wait for a while.
const GRACE: Duration = Duration::from_millis(500);

/// Minimum `Retry-After` in seconds if no slot was free.
const RETRY_AFTER: u64 = 2;

/// Context of waiting requests.
#[derive(Debug)]
pub struct LongPolls {
    pub slots: WaitSlots,
    pub clock: Clock,
}

#[derive(Debug)]
pub struct Waiter<'a> {
    long_polls: &'a LongPolls,
    account: AccountId,
    started: Time,
    wait: Duration,
    slot: Option<WaitSlot>,
    is_refused: bool,
}

/// Result of a wait preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitResult {
    NotRequested,
    /// The response was held for at most this many seconds.
    Held(u64),
    /// No slot was free, so the response was not held.
    Refused,
}

impl<'a> Waiter<'a> {
    /// Starts the wait of a request from this account.
    pub fn new(long_polls: &'a LongPolls, account: AccountId, wait: Option<Duration>) -> Self {
        let (started, wait) = (long_polls.clock.now(), wait.unwrap_or_default());
        Self { long_polls, account, started, wait, slot: None, is_refused: false }
    }

    /// Whether the time is over or no slot was free.
    pub fn is_over(&self) -> bool {
        self.is_refused || self.time_left().is_zero()
    }

    /// Pauses for at most `pause`; returns `false` without pausing if the wait is over.
    pub async fn pause(&mut self, pause: Duration) -> bool {
        if !self.is_over() {
            self.acquire_when_due().await;
        }
        if self.is_over() {
            return false;
        }
        let left = self.time_left();
        let limit = if self.slot.is_some() { left } else { left.min(self.grace_left()) };
        tokio::time::sleep(pause.min(limit)).await;
        true
    }

    /// Releases the slot.
    pub async fn end(self) -> WaitResult {
        if let Some(slot) = self.slot {
            // If this fails, the slot's lease expires.
            let _ = self.long_polls.slots.release(slot).await;
        }
        match u64::try_from(self.wait.as_millis().div_ceil(1000)) {
            _ if self.is_refused => WaitResult::Refused,
            Ok(0) | Err(_) => WaitResult::NotRequested,
            Ok(seconds) => WaitResult::Held(seconds),
        }
    }

    async fn acquire_when_due(&mut self) {
        let LongPolls { slots, clock } = self.long_polls;
        let now = clock.now();
        if self.slot.is_some()
            || !(self.grace_left().is_zero() || slots.are_full(self.account, now))
        {
            return;
        }
        // Waiting is optional: if acquiring a slot fails, the request is answered without.
        self.slot = slots.acquire(self.account, self.wait, now).await.ok().flatten();
        match &self.slot {
            Some(slot) => self.wait = slot.wait,
            None => self.is_refused = true,
        }
    }

    fn time_left(&self) -> Duration {
        (self.started + self.wait).since(self.long_polls.clock.now())
    }

    fn grace_left(&self) -> Duration {
        (self.started + GRACE).since(self.long_polls.clock.now())
    }
}

impl WaitResult {
    /// The value of `Preference-Applied` (RFC 7240, section 3).
    pub fn applied(self) -> Option<String> {
        match self {
            Self::Held(seconds) => Some(format!("wait={seconds}")),
            Self::NotRequested | Self::Refused => None,
        }
    }

    /// The `Retry-After` in seconds: at least two if no slot was free.
    pub fn retry_after(self, seconds: Option<u64>) -> Option<u64> {
        match self {
            Self::Refused => Some(seconds.unwrap_or_default().max(RETRY_AFTER)),
            Self::NotRequested | Self::Held(_) => seconds,
        }
    }
}
