//! Decides which job each permit runs.
//!
//! SQS standard queues do not preserve order. For a kind with an order, a message is therefore not
//! a job but a *permit*: it allows a worker to run the first ready job of that account and kind.
//! The ready queue, a table index, lists these jobs by rank. Each job sends one message, so there
//! are as many permits as jobs. [`reconcile`](super::reconcile) replaces lost
//! permits.
//!
//! The ready queue does *not* list jobs that wait for their time, be it the first attempt or a
//! retry. The job's own message arrives when the job is due. The job is then either run, or listed
//! for another permit to find. Workers thus never read past jobs that cannot run yet.
//!
//! The ready queue *does* list:
//!
//! - jobs that are due;
//! - running jobs, due when their lease ends, so that a killed worker's job is found again;
//! - jobs with a wait so short that their message, which is sent first, may arrive before their row
//!   is written. That message finds a job that still runs or does not exist, and is used for
//!   another job.

use std::{collections::BTreeSet, time::Duration};

use crate::{id::JobId, kind::Rank, time::Time};

/// A job as listed in the ready queue. The index is eventually consistent; the conditional write of
/// the claim decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadyJob {
    pub id: JobId,
    pub rank: Rank,
    /// When the job may be claimed.
    pub due_at: Time,
}

/// State of the permit's own job, read from the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PermitState {
    /// Can be claimed.
    Ready {
        rank: Rank,
        /// Whether the index lists it, so that other permits can find it.
        listed: bool,
    },
    /// Waits for its time. This message is the only one that will start it.
    NotBefore(Time),
    /// Not claimable: it is running, finished or not (yet) stored.
    NotClaimable,
}

/// What a permit is used for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PermitUse {
    /// Run the permit's own job, which is among the first.
    OwnJob(JobId),
    /// Run one of the other ready jobs.
    OtherJob,
    /// Requeue the message until this time.
    WaitUntil(Time),
    /// Nothing is due.
    Idle {
        /// Whether the index lists jobs that are running or waiting.
        jobs_listed: bool,
    },
}

/// Assignments for one batch's permits of one account and kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// One per permit, in the order of the permits.
    pub uses: Vec<PermitUse>,
    /// Candidates for [`PermitUse::OtherJob`], by rank. The first ones suffice unless another
    /// worker claims them first.
    pub candidates: Vec<JobId>,
    /// Jobs that must be added to the index before their permits are used for other jobs.
    pub unlisted: Vec<JobId>,
}

/// Plans the assignments: the first ready jobs by rank, as many as there are usable permits.
#[must_use]
pub fn plan(permits: &[(JobId, PermitState)], agenda: &[ReadyJob], now: Time) -> Plan {
    let waits = |id: JobId| {
        permits.iter().any(|(own, state)| *own == id && matches!(state, PermitState::NotBefore(_)))
    };
    // The index may be stale: the table's state of a waiting job takes precedence.
    let listed = agenda.iter().filter(|entry| entry.due_at <= now && !waits(entry.id));
    let mut due: BTreeSet<(&Rank, JobId)> = listed.map(|entry| (&entry.rank, entry.id)).collect();
    due.extend(permits.iter().filter_map(|(id, own)| match own {
        PermitState::Ready { rank, .. } => Some((rank, *id)),
        _ => None,
    }));
    let mut order: Vec<JobId> = Vec::new();
    for (_, id) in due {
        if !order.contains(&id) {
            order.push(id);
        }
    }
    let usable =
        permits.iter().filter(|(_, own)| !matches!(own, PermitState::NotBefore(_))).count();
    let mut rest = order.split_off(usable.min(order.len()));
    let mut chosen = order;
    let unlisted = permits
        .iter()
        .filter(|(id, own)| {
            matches!(own, PermitState::Ready { listed: false, .. }) && !chosen.contains(id)
        })
        .map(|(id, _)| *id)
        .collect();
    // A permit runs its own job where possible, to keep the number of exchanged jobs low.
    let own: BTreeSet<JobId> =
        permits.iter().map(|(id, _)| *id).filter(|id| chosen.contains(id)).collect();
    chosen.retain(|id| !own.contains(id));
    let mut free = chosen.len();
    let mut taken = BTreeSet::new();
    let mut errand = |(id, state): &(JobId, PermitState)| match state {
        PermitState::NotBefore(until) => PermitUse::WaitUntil(*until),
        _ if own.contains(id) && taken.insert(*id) => PermitUse::OwnJob(*id),
        _ if free > 0 => {
            free -= 1;
            PermitUse::OtherJob
        }
        _ => PermitUse::Idle { jobs_listed: !agenda.is_empty() },
    };
    let errands = permits.iter().map(&mut errand).collect();
    chosen.append(&mut rest);
    Plan { uses: errands, candidates: chosen, unlisted }
}

const BACKOFF_SECONDS: [u64; 5] = [1, 5, 30, 120, 600];

/// Number of retries for a permit while the index is empty.
#[expect(clippy::cast_possible_truncation, reason = "has five elements")]
pub const IDLE_RETRIES: u8 = BACKOFF_SECONDS.len() as u8;

/// Number of retries while the index lists jobs but none can be claimed: about a day. Each
/// cancelled job leaves one surplus permit, which would otherwise circulate forever in a kind that
/// is never idle.
const MAX_RETRIES: u8 = 150;

