use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

use super::Error;
use crate::{clock::Clock, time::Time};

/// When what is counted is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rhythm {
    /// How long after a pause the first time is: 0 where Lambda may do away with the process that was asked once.
    pub first: Duration,
    /// How far apart the others are.
    pub apart: Duration,
    /// How long after one that failed the next is.
    pub again: Duration,
}

/// What a process counts, until it is written.
pub(super) trait Counts: Default + Send + 'static {
    /// Where it is written.
    type Store: Send + Sync + 'static;
    /// What is written at once.
    type Write: Send + Sync + 'static;
    /// What is known of it then.
    type Outcome: Send;

    /// What this is, for the log.
    const NOUN: &'static str;
    /// When it is written.
    const RHYTHM: Rhythm;

    /// What is to be written now, if anything is.
    fn next(&mut self, now: Time) -> Option<Self::Write>;

    /// Whether so much is there that it should be written, whatever the time is.
    fn is_full(&self) -> bool {
        false
    }

    /// Writes.
    fn write(store: &Self::Store, write: &Self::Write) -> impl Future<Output = Self::Outcome> + Send;

    /// Takes note of what became of a write.
    ///
    /// # Errors
    /// When it has to be tried again, or something of it.
    fn written(&mut self, write: Self::Write, outcome: Self::Outcome) -> Result<(), Error>;
}

/// What a process counts, and writes beside its work: after a pause soon, and what comes then at most every so often.
///
/// Lambda freezes a process as soon as its answer is out, and may do so for long or for good. What is left then is written when it is thawed;
/// what one that is never thawed has left is lost. Lambda tells of the end only a process with an extension: a call more in every start, and none
/// to an emulator without extensions, where the function would not start.
///
/// A process whose work comes in batches, after each of which it may be frozen for long, writes before it ends one instead.
pub(super) struct Background<C: Counts>(Arc<Inner<C>>);

struct Inner<C: Counts> {
    store: C::Store,
    clock: Clock,
    state: Mutex<State<C>>,
    /// Rung when the writer has slept for long enough: the time that it sleeps by may have stood still while the process was frozen.
    bell: Notify,
}

#[derive(Default)]
struct State<C> {
    counts: C,
    /// When to write next; none: nothing was written yet.
    due: Option<Time>,
    /// Whether somebody will.
    is_writing: bool,
}

impl<C: Counts> State<C> {
    fn is_due(&self, now: Time) -> bool {
        self.due.is_none_or(|due| now >= due) || self.counts.is_full()
    }

    /// What is to be written now, after which the next time is one rhythm later.
    fn take(&mut self, now: Time) -> Option<C::Write> {
        let next = self.counts.next(now)?;
        self.due = Some(now + C::RHYTHM.apart);
        Some(next)
    }
}

impl<C: Counts> Clone for Background<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<C: Counts> Background<C> {
    pub fn new(store: C::Store, clock: Clock) -> Self {
        Self(Arc::new(Inner { store, clock, state: Mutex::default(), bell: Notify::new() }))
    }

    pub fn store(&self) -> &C::Store {
        &self.0.store
    }

    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Counts something, which is written by whoever asks for that.
    pub fn note(&self, count: impl FnOnce(&mut C)) {
        count(&mut self.0.state().counts);
    }

    /// Counts something, which is written in the background.
    pub fn count(&self, count: impl FnOnce(&mut C)) {
        let now = self.0.clock.now();
        let mut state = self.0.state();
        count(&mut state.counts);
        if !state.is_writing {
            state.is_writing = true;
            if !C::RHYTHM.first.is_zero() && state.is_due(now) {
                state.due = Some(now + C::RHYTHM.first);
            }
            tokio::spawn(self.clone().write_on());
        } else if state.is_due(now) {
            self.0.bell.notify_one();
        }
    }

    /// Writes what is counted by now: also what had to wait for an earlier write to be tried again.
    pub async fn write(&self) {
        loop {
            let next = self.0.state().take(self.0.clock.now());
            let Some(next) = next else { return };
            if !self.write_one(next).await {
                return;
            }
        }
    }

    /// The same, if it is time.
    pub async fn write_if_due(&self) {
        if self.0.state().is_due(self.0.clock.now()) {
            self.write().await;
        }
    }

    /// Writes what is counted, until there is nothing left.
    async fn write_on(self) {
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
                // The bell may have been rung for the last write.
                if !state.is_due(now) {
                    continue;
                }
                let next = state.take(now);
                state.is_writing = next.is_some();
                next
            };
            let Some(next) = next else { return };
            self.write_one(next).await;
        }
    }

    /// `false` if it has to be tried again.
    async fn write_one(&self, write: C::Write) -> bool {
        let outcome = C::write(&self.0.store, &write).await;
        let mut state = self.0.state();
        let Err(error) = state.counts.written(write, outcome) else { return true };
        tracing::warn!(cause = %error, "{} could not be written yet", C::NOUN);
        state.due = Some(self.0.clock.now() + C::RHYTHM.again);
        false
    }
}

impl<C: Counts> Inner<C> {
    fn state(&self) -> MutexGuard<'_, State<C>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
