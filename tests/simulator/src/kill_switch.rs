//! Kills functions in the middle of their work.

use std::{
    fmt,
    future::{Future, pending},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};
use tokio::sync::Notify;

tokio::task_local! {
    /// The switch of the function that is being polled, so that calls need no parameter for it. It
    /// doesn't cover tasks that a function spawns.
    static CURRENT: KillSwitch;
}

/// Kills one function at its n-th call to AWS; calls of other functions don't count.
///
/// The SDK's retries count as calls. [`KillSwitch::never`] only counts, so that a test can
/// enumerate the calls to die at.
#[derive(Clone, Debug)]
pub struct KillSwitch(Arc<State>);

#[derive(Debug)]
struct State {
    moment: Option<Moment>,
    calls: AtomicU64,
    fired: AtomicBool,
    made: Mutex<Vec<String>>,
    notify: Notify,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    Before(u64),
    After(u64),
}

impl KillSwitch {
    /// Kills before the `nth` call (starting at 1) reaches its service.
    pub fn before(nth: u64) -> Self {
        Self::armed(Some(Moment::Before(nth)))
    }

    /// Kills after the `nth` call took effect, before its response arrives.
    pub fn after(nth: u64) -> Self {
        Self::armed(Some(Moment::After(nth)))
    }

    /// Never kills, only counts.
    pub fn never() -> Self {
        Self::armed(None)
    }

    /// Number of calls that the function started.
    pub fn calls(&self) -> u64 {
        self.0.calls.load(Ordering::Relaxed)
    }

    /// The operations that took effect, in order.
    pub fn completed_operations(&self) -> Vec<String> {
        self.0.made.lock().unwrap().clone()
    }

    fn armed(moment: Option<Moment>) -> Self {
        let (calls, pulled, bell) = (AtomicU64::new(0), AtomicBool::new(false), Notify::new());
        Self(Arc::new(State { moment, calls, fired: pulled, made: Mutex::default(), notify: bell }))
    }

    /// Starts a call and counts it for the current function. Never resolves if the function dies
    /// here.
    pub(crate) async fn enter() -> Call {
        let Ok(switch) = CURRENT.try_with(Clone::clone) else { return Call(None) };
        let nth = switch.0.calls.fetch_add(1, Ordering::Relaxed) + 1;
        switch.die_if(Moment::Before(nth)).await;
        Call(Some((switch, nth)))
    }

    /// Never resolves at or after the moment of death: a dead function makes no calls.
    async fn die_if(&self, now: Moment) {
        if self.0.moment == Some(now) {
            self.0.fired.store(true, Ordering::Relaxed);
            self.0.notify.notify_one();
        }
        if self.0.fired.load(Ordering::Relaxed) {
            pending::<()>().await;
        }
    }
}

/// A call in progress.
pub(crate) struct Call(Option<(KillSwitch, u64)>);

impl Call {
    /// Ends a call that took effect. Never resolves if the function dies here.
    pub(crate) async fn leave(self, operation: &str) {
        if let Some((switch, nth)) = self.0 {
            switch.0.made.lock().unwrap().push(operation.to_owned());
            switch.die_if(Moment::After(nth)).await;
        }
    }
}

/// Runs a function to its end, or drops it and returns `None` when `switch` kills it.
pub async fn run_until_killed<F: Future>(function: F, switch: &KillSwitch) -> Option<F::Output> {
    tokio::select! {
        // A fixed order instead of a random one keeps runs reproducible.
        biased;
        output = CURRENT.scope(switch.clone(), function) => Some(output),
        () = switch.0.notify.notified() => None,
    }
}

/// The error of a killed handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Killed;

impl fmt::Display for Killed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("killed")
    }
}

impl std::error::Error for Killed {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Aws;

    async fn put_two(aws: &Aws) {
        let dynamodb = aws.dynamodb();
        for sk in ["1", "2"] {
            crate::aws::tests::put(&dynamodb, sk).await.unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn before_and_after_differ_by_one_write() {
        for (switch, written) in [(KillSwitch::before(2), 1), (KillSwitch::after(2), 2)] {
            let aws = Aws::new();
            assert_eq!(run_until_killed(put_two(&aws), &switch).await, None);
            assert_eq!(aws.items().len(), written);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn kills_only_its_own_function() {
        let aws = Aws::new();
        let (doomed, counted) = (KillSwitch::before(1), KillSwitch::never());
        let (dead, alive) = tokio::join!(
            run_until_killed(put_two(&aws), &doomed),
            run_until_killed(put_two(&aws), &counted)
        );
        assert_eq!((dead, alive), (None, Some(())));
        assert_eq!(counted.calls(), 2);
    }
}
