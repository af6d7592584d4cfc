//! Functions that die in the middle of their work.

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
    /// The switch of the function that is being polled: calls find it without being handed it.
    /// Work that a function spawns as a task of its own is out of its reach.
    static CURRENT: KillSwitch;
}

/// Kills one function at its n-th call to AWS, whatever other functions call meanwhile.
///
/// The SDK's retries are calls too. Under [`KillSwitch::never`] it only counts, so that a test can
/// find out how many calls there are to die at.
#[derive(Clone, Debug)]
pub struct KillSwitch(Arc<State>);

#[derive(Debug)]
struct State {
    moment: Option<Moment>,
    calls: AtomicU64,
    pulled: AtomicBool,
    made: Mutex<Vec<String>>,
    bell: Notify,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    Before(u64),
    After(u64),
}

impl KillSwitch {
    /// Kills before the `nth` call (the first is 1) reaches its service.
    pub fn before(nth: u64) -> Self {
        Self::armed(Some(Moment::Before(nth)))
    }

    /// Kills once the `nth` call has had its effect, before its answer is seen.
    pub fn after(nth: u64) -> Self {
        Self::armed(Some(Moment::After(nth)))
    }

    /// Kills nothing and counts.
    pub fn never() -> Self {
        Self::armed(None)
    }

    /// How many calls the function has begun.
    pub fn calls(&self) -> u64 {
        self.0.calls.load(Ordering::Relaxed)
    }

    /// The operations of the calls that had their effect, in their order.
    pub fn made(&self) -> Vec<String> {
        self.0.made.lock().unwrap().clone()
    }

    fn armed(moment: Option<Moment>) -> Self {
        let (calls, pulled, bell) = (AtomicU64::new(0), AtomicBool::new(false), Notify::new());
        Self(Arc::new(State { moment, calls, pulled, made: Mutex::default(), bell }))
    }

    /// A call begins: its number, counted for the function that makes it. Never answers if the
    /// function is to die here.
    pub(crate) async fn enter() -> Call {
        let Ok(switch) = CURRENT.try_with(Clone::clone) else { return Call(None) };
        let nth = switch.0.calls.fetch_add(1, Ordering::Relaxed) + 1;
        switch.die_if(Moment::Before(nth)).await;
        Call(Some((switch, nth)))
    }

    /// Never answers if `now` is the moment, or if it has passed: the dead make no calls.
    async fn die_if(&self, now: Moment) {
        if self.0.moment == Some(now) {
            self.0.pulled.store(true, Ordering::Relaxed);
            self.0.bell.notify_one();
        }
        if self.0.pulled.load(Ordering::Relaxed) {
            pending::<()>().await;
        }
    }
}

/// A call under way, made by a function that may be doomed.
pub(crate) struct Call(Option<(KillSwitch, u64)>);

impl Call {
    /// The call has had its effect; never answers if the function is to die now.
    pub(crate) async fn leave(self, operation: &str) {
        if let Some((switch, nth)) = self.0 {
            switch.0.made.lock().unwrap().push(operation.to_owned());
            switch.die_if(Moment::After(nth)).await;
        }
    }
}

/// Runs a function to its end, or drops it where `switch` kills it: then there is no output.
pub async fn run_until_killed<F: Future>(function: F, switch: &KillSwitch) -> Option<F::Output> {
    tokio::select! {
        // In this order, and not in a random one, so that a run can be replayed.
        biased;
        output = CURRENT.scope(switch.clone(), function) => Some(output),
        () = switch.0.bell.notified() => None,
    }
}

/// What an event source is told of a handler that was killed.
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
    async fn before_and_after_differ_by_one_effect() {
        for (switch, written) in [(KillSwitch::before(2), 1), (KillSwitch::after(2), 2)] {
            let aws = Aws::new();
            assert_eq!(run_until_killed(put_two(&aws), &switch).await, None);
            assert_eq!(aws.items().len(), written);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_function_dies_and_its_neighbour_lives() {
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
