use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::Error;
use model::time::Time;
use runtime::clock::Clock;

/// Interval of writes by [`WriteBehind::flush_if_due`].
#[derive(Clone, Copy, Debug)]
pub(super) struct FlushPolicy {
    /// Time between two writes.
    pub interval: Duration,
    /// Time from a failed write to the next try.
    pub retry_interval: Duration,
}

/// Counts in memory until they are written.
pub(super) trait Accumulator: Default + Send + 'static {
    /// Destination of the writes.
    type Store: Send + Sync + 'static;
    /// The data of one round.
    type Write: Send + Sync + 'static;
    /// The result of one round.
    type Outcome: Send;

    /// Noun for log messages.
    const NOUN: &'static str;
    const POLICY: FlushPolicy;

    /// Takes the data to write now, if any.
    fn next(&mut self, now: Time) -> Option<Self::Write>;

    fn write(
        store: &Self::Store,
        write: &Self::Write,
    ) -> impl Future<Output = Self::Outcome> + Send;

    /// Records the result of a write.
    ///
    /// # Errors
    /// Returns an error when a part of the write must be retried.
    fn written(&mut self, write: Self::Write, outcome: Self::Outcome) -> Result<(), Error>;
}

/// Counts in memory that are written when the invocation ends.
///
/// Nothing runs in the background. Lambda freezes a process when its invocation ends, for hours or
/// forever, and may kill it without a signal. A spawned task may therefore never run
/// (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>), and each
/// invocation must flush.
pub(super) struct WriteBehind<A: Accumulator>(Arc<Inner<A>>);

struct Inner<A: Accumulator> {
    store: A::Store,
    clock: Clock,
    state: Mutex<State<A>>,
    /// Held during a round of writes, so that a concurrent flush returns after it.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State<A> {
    counts: A,
    /// When to write next; `None` before the first write.
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

    /// Counts in memory. The counts are lost with the process until they are flushed.
    pub fn count(&self, count: impl FnOnce(&mut A)) {
        count(&mut self.0.state().counts);
    }

    /// Writes all counts, including those of a failed earlier write. Failed writes are kept.
    pub async fn flush(&self) {
        let _writing = self.0.writing.lock().await;
        loop {
            let next = {
                let mut state = self.0.state();
                let now = self.0.clock.now();
                let Some(next) = state.counts.next(now) else { return };
                state.due = Some(now + A::POLICY.interval);
                next
            };
            if !self.write_one(next).await {
                return;
            }
        }
    }

    /// Flushes unless the last write was recent. For counts of which some may be lost.
    pub async fn flush_if_due(&self) {
        let now = self.0.clock.now();
        let is_due = self.0.state().due.is_none_or(|due| now >= due);
        if is_due {
            self.flush().await;
        }
    }

    /// Returns `false` if the write must be retried.
    async fn write_one(&self, write: A::Write) -> bool {
        let outcome = A::write(&self.0.store, &write).await;
        let mut state = self.0.state();
        let Err(error) = state.counts.written(write, outcome) else { return true };
        tracing::warn!(cause = %error, "flush of {} failed", A::NOUN);
        state.due = Some(self.0.clock.now() + A::POLICY.retry_interval);
        false
    }
}

impl<A: Accumulator> Inner<A> {
    fn state(&self) -> MutexGuard<'_, State<A>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
