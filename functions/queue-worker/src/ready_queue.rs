//! The ready queue of one account and kind, as one batch's permits work through it.
//!
//! A worker on its own runs the due jobs in exact order. Concurrent workers read the same first
//! jobs, and if each tried to claim those, most claims would fail. A worker that recently lost a
//! claim therefore starts at a random position further down. Its next batch first runs the jobs it
//! skipped. Each worker skips a job at most once, so the order deviates by at most the number of
//! jobs in flight, in either direction.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use model::{
    id::{AccountId, JobId},
    job::ready_queue::ReadyJob,
    kind::Rank,
    name::Name,
    time::Time,
};
use store::ReadyQueueKey;

/// How long a worker expects contention after it met another worker, and for how long running jobs
/// count as in flight.
const CONTENTION_WINDOW: Duration = Duration::from_secs(1);
/// Upper limit of the number of batch-sized portions that workers spread out over.
const MAX_PORTIONS: usize = 64;
/// Lower limit of the number of portions to read: the batch needs one, the others are spare for
/// lost claims.
const MIN_PORTIONS: usize = 4;
/// Number of ready queues whose last batch a worker remembers.
const MAX_REMEMBERED: usize = 1000;

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

/// Contention with other workers on the same ready queue.
#[derive(Clone, Copy, Debug)]
pub struct Contention {
    /// When another worker last won a claim.
    lost_claim_at: Time,
    /// The highest recent number of running jobs, and when it was read.
    running: (Time, usize),
}

impl Default for Contention {
    fn default() -> Self {
        let never = Time::from_millis(0);
        Self { lost_claim_at: never, running: (never, 0) }
    }
}

impl Contention {
    /// Records that `running` jobs run at `now`.
    pub fn with_running(self, running: usize, now: Time) -> Self {
        let most = running >= self.running.1 || now.since(self.running.0) > CONTENTION_WINDOW;
        Self { running: if most { (now, running) } else { self.running }, ..self }
    }

    /// Number of batch-sized portions in flight: one for this worker, the others for the running
    /// jobs.
    fn portions(self, batch: usize, now: Time) -> usize {
        let running =
            if now.since(self.running.0) > CONTENTION_WINDOW { 0 } else { self.running.1 };
        (1 + running.div_ceil(batch)).min(MAX_PORTIONS)
    }

    /// Number of portions that workers spread out over: three quarters of those in flight. A worker
    /// may also skip a job while it waits for the response to another claim. Spreading over all
    /// portions would therefore exceed the order bound.
    fn spread(self, batch: usize, now: Time) -> usize {
        if now.since(self.lost_claim_at) > CONTENTION_WINDOW {
            1
        } else {
            (3 * self.portions(batch, now)).div_ceil(4)
        }
    }

    /// Number of jobs to read for a batch.
    pub fn look_ahead(self, batch: usize, now: Time) -> usize {
        batch * MIN_PORTIONS.max(1 + self.portions(batch, now))
    }
}

impl ReadyQueue {
    /// Takes `jobs` in rank order, the number of permits, and the previous batch with its
    /// contention.
    pub fn new(
        (account, kind): (AccountId, &Name),
        ranks: HashMap<JobId, Rank>,
        jobs: Vec<JobId>,
        permits: usize,
        (last, rivals): (Option<&Self>, Contention),
        now: Time,
    ) -> Self {
        let spread = rivals.spread(permits, now);
        let (mut left, mut passed) = (jobs, HashSet::new());
        if spread > 1 {
            passed = last.map(Self::skipped).unwrap_or_default();
            left = spread_out(left, &passed, permits, rand::random_range(0..spread));
        }
        let (left, tried) = (left.into(), HashSet::new());
        let dealt = Mutex::new(QueueState {
            ranks,
            remaining: left,
            tried,
            skipped: passed,
            lowest_claimed: None,
            refreshes: 0,
            contention: rivals,
        });
        Self { account, kind: kind.clone(), permits, draw_from: spread * permits, state: dealt }
    }

    pub fn next(&self) -> Option<JobId> {
        self.state().take(0)
    }

    /// The next candidate after a failed claim. It is drawn at random under contention, since other
    /// workers try the next job as well. If no worker held the job, the index may just have been
    /// stale.
    pub fn next_after_failure(&self, held: bool) -> Option<JobId> {
        let mut dealt = self.state();
        let among = if held || self.draw_from > self.permits { self.draw_from } else { 1 };
        let passed = dealt.remaining.iter().take_while(|job| dealt.skipped.contains(*job)).count();
        let among = among.min(if passed > 0 { passed } else { dealt.remaining.len() }).max(1);
        dealt.take(rand::random_range(0..among))
    }

    /// Records that `job` was claimed.
    pub fn record_claimed(&self, job: JobId) {
        let mut dealt = self.state();
        let rank = dealt.ranks.get(&job).cloned();
        dealt.lowest_claimed = dealt.lowest_claimed.take().max(rank);
        dealt.tried.insert(job);
    }

    /// Records that another worker won a claim.
    pub fn record_lost(&self, now: Time) {
        self.state().contention.lost_claim_at = now;
    }

    /// How often the ready queue was read again.
    pub fn refreshes(&self) -> usize {
        self.state().refreshes
    }

    /// Whether this permit, which has seen `seen` renewals, should read the ready queue again. One
    /// permit does so for all.
    pub fn begin_refresh(&self, seen: usize) -> bool {
        let mut dealt = self.state();
        let is_first = dealt.refreshes == seen;
        dealt.refreshes += usize::from(is_first);
        is_first
    }

    /// Number of jobs to read for a renewal.
    pub fn look_ahead(&self, now: Time) -> usize {
        self.state().contention.look_ahead(self.permits, now)
    }

