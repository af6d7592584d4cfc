use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::Error;
use crate::{clock::Clock, time::Time};

/// How often counts are written by [`WriteBehind::flush_if_due`].
#[derive(Clone, Copy, Debug)]
pub(super) struct FlushPolicy {
    /// The time between two writes.
    pub apart: Duration,
    /// The time from a failed write to the next one.
    pub again: Duration,
}

/// What a process counts, until it is written.
pub(super) trait Accumulator: Default + Send + 'static {
    /// Where it is written.
    type Store: Send + Sync + 'static;
    /// What one round writes.
    type Write: Send + Sync + 'static;
    /// What is known of a round afterwards.
    type Outcome: Send;

    /// What this is, for the log.
    const NOUN: &'static str;
    /// When it is written.
    const POLICY: FlushPolicy;

    /// What is to be written now, if anything is.
    fn next(&mut self, now: Time) -> Option<Self::Write>;

    /// Writes.
    fn write(
        store: &Self::Store,
        write: &Self::Write,
    ) -> impl Future<Output = Self::Outcome> + Send;

    /// Takes note of what became of a write.
    ///
    /// # Errors
    /// When it has to be tried again, or something of it.
    fn written(&mut self, write: Self::Write, outcome: Self::Outcome) -> Result<(), Error>;
}

/// What a process counts in memory, and writes when its invocation ends.
///
/// Nothing here runs by itself. Lambda freezes a process as soon as its invocation is over, for
/// hours or for good, and may kill it without a signal: a task that is spawned to write later may
/// never run (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>). So
/// each invocation flushes.
pub(super) struct WriteBehind<A: Accumulator>(Arc<Inner<A>>);

struct Inner<A: Accumulator> {
    store: A::Store,
    clock: Clock,
    state: Mutex<State<A>>,
    /// Held during a round of writes: the next flush returns after it, not in the
    /// middle of it.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State<A> {
    counts: A,
    /// When to write next; none: nothing was written yet.
    due: Option<Time>,
}

impl<A: Accumulator> Clone for WriteBehind<A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<A: Accumulator> WriteBehind<A> {
    pub fn new(store: A::Store, clock: Clock) -> Self {
        let (state, writing) = (Mutex::default(), tokio::sync::Mutex::default());
        Self(Arc::new(Inner { store, clock, state, writing }))
    }

    pub fn store(&self) -> &A::Store {
        &self.0.store
    }

    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Counts something. It is lost with the process until it is flushed.
    pub fn count(&self, count: impl FnOnce(&mut A)) {
        count(&mut self.0.state().counts);
    }

    /// Writes what is counted by now, including what an earlier write left. What can't be written
    /// stays.
    pub async fn flush(&self) {
        let _writing = self.0.writing.lock().await;
        loop {
            let next = {
                let mut state = self.0.state();
                let now = self.0.clock.now();
                let Some(next) = state.counts.next(now) else { return };
                state.due = Some(now + A::POLICY.apart);
                next
            };
            if !self.write_one(next).await {
                return;
            }
        }
    }

    /// The same, unless it was written a moment ago: for counts of which some may be lost.
    pub async fn flush_if_due(&self) {
        let now = self.0.clock.now();
        let is_due = self.0.state().due.is_none_or(|due| now >= due);
        if is_due {
            self.flush().await;
        }
    }

    /// `false` if it has to be tried again.
    async fn write_one(&self, write: A::Write) -> bool {
        let outcome = A::write(&self.0.store, &write).await;
        let mut state = self.0.state();
        let Err(error) = state.counts.written(write, outcome) else { return true };
        tracing::warn!(cause = %error, "{} could not be written yet", A::NOUN);
        state.due = Some(self.0.clock.now() + A::POLICY.again);
        false
    }
}

impl<A: Accumulator> Inner<A> {
    fn state(&self) -> MutexGuard<'_, State<A>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
