//! What is due of an account's jobs of a kind, as a batch's permits are dealt it.
//!
//! A worker that is alone deals the best, exactly. Workers that look at the same moment see the same best jobs: if each reached for them, most
//! claims would be in vain. So a worker that met others lately begins further down, by lot, and then first takes what it passed over: as
//! each passes a job over once at most, an order is off by no more than what is in flight, to either side.

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

/// For how long a worker that met another one expects to meet it again, and what runs counts as in flight.
const WARY: Duration = Duration::from_secs(1);
/// Into how many portions of a batch's size an agenda is divided at most.
const WIDEST: usize = 64;
/// How many portions are read at least: one is what a batch needs, the others are for when other workers are quicker.
const LOOK_AHEAD: usize = 4;
/// Of how many agendas a worker remembers the last batch.
const REMEMBERED: usize = 1000;

/// One batch's.
#[derive(Debug)]
pub struct Agenda {
    account: AccountId,
    kind: Name,
    permits: usize,
    /// Among how many of the jobs that are left one is drawn, after another worker was quicker: as many as workers spread out over.
    within: usize,
    dealt: Mutex<Dealt>,
}

#[derive(Debug)]
struct Dealt {
    ranks: HashMap<JobId, Rank>,
    /// The jobs that no permit was dealt yet, in the order in which they are.
    left: VecDeque<JobId>,
    /// Those that one was dealt, or that were its own.
    tried: HashSet<JobId>,
    /// Those that the batch before passed over: whatever is left of them comes before any other.
    passed: HashSet<JobId>,
    /// The worst that was taken: better ones that are left were passed over.
    worst: Option<Rank>,
    /// How often it was read anew.
    renewals: usize,
    rivals: Rivals,
}

/// What a worker knows of others that work through the same agenda.
#[derive(Clone, Copy, Debug)]
pub struct Rivals {
    /// When one was last quicker to claim a job.
    met: Time,
    /// The most jobs that were lately seen to run, since they come and go; and when.
    running: (Time, usize),
}

impl Default for Rivals {
    fn default() -> Self {
        let never = Time::from_millis(0);
        Self { met: never, running: (never, 0) }
    }
}

impl Rivals {
    /// So many jobs are seen to run.
    pub fn seeing(self, running: usize, now: Time) -> Self {
        let most = running >= self.running.1 || now.since(self.running.0) > WARY;
        Self { running: if most { (now, running) } else { self.running }, ..self }
    }

    /// How many portions of the size of a batch are in flight: one is this worker's, the others hold as many as are seen to run.
    fn portions(self, batch: usize, now: Time) -> usize {
        let running = if now.since(self.running.0) > WARY { 0 } else { self.running.1 };
        (1 + running.div_ceil(batch)).min(WIDEST)
    }

    /// Over how many portions workers spread out: three quarters of what is in flight. Each may pass a job over while it waits for the
    /// answer to the claim of another, so that over all of it they would be off by more than that.
    fn spread(self, batch: usize, now: Time) -> usize {
        if now.since(self.met) > WARY { 1 } else { (3 * self.portions(batch, now)).div_ceil(4) }
    }

    /// How many jobs of an agenda a batch wants to know.
    pub fn look_ahead(self, batch: usize, now: Time) -> usize {
        batch * LOOK_AHEAD.max(1 + self.portions(batch, now))
    }
}

impl Agenda {
    /// Of `jobs`, best first, for so many permits, after the `last` batch's.
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

    /// The job that is next.
    pub fn next(&self) -> Option<JobId> {
        self.dealt().deal(0)
    }

    /// Another job to try, after one was gone. By lot where others are about, since they reach for the next best, too; if nobody held that one,
    /// only the index may have been behind.
    pub fn another(&self, held: bool) -> Option<JobId> {
        let mut dealt = self.dealt();
        let among = if held || self.within > self.permits { self.within } else { 1 };
        let passed = dealt.left.iter().take_while(|job| dealt.passed.contains(*job)).count();
        let among = among.min(if passed > 0 { passed } else { dealt.left.len() }).max(1);
        dealt.deal(rand::random_range(0..among))
    }

    /// A job was taken.
    pub fn took(&self, job: JobId) {
        let mut dealt = self.dealt();
        let rank = dealt.ranks.get(&job).cloned();
        dealt.worst = dealt.worst.take().max(rank);
        dealt.tried.insert(job);
    }