    /// Continues with the jobs due now, in rank order. After several lost claims the earlier read
    /// is stale.
    pub fn refresh(&self, entries: Vec<ReadyJob>, now: Time) {
        let mut dealt = self.state();
        let due: Vec<_> = entries.into_iter().filter(|entry| entry.due_at <= now).collect();
        let open =
            due.iter().map(|entry| entry.id).filter(|id| !dealt.tried.contains(id)).collect();
        dealt.remaining = spread_out(open, &dealt.skipped, 0, 0).into();
        dealt.ranks.extend(due.into_iter().map(|entry| (entry.id, entry.rank)));
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
        let dealt = self.state();
        let Some(worst) = &dealt.lowest_claimed else { return HashSet::new() };
        let better = |job: &JobId| dealt.ranks.get(job).is_some_and(|rank| rank < worst);
        dealt.remaining.iter().copied().filter(better).collect()
    }

    fn state(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QueueState {
    fn take(&mut self, place: usize) -> Option<JobId> {
        let job = self.remaining.remove(place)?;
        self.tried.insert(job);
        Some(job)
    }
}

/// Orders jobs: those skipped before, then the portion at `turn`, then the rest.
fn spread_out(
    jobs: Vec<JobId>,
    passed: &HashSet<JobId>,
    permits: usize,
    turn: usize,
) -> Vec<JobId> {
    let (mut order, mut others): (Vec<_>, Vec<_>) =
        jobs.into_iter().partition(|job| passed.contains(job));
    let wanted = permits.saturating_sub(order.len()).min(others.len());
    let begin = (turn * permits).min(others.len() - wanted);
    order.extend(others.drain(begin..begin + wanted));
    order.append(&mut others);
    order
}

/// The ready queues of the last batches, by account and kind.
#[derive(Debug, Default)]
pub struct ReadyQueues(Mutex<HashMap<(AccountId, Name), Arc<ReadyQueue>>>);

impl ReadyQueues {
    /// The last batch of a ready queue, and its contention.
    pub fn last(&self, account: AccountId, kind: &Name) -> (Option<Arc<ReadyQueue>>, Contention) {
        let last = self.lock().get(&(account, kind.clone())).cloned();
        let rivals = last.as_ref().map(|last| last.state().contention).unwrap_or_default();
        (last, rivals)
    }

    pub fn insert(&self, agenda: &Arc<ReadyQueue>) {
        let mut last = self.lock();
        // Forgetting contention costs at most one batch of lost claims.
        if last.len() >= MAX_REMEMBERED {
            last.clear();
        }
        last.insert((agenda.account, agenda.kind.clone()), agenda.clone());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(AccountId, Name), Arc<ReadyQueue>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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

    fn agenda(ids: &[JobId], last: Option<&ReadyQueue>, rivals: Contention) -> ReadyQueue {
        let rank = |id: &JobId| (*id, Discipline::Priority.rank(*id, 0).unwrap());
        let kind = "ordered".parse().unwrap();
        let account = generate(NOW, [1; 10]);
        ReadyQueue::new(
            (account, &kind),
            ids.iter().map(rank).collect(),
            ids.to_vec(),
            10,
            (last, rivals),
            NOW,
        )
    }

    #[test]
    fn uncontended_worker_runs_jobs_in_order() {
        let ids = ids();
        let busy = Contention::default().with_running(30, NOW);
        let agenda = agenda(&ids, None, busy);
        assert_eq!(std::iter::from_fn(|| agenda.next()).collect::<Vec<_>>(), ids);
    }

    #[test]
    fn in_flight_is_the_recent_maximum() {
        let rivals =
            Contention::default().with_running(30, NOW).with_running(5, NOW + CONTENTION_WINDOW);
        assert_eq!(
            (
                rivals.portions(10, NOW + CONTENTION_WINDOW),
                rivals.spread(10, NOW + CONTENTION_WINDOW)
            ),
            (4, 1)
        );
        let later = NOW + CONTENTION_WINDOW + Duration::from_millis(1);
        assert_eq!(rivals.with_running(5, later).portions(10, later), 2);
        assert_eq!(rivals.portions(10, later + CONTENTION_WINDOW), 1);
    }

    #[test]
    fn skipped_jobs_come_first_in_the_next_batch() {
        let ids = ids();
        let mut rivals = Contention::default().with_running(20, NOW);
        rivals.lost_claim_at = NOW;
        let first = agenda(&ids, None, rivals);
        // The batch takes one of the first three portions, at random.
        let dealt: Vec<_> = (0..10).filter_map(|_| first.next()).collect();
        let begin = ids.iter().position(|id| *id == dealt[0]).unwrap();
        assert!([0, 10, 20].contains(&begin) && dealt == ids[begin..begin + 10]);
        dealt.iter().for_each(|id| first.record_claimed(*id));
        let left: Vec<_> = ids.iter().copied().filter(|id| !dealt.contains(id)).collect();
        let second = agenda(&left, Some(&first), rivals);
        assert_eq!((0..begin).filter_map(|_| second.next()).collect::<Vec<_>>(), ids[..begin]);
    }

    #[test]
    fn draws_among_jobs_in_flight_after_a_lost_claim() {
        let ids = ids();
        let mut rivals = Contention::default().with_running(20, NOW);
        rivals.lost_claim_at = NOW;
        for _ in 0..100 {
            let agenda = agenda(&ids, None, rivals);
            let order: Vec<_> = agenda.state().remaining.iter().copied().collect();
            let drawn = agenda.next_after_failure(true).unwrap();
            assert!(order[..30].contains(&drawn));
        }
    }
}
