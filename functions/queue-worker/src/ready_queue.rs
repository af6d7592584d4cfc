//! The ready queue of one account and kind, as one batch's permits work through it.
//!
//! A worker on its own runs the due jobs in exact order. Concurrent workers read the same first
//! jobs, and if each tried to claim those, most claims would fail. A worker that recently lost a
//! claim therefore starts at a random position further down. Its next batch first runs the jobs it
//! skipped. Each worker skips a job at most once, so the order deviates by at most the number of
//! jobs in flight, in either direction.

mod contention;

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use model::{
    id::{AccountId, JobId},
    job::ready_queue::ReadyJob,
    kind::Rank,
    name::Name,
    time::Time,
};
use store::ReadyQueueKey;

pub use contention::Contention;
use contention::spread_out;

/// The ready queue as read for one batch.
#[derive(Debug)]
pub struct ReadyQueue {
    account: AccountId,
    kind: Name,
    permits: usize,
    /// After a lost claim, the next candidate is drawn from this many of the remaining jobs: as
    /// many as workers spread out over.
    draw_from: usize,
    state: Mutex<QueueState>,
}

#[derive(Debug)]
struct QueueState {
    ranks: HashMap<JobId, Rank>,
    /// Jobs not yet assigned to a permit, in the order to try them.
    remaining: VecDeque<JobId>,
    /// Jobs that a permit tried, and permits' own jobs.
    tried: HashSet<JobId>,
    /// Jobs that the previous batch skipped. Those still due come first.
    skipped: HashSet<JobId>,
    /// The lowest-ranked job that was claimed. Remaining jobs that rank before it were skipped.
    lowest_claimed: Option<Rank>,
    /// How often the ready queue was read again.
    refreshes: usize,
    contention: Contention,
}

impl ReadyQueue {
    /// Takes `jobs` in rank order, the number of permits, and the previous batch with its
    /// contention.
    pub fn new(
        (account, kind): (AccountId, &Name),
        ranks: HashMap<JobId, Rank>,
        jobs: Vec<JobId>,
        permits: usize,
        (last, contention): (Option<&Self>, Contention),
        now: Time,
    ) -> Self {
        let spread = contention.spread(permits, now);
        let (mut remaining, mut skipped) = (jobs, HashSet::new());
        if spread > 1 {
            skipped = last.map(Self::skipped).unwrap_or_default();
            remaining = spread_out(remaining, &skipped, permits, rand::random_range(0..spread));
        }
        let state = Mutex::new(QueueState {
            ranks,
            remaining: remaining.into(),
            tried: HashSet::new(),
            skipped,
            lowest_claimed: None,
            refreshes: 0,
            contention,
        });
        Self { account, kind: kind.clone(), permits, draw_from: spread * permits, state }
    }

    pub fn next(&self) -> Option<JobId> {
        self.state().take(0)
    }

    /// The next candidate after a failed claim. It is drawn at random under contention, since other
    /// workers try the next job as well. If no worker had the job (`contended` is false), the index
    /// may just have been stale.
    pub fn next_after_failure(&self, contended: bool) -> Option<JobId> {
        let mut state = self.state();
        let limit = if contended || self.draw_from > self.permits { self.draw_from } else { 1 };
        let skipped = state.remaining.iter().take_while(|job| state.skipped.contains(*job)).count();
        let limit = limit.min(if skipped > 0 { skipped } else { state.remaining.len() }).max(1);
        state.take(rand::random_range(0..limit))
    }

    /// Records that `job` was claimed.
    pub fn record_claimed(&self, job: JobId) {
        let mut state = self.state();
        let rank = state.ranks.get(&job).cloned();
        state.lowest_claimed = state.lowest_claimed.take().max(rank);
        state.tried.insert(job);
    }

    /// Records that another worker won a claim.
    pub fn record_lost(&self, now: Time) {
        let mut state = self.state();
        state.contention = state.contention.with_lost_claim(now);
    }

    /// How often the ready queue was read again.
    pub fn refreshes(&self) -> usize {
        self.state().refreshes
    }

    /// Whether this permit, which last saw `seen` refreshes, should read the ready queue again. One
    /// permit does so for all.
    pub fn begin_refresh(&self, seen: usize) -> bool {
        let mut state = self.state();
        let is_first = state.refreshes == seen;
        state.refreshes += usize::from(is_first);
        is_first
    }