    /// Another worker was quicker with a job.
    pub fn lost(&self, now: Time) {
        self.dealt().rivals.met = now;
    }

    /// How often it was read anew.
    pub fn renewals(&self) -> usize {
        self.dealt().renewals
    }

    /// Whether to read it anew is for this permit, which has seen so many renewals: one does it for all.
    pub fn begin_renewal(&self, seen: usize) -> bool {
        let mut dealt = self.dealt();
        let is_first = dealt.renewals == seen;
        dealt.renewals += usize::from(is_first);
        is_first
    }

    /// How many of its jobs to read, to deal anew.
    pub fn look_ahead(&self, now: Time) -> usize {
        self.dealt().rivals.look_ahead(self.permits, now)
    }

    /// Goes on with what is due now, best first: the others were quicker with so many jobs that what was read is out of date.
    pub fn renew(&self, entries: Vec<Entry>, now: Time) {
        let mut dealt = self.dealt();
        let due: Vec<_> = entries.into_iter().filter(|entry| entry.due_at <= now).collect();
        let open =
            due.iter().map(|entry| entry.id).filter(|id| !dealt.tried.contains(id)).collect();
        dealt.left = spread_out(open, &dealt.passed, 0, 0).into();
        dealt.ranks.extend(due.into_iter().map(|entry| (entry.id, entry.rank)));
    }

    /// Whose jobs, and of which kind.
    pub const fn of(&self) -> (AccountId, &Name) {
        (self.account, &self.kind)
    }

    /// Where a job is on it.
    pub fn listing(&self, job: JobId) -> Option<Listing> {
        let rank = self.dealt().ranks.get(&job).cloned()?;
        Some(Listing::new(self.account, &self.kind, rank))
    }

    /// The jobs that are better than one that was taken, and were left.
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

/// What was passed over first, then the portion whose `turn` it is, then the others.
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

/// The last batches of the agendas on which a worker works.
#[derive(Debug, Default)]
pub struct Agendas(Mutex<HashMap<(AccountId, Name), Arc<Agenda>>>);

impl Agendas {
    /// An agenda's last batch, and what it knew of rivals.
    pub fn last(&self, account: AccountId, kind: &Name) -> (Option<Arc<Agenda>>, Rivals) {
        let last = self.lock().get(&(account, kind.clone())).cloned();
        let rivals = last.as_ref().map(|last| last.dealt().rivals).unwrap_or_default();
        (last, rivals)
    }

    /// Keeps a batch's.
    pub fn keep(&self, agenda: &Arc<Agenda>) {
        let mut last = self.lock();
        // Who forgets may be in others' way, for a batch.
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
    fn who_is_alone_deals_the_best_in_order() {
        let ids = ids();
        let busy = Rivals::default().seeing(30, NOW);
        let agenda = agenda(&ids, None, busy);
        assert_eq!(std::iter::from_fn(|| agenda.next()).collect::<Vec<_>>(), ids);
    }

    #[test]
    fn what_is_in_flight_lately_is_the_most_that_was_seen() {
        let rivals = Rivals::default().seeing(30, NOW).seeing(5, NOW + WARY);
        assert_eq!((rivals.portions(10, NOW + WARY), rivals.spread(10, NOW + WARY)), (4, 1));
        let later = NOW + WARY + Duration::from_millis(1);
        assert_eq!(rivals.seeing(5, later).portions(10, later), 2);
        assert_eq!(rivals.portions(10, later + WARY), 1);
    }

    #[test]
    fn what_was_passed_over_comes_first_the_next_time() {
        let ids = ids();
        let mut rivals = Rivals::default().seeing(20, NOW);
        rivals.met = NOW;
        let first = agenda(&ids, None, rivals);
        // However the lot falls, of the best three portions one is dealt.
        let dealt: Vec<_> = (0..10).filter_map(|_| first.next()).collect();
        let begin = ids.iter().position(|id| *id == dealt[0]).unwrap();
        assert!([0, 10, 20].contains(&begin) && dealt == ids[begin..begin + 10]);
        dealt.iter().for_each(|id| first.took(*id));
        let left: Vec<_> = ids.iter().copied().filter(|id| !dealt.contains(id)).collect();
        let second = agenda(&left, Some(&first), rivals);
        assert_eq!((0..begin).filter_map(|_| second.next()).collect::<Vec<_>>(), ids[..begin]);
    }

    #[test]
    fn who_lost_a_job_draws_among_what_is_in_flight() {
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
