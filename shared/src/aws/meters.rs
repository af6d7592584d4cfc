use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;
use uuid::Uuid;

use super::{ReadingStore, Table};
use crate::{
    clock::Clock,
    id::AccountId,
    time::Time,
    usage::{Direction, Meter},
};

/// How long after a reading the next one is taken at the soonest, unless the meter is full.
const APART: Duration = Duration::from_secs(25);
/// How long after a write that failed the next one is.
const AGAIN: Duration = Duration::from_secs(5);

/// What Tollgate's own API lets through, counted by this process.
///
/// It is written in the background: at once after a pause, since Lambda may freeze a process as soon as its answer is out, and does away with
/// many that were asked once; and what comes then every 25 s. What is left when a process is frozen is written when it is thawed; what one
/// that is never thawed has left is lost. Lambda tells of the end only a process with an extension: a call more in every start, and none to an
/// emulator without extensions, where the function would not start.
#[derive(Clone)]
pub struct Meters(Arc<Inner>);

struct Inner {
    readings: ReadingStore,
    clock: Clock,
    process: Uuid,
    state: Mutex<State>,
    /// Rung when the writer has slept for long enough: the time that it sleeps by may have stood still while the process was frozen.
    bell: Notify,
}

#[derive(Default)]
struct State {
    meter: Meter,
    /// When to write next.
    due: Option<Time>,
    /// Whether somebody will.
    is_writing: bool,
}

impl State {
    fn is_due(&self, now: Time) -> bool {
        self.due.is_none_or(|due| now >= due) || self.meter.is_full()
    }
}

impl Meters {
    /// The meter of this process, whose readings go to a table.
    #[must_use]
    pub fn new(table: Table, clock: Clock) -> Self {
        let (process, state, bell) = (Uuid::new_v4(), Mutex::default(), Notify::new());
        Self(Arc::new(Inner { readings: ReadingStore::new(table), clock, process, state, bell }))
    }

    /// Counts a request: how many bytes an account sent to a route, and got from it.
    pub fn count(&self, account: AccountId, route: &str, sent: u64, got: u64) {
        if sent == 0 && got == 0 {
            return;
        }
        let now = self.0.clock.now();
        let mut state = self.0.state();
        state.meter.count(account, Direction::Ingress, route, sent);
        state.meter.count(account, Direction::Egress, route, got);
        if !state.is_writing {
            state.is_writing = true;
            tokio::spawn(self.clone().write());
        } else if state.is_due(now) {
            self.0.bell.notify_one();
        }
    }

    /// Writes what is counted, until there is nothing left.
    async fn write(self) {
        loop {
            let left = self.0.state().due.map_or(Duration::ZERO, |due| due.since(self.0.clock.now()));
            if !left.is_zero() {
                tokio::select! {
                    () = tokio::time::sleep(left) => {}
                    () = self.0.bell.notified() => {}
                }
            }
            let next = {
                let mut state = self.0.state();
                let now = self.0.clock.now();
                // The bell may have been rung for the last reading.
                if !state.is_due(now) {
                    continue;
                }
                let next = state.meter.write(now);
                state.is_writing = next.is_some();
                state.due = next.as_ref().map(|_| now + APART).or(state.due);
                next
            };
            let Some(next) = next else { return };
            match self.0.readings.write(self.0.process, &next).await {
                Ok(place) => self.0.state().meter.written(place),
                Err(error) => {
                    tracing::warn!(cause = %error, "what went through could not be recorded yet");
                    self.0.state().due = Some(self.0.clock.now() + AGAIN);
                }
            }
        }
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Meters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Meters({})", self.0.process)
    }
}
