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

use shared::{
    aws::Listing,
    id::{AccountId, JobId},
    job::agenda::Entry,
    kind::Rank,
    name::Name,
    time::Time,
};

/// How long a worker expects contention after it met another worker, and for how long running jobs
/// count as in flight.
const WARY: Duration = Duration::from_secs(1);
/// Upper limit of the number of batch-sized portions that workers spread out over.
const WIDEST: usize = 64;
/// Lower limit of the number of portions to read: the batch needs one, the others are spare for
/// lost claims.
const LOOK_AHEAD: usize = 4;
/// Number of ready queues whose last batch a worker remembers.
const REMEMBERED: usize = 1000;

/// The ready queue as read for one batch.
#[derive(Debug)]
pub struct Agenda {
    account: AccountId,
    kind: Name,
    permits: usize,
    /// After a lost claim, the next candidate is drawn from this many of the remaining jobs: as
    /// many as workers spread out over.
    within: usize,
    dealt: Mutex<Dealt>,
}

#[derive(Debug)]
struct Dealt {
    ranks: HashMap<JobId, Rank>,
    /// Jobs not yet assigned to a permit, in the order to try them.
    left: VecDeque<JobId>,
    /// Jobs that a permit tried, and permits' own jobs.
    tried: HashSet<JobId>,
    /// Jobs that the previous batch skipped. Those still due come first.
    passed: HashSet<JobId>,
    /// The lowest-ranked job that was claimed. Remaining jobs that rank before it were skipped.
    worst: Option<Rank>,
    /// How often the ready queue was read again.
    renewals: usize,
    rivals: Rivals,
}

/// Contention with other workers on the same ready queue.
#[derive(Clone, Copy, Debug)]
pub struct Rivals {
    /// When another worker last won a claim.
    met: Time,
    /// The highest recent number of running jobs, and when it was read.
    running: (Time, usize),
}

impl Default for Rivals {
    fn default() -> Self {
        let never = Time::from_millis(0);
        Self { met: never, running: (never, 0) }
    }
}

impl Rivals {
    /// Records that `running` jobs run at `now`.
    pub fn seeing(self, running: usize, now: Time) -> Self {
        let most = running >= self.running.1 || now.since(self.running.0) > WARY;
        Self { running: if most { (now, running) } else { self.running }, ..self }
    }

    /// Number of batch-sized portions in flight: one for this worker, the others for the running
    /// jobs.
    fn portions(self, batch: usize, now: Time) -> usize {
        let running = if now.since(self.running.0) > WARY { 0 } else { self.running.1 };
        (1 + running.div_ceil(batch)).min(WIDEST)
    }

    /// Number of portions that workers spread out over: three quarters of those in flight. A worker
    /// may also skip a job while it waits for the response to another claim. Spreading over all
    /// portions would therefore exceed the order bound.
    fn spread(self, batch: usize, now: Time) -> usize {
        if now.since(self.met) > WARY { 1 } else { (3 * self.portions(batch, now)).div_ceil(4) }
    }

    /// Number of jobs to read for a batch.
    pub fn look_ahead(self, batch: usize, now: Time) -> usize {
        batch * LOOK_AHEAD.max(1 + self.portions(batch, now))
    }
}

impl Agenda {
    /// Takes `jobs` in rank order, the number of permits, and the previous batch with its
    /// contention.
    pub fn new(
        (account, kind): (AccountId, &Name),
        ranks: HashMap<JobId, Rank>,
        jobs: Vec<JobId>,
        permits: usize,
        (last, rivals): (Option<&Self>, Rivals),
        now: Time,
    ) -> Self {
        let spread = rivals.spread(permits, now);
        let (mut left, mut passed) = (jobs, HashSet::new());
        if spread > 1 {
            passed = last.map(Self::passed).unwrap_or_default();
            left = spread_out(left, &passed, permits, rand::random_range(0..spread));
        }
        let (left, tried) = (left.into(), HashSet::new());
        let dealt =
            Mutex::new(Dealt { ranks, left, tried, passed, worst: None, renewals: 0, rivals });
        Self { account, kind: kind.clone(), permits, within: spread * permits, dealt }
    }

    pub fn next(&self) -> Option<JobId> {
        self.dealt().deal(0)
    }

    /// The next candidate after a failed claim. It is drawn at random under contention, since other
    /// workers try the next job as well. If no worker held the job, the index may just have been
    /// stale.
    pub fn another(&self, held: bool) -> Option<JobId> {
        let mut dealt = self.dealt();
        let among = if held || self.within > self.permits { self.within } else { 1 };
        let passed = dealt.left.iter().take_while(|job| dealt.passed.contains(*job)).count();
        let among = among.min(if passed > 0 { passed } else { dealt.left.len() }).max(1);
        dealt.deal(rand::random_range(0..among))
    }

    /// Records that `job` was claimed.
    pub fn took(&self, job: JobId) {
        let mut dealt = self.dealt();
        let rank = dealt.ranks.get(&job).cloned();
        dealt.worst = dealt.worst.take().max(rank);
        dealt.tried.insert(job);
    }

    /// Records that another worker won a claim.
    pub fn lost(&self, now: Time) {
        self.dealt().rivals.met = now;
    }

    /// How often the ready queue was read again.
    pub fn renewals(&self) -> usize {
        self.dealt().renewals
    }