/// Backoff of a permit that found no job to run; `None` once its retries are used up and it is
/// dropped.
///
/// The index may be slightly stale. While jobs are `in_sight`, this may be the last permit for one
/// of them. That happens when a retry's message arrives before its row is written, or when a worker
/// dies.
#[must_use]
pub fn idle_backoff(looks: u8, in_sight: bool) -> Option<Duration> {
    let last = BACKOFF_SECONDS.last().filter(|_| in_sight && looks < MAX_RETRIES);
    BACKOFF_SECONDS.get(usize::from(looks)).or(last).copied().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{id::generate, kind::Discipline};
    use proptest::prelude::*;

    fn id(n: i64) -> JobId {
        generate(Time::from_millis(n), [7; 10])
    }

    fn entry(n: i64, due_at: i64) -> ReadyJob {
        let rank = Discipline::Lifo.rank(id(n), 0).unwrap();
        ReadyJob { id: id(n), rank, due_at: Time::from_millis(due_at) }
    }

    fn ready(n: i64, listed: bool) -> (JobId, PermitState) {
        (id(n), PermitState::Ready { rank: Discipline::Lifo.rank(id(n), 0).unwrap(), listed })
    }

    const NOW: Time = Time::from_millis(1000);

    #[test]
    fn assigns_first_jobs_by_rank_and_prefers_own_jobs() {
        let agenda = [entry(5, 0), entry(4, 0), entry(3, 2000), entry(2, 0), entry(1, 0)];
        let permits = [ready(1, true), ready(4, true), (id(9), PermitState::NotClaimable)];
        let plan = plan(&permits, &agenda, NOW);
        assert_eq!(plan.uses, [PermitUse::OtherJob, PermitUse::OwnJob(id(4)), PermitUse::OtherJob]);
        assert_eq!((plan.candidates, plan.unlisted), (vec![id(5), id(2), id(1)], vec![]));
    }

    #[test]
    fn unlisted_job_is_listed_before_its_permit_runs_another() {
        let plan = plan(&[ready(1, false)], &[entry(5, 0)], NOW);
        let (uses, candidates) = (vec![PermitUse::OtherJob], vec![id(5), id(1)]);
        assert_eq!(plan, Plan { uses, candidates, unlisted: vec![id(1)] });
    }

    #[test]
    fn waiting_job_keeps_its_message() {
        let until = Time::from_millis(5000);
        let plan = plan(&[(id(1), PermitState::NotBefore(until))], &[entry(5, 0)], NOW);
        assert_eq!((plan.uses, plan.candidates), (vec![PermitUse::WaitUntil(until)], vec![id(5)]));
    }

    #[test]
    fn idle_permit_is_kept_for_a_day_while_jobs_are_listed() {
        let in_sight =
            |agenda: &[ReadyJob]| plan(&[(id(9), PermitState::NotClaimable)], agenda, NOW).uses;
        assert_eq!(in_sight(&[]), [PermitUse::Idle { jobs_listed: false }]);
        assert_eq!(in_sight(&[entry(5, 2000)]), [PermitUse::Idle { jobs_listed: true }]);
        let waits = |in_sight| {
            (0..=u8::MAX).map_while(move |looks| idle_backoff(looks, in_sight)).sum::<Duration>()
        };
        assert_eq!(waits(false), Duration::from_secs(756));
        assert!(
            (Duration::from_secs(23 * 3600)..Duration::from_secs(25 * 3600)).contains(&waits(true))
        );
    }

    proptest! {
        #[test]
        fn every_due_job_is_used_once_at_most(
            own in proptest::collection::btree_map(0i64..20, 0..4u8, 0..10),
            agenda in proptest::collection::btree_map(0i64..20, 0i64..2000, 0..20),
        ) {
            let permits: Vec<_> = own
                .iter()
                .map(|(n, state)| match state {
                    0 => ready(*n, true),
                    1 => ready(*n, false),
                    2 => (id(*n), PermitState::NotBefore(Time::from_millis(2000))),
                    _ => (id(*n), PermitState::NotClaimable),
                })
                .collect();
            let entries: Vec<_> = agenda.iter().map(|(n, due)| entry(*n, *due)).collect();
            let plan = plan(&permits, &entries, NOW);
            prop_assert_eq!(plan.uses.len(), permits.len());
            let own: Vec<_> = plan
                .uses
                .iter()
                .filter_map(|errand| match errand {
                    PermitUse::OwnJob(id) => Some(*id),
                    _ => None,
                })
                .collect();
            let all: BTreeSet<_> = own.iter().chain(&plan.candidates).copied().collect();
            prop_assert_eq!(all.len(), own.len() + plan.candidates.len());
            let count = |wanted: fn(&PermitUse) -> bool|
                plan.uses.iter().filter(|errand| wanted(errand)).count();
            let others = count(|errand| *errand == PermitUse::OtherJob);
            prop_assert!(others <= plan.candidates.len());
            let idle = count(|errand| matches!(errand, PermitUse::Idle { .. }));
            prop_assert!(idle == 0 || others == plan.candidates.len());
            for (permit, errand) in permits.iter().zip(&plan.uses) {
                if let (id, PermitState::Ready { listed: false, .. }) = permit {
                    let dealt = plan.candidates[..others].contains(id);
                    prop_assert!(
                        *errand == PermitUse::OwnJob(*id) || dealt || plan.unlisted.contains(id)
                    );
                }
            }
        }
    }
}