    /// Number of jobs to read for a refresh.
    pub fn look_ahead(&self, now: Time) -> usize {
        self.state().contention.look_ahead(self.permits, now)
    }

    /// Continues with the jobs due now, in rank order. After several lost claims the earlier read
    /// is stale.
    pub fn refresh(&self, entries: Vec<ReadyJob>, now: Time) {
        let mut state = self.state();
        let due: Vec<_> = entries.into_iter().filter(|entry| entry.due_at <= now).collect();
        let untried =
            due.iter().map(|entry| entry.id).filter(|id| !state.tried.contains(id)).collect();
        state.remaining = spread_out(untried, &state.skipped, 0, 0).into();
        state.ranks.extend(due.into_iter().map(|entry| (entry.id, entry.rank)));
    }

    /// The account and kind of the jobs.
    pub const fn key(&self) -> (AccountId, &Name) {
        (self.account, &self.kind)
    }

    /// The position of `job` in the ready queue.
    pub fn listing(&self, job: JobId) -> Option<ReadyQueueKey> {
        let rank = self.state().ranks.get(&job).cloned()?;
        Some(ReadyQueueKey::new(self.account, &self.kind, rank))
    }

    /// The remaining jobs that rank before one that was claimed.
    fn skipped(&self) -> HashSet<JobId> {
        let state = self.state();
        let Some(lowest) = &state.lowest_claimed else { return HashSet::new() };
        let is_before = |job: &JobId| state.ranks.get(job).is_some_and(|rank| rank < lowest);
        state.remaining.iter().copied().filter(is_before).collect()
    }

    pub fn contention(&self) -> Contention {
        self.state().contention
    }

    fn state(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QueueState {
    fn take(&mut self, index: usize) -> Option<JobId> {
        let job = self.remaining.remove(index)?;
        self.tried.insert(job);
        Some(job)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{id::generate, kind::Discipline};

    const NOW: Time = Time::from_millis(1_000_000);

    fn ids() -> Vec<JobId> {
        (0..40).map(|n| generate(Time::from_millis(n), [7; 10])).collect()
    }

    fn ready_queue(ids: &[JobId], last: Option<&ReadyQueue>, contention: Contention) -> ReadyQueue {
        let rank = |id: &JobId| (*id, Discipline::Priority.rank(*id, 0).unwrap());
        let kind = "ordered".parse().unwrap();
        let account = generate(NOW, [1; 10]);
        ReadyQueue::new(
            (account, &kind),
            ids.iter().map(rank).collect(),
            ids.to_vec(),
            10,
            (last, contention),
            NOW,
        )
    }

    #[test]
    fn uncontended_worker_runs_jobs_in_order() {
        let ids = ids();
        let busy = Contention::default().with_running(30, NOW);
        let ready_queue = ready_queue(&ids, None, busy);
        assert_eq!(std::iter::from_fn(|| ready_queue.next()).collect::<Vec<_>>(), ids);
    }

    #[test]
    fn skipped_jobs_come_first_in_the_next_batch() {
        let ids = ids();
        let contention = Contention::default().with_running(20, NOW).with_lost_claim(NOW);
        let first = ready_queue(&ids, None, contention);
        // The batch takes one of the first three portions, at random.
        let taken: Vec<_> = (0..10).filter_map(|_| first.next()).collect();
        let begin = ids.iter().position(|id| *id == taken[0]).unwrap();
        assert!([0, 10, 20].contains(&begin) && taken == ids[begin..begin + 10]);
        taken.iter().for_each(|id| first.record_claimed(*id));
        let remaining: Vec<_> = ids.iter().copied().filter(|id| !taken.contains(id)).collect();
        let second = ready_queue(&remaining, Some(&first), contention);
        assert_eq!((0..begin).filter_map(|_| second.next()).collect::<Vec<_>>(), ids[..begin]);
    }

    #[test]
    fn draws_among_jobs_in_flight_after_a_lost_claim() {
        let ids = ids();
        let contention = Contention::default().with_running(20, NOW).with_lost_claim(NOW);
        for _ in 0..100 {
            let ready_queue = ready_queue(&ids, None, contention);
            let order: Vec<_> = ready_queue.state().remaining.iter().copied().collect();
            let drawn = ready_queue.next_after_failure(true).unwrap();
            assert!(order[..30].contains(&drawn));
        }
    }
}