    /// Whether this permit, which has seen `seen` renewals, should read the ready queue again. One
    /// permit does so for all.
    pub fn begin_renewal(&self, seen: usize) -> bool {
        let mut dealt = self.dealt();
        let is_first = dealt.renewals == seen;
        dealt.renewals += usize::from(is_first);
        is_first
    }

    /// Number of jobs to read for a renewal.
    pub fn look_ahead(&self, now: Time) -> usize {
        self.dealt().rivals.look_ahead(self.permits, now)
    }

    /// Continues with the jobs due now, in rank order. After several lost claims the earlier read
    /// is stale.
    pub fn renew(&self, entries: Vec<Entry>, now: Time) {
        let mut dealt = self.dealt();
        let due: Vec<_> = entries.into_iter().filter(|entry| entry.due_at <= now).collect();
        let open =
            due.iter().map(|entry| entry.id).filter(|id| !dealt.tried.contains(id)).collect();
        dealt.left = spread_out(open, &dealt.passed, 0, 0).into();
        dealt.ranks.extend(due.into_iter().map(|entry| (entry.id, entry.rank)));
    }

    /// The account and kind of the jobs.
    pub const fn of(&self) -> (AccountId, &Name) {
        (self.account, &self.kind)
    }

    /// The position of `job` in the ready queue.
    pub fn listing(&self, job: JobId) -> Option<Listing> {
        let rank = self.dealt().ranks.get(&job).cloned()?;
        Some(Listing::new(self.account, &self.kind, rank))
    }

    /// The remaining jobs that rank before one that was claimed.
    fn passed(&self) -> HashSet<JobId> {
        let dealt = self.dealt();
        let Some(worst) = &dealt.worst else { return HashSet::new() };
        let better = |job: &JobId| dealt.ranks.get(job).is_some_and(|rank| rank < worst);
        dealt.left.iter().copied().filter(better).collect()
    }

    fn dealt(&self) -> MutexGuard<'_, Dealt> {
        self.dealt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Dealt {
    fn deal(&mut self, place: usize) -> Option<JobId> {
        let job = self.left.remove(place)?;
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
pub struct Agendas(Mutex<HashMap<(AccountId, Name), Arc<Agenda>>>);

impl Agendas {
    /// The last batch of a ready queue, and its contention.
    pub fn last(&self, account: AccountId, kind: &Name) -> (Option<Arc<Agenda>>, Rivals) {
        let last = self.lock().get(&(account, kind.clone())).cloned();
        let rivals = last.as_ref().map(|last| last.dealt().rivals).unwrap_or_default();
        (last, rivals)
    }

    pub fn keep(&self, agenda: &Arc<Agenda>) {
        let mut last = self.lock();
        // Forgetting contention costs at most one batch of lost claims.
        if last.len() >= REMEMBERED {
            last.clear();
        }
        last.insert((agenda.account, agenda.kind.clone()), agenda.clone());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(AccountId, Name), Arc<Agenda>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::{id::mint, kind::Discipline};

    const NOW: Time = Time::from_millis(1_000_000);

    fn ids() -> Vec<JobId> {
        (0..40).map(|n| mint(Time::from_millis(n), [7; 10])).collect()
    }

    fn agenda(ids: &[JobId], last: Option<&Agenda>, rivals: Rivals) -> Agenda {
        let rank = |id: &JobId| (*id, Discipline::Priority.rank(*id, 0).unwrap());
        let kind = "ordered".parse().unwrap();
        let account = mint(NOW, [1; 10]);
        Agenda::new(
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
        let busy = Rivals::default().seeing(30, NOW);
        let agenda = agenda(&ids, None, busy);
        assert_eq!(std::iter::from_fn(|| agenda.next()).collect::<Vec<_>>(), ids);
    }

    #[test]
    fn in_flight_is_the_recent_maximum() {
        let rivals = Rivals::default().seeing(30, NOW).seeing(5, NOW + WARY);
        assert_eq!((rivals.portions(10, NOW + WARY), rivals.spread(10, NOW + WARY)), (4, 1));
        let later = NOW + WARY + Duration::from_millis(1);
        assert_eq!(rivals.seeing(5, later).portions(10, later), 2);
        assert_eq!(rivals.portions(10, later + WARY), 1);
    }

    #[test]
    fn skipped_jobs_come_first_in_the_next_batch() {
        let ids = ids();
        let mut rivals = Rivals::default().seeing(20, NOW);
        rivals.met = NOW;
        let first = agenda(&ids, None, rivals);
        // The batch takes one of the first three portions, at random.
        let dealt: Vec<_> = (0..10).filter_map(|_| first.next()).collect();
        let begin = ids.iter().position(|id| *id == dealt[0]).unwrap();
        assert!([0, 10, 20].contains(&begin) && dealt == ids[begin..begin + 10]);
        dealt.iter().for_each(|id| first.took(*id));
        let left: Vec<_> = ids.iter().copied().filter(|id| !dealt.contains(id)).collect();
        let second = agenda(&left, Some(&first), rivals);
        assert_eq!((0..begin).filter_map(|_| second.next()).collect::<Vec<_>>(), ids[..begin]);
    }

    #[test]
    fn draws_among_jobs_in_flight_after_a_lost_claim() {
        let ids = ids();
        let mut rivals = Rivals::default().seeing(20, NOW);
        rivals.met = NOW;
        for _ in 0..100 {
            let agenda = agenda(&ids, None, rivals);
            let order: Vec<_> = agenda.dealt().left.iter().copied().collect();
            let drawn = agenda.another(true).unwrap();
            assert!(order[..30].contains(&drawn));
        }
    }
}
