//! Replaces lost permits.
//!
//! A message of a kind with an order is a permit to run one of its jobs (see
//! [`ready_queue`](super::ready_queue)). There are as many permits as jobs. If a permit is lost,
//! the last job of the ready queue waits forever. The reconciliation compares the number of long
//! overdue jobs with the number of messages in the queue, and sends the missing permits.
//!
//! Jobs of a backlog are overdue too although their permits exist; they must not be sent twice in
//! bulk. But messages of other kinds mask missing permits, so the reconciliation always sends a
//! trickle. A surplus permit is harmless: it finds no job and is dropped.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::JobMessage;
use crate::{
    id::{AccountId, JobId},
    name::Name,
    time::Time,
};

/// How long a job is overdue before its permit counts as lost: longer than an idle permit's
/// backoff.
const OVERDUE_AFTER: Duration = Duration::from_secs(15 * 60);

/// Upper limit of permits sent per run.
pub(super) const MAX_PERMITS: usize = 1000;

/// Upper limit of permits sent per run when none seems missing: one per ready queue.
///
/// These permits are `spare`: where an account's concurrency limit blocks its jobs, they are
/// dropped instead of circulating until the backlog is processed.
const TRICKLE: usize = 10;

/// A job that should have been run by now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverdueJob {
    /// The job's own permit.
    pub job: JobMessage,
    pub due_at: Time,
}

/// Result of a reconciliation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reconciliation {
    /// Number of overdue jobs.
    pub overdue: usize,
    /// Lower bound of lost permits: overdue jobs minus messages in the queue.
    pub missing: usize,
    /// Permits to send.
    pub permits: Vec<JobMessage>,
}

/// Jobs that became due at or before this time are overdue.
#[must_use]
pub fn overdue_before(now: Time) -> Time {
    Time::from_millis(now.millis().saturating_sub_unsigned(OVERDUE_AFTER.as_millis() as u64))
}

/// Audits the overdue jobs (in any order; duplicates count once) against the number of messages in
/// the queue.
///
/// Permits are distributed round-robin over the ready queues, each oldest first, so that one
/// account's backlog does not delay another account's lost permit. `turn` is any number that
/// differs from run to run; it selects the ready queue to start with.
#[must_use]
pub fn reconcile(jobs: &[OverdueJob], messages: usize, turn: usize) -> Reconciliation {
    let mut agendas: BTreeMap<(AccountId, &Name), BTreeSet<(Time, JobId)>> = BTreeMap::new();
    for OverdueJob { job, due_at } in jobs {
        agendas.entry((job.account, &job.kind)).or_default().insert((*due_at, job.id));
    }
    let overdue = agendas.values().map(BTreeSet::len).sum::<usize>();
    let missing = overdue.saturating_sub(messages);
    let wanted = missing.max(agendas.len().min(TRICKLE)).min(MAX_PERMITS);
    let first = turn % agendas.len().max(1);
    let mut dealt: Vec<_> = agendas
        .iter()
        .enumerate()
        .flat_map(|(n, (agenda, jobs))| {
            let place = (n + agendas.len() - first) % agendas.len();
            jobs.iter().enumerate().map(move |(round, (_, id))| (round, place, agenda, *id))
        })
        .collect();
    dealt.sort_unstable();
    dealt.truncate(wanted);
    let permits = dealt.into_iter().map(|(_, _, (account, kind), id)| {
        // While an account's jobs wait for slots, each minute's permits would pile up. Spare ones
        // only run if a slot is free.
        JobMessage { spare: missing == 0, ..JobMessage::new(*account, id, (*kind).clone()) }
    });
    Reconciliation { overdue, missing, permits: permits.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::generate;
    use proptest::prelude::*;

    fn job(account: u8, n: i64) -> OverdueJob {
        let account = generate(Time::from_millis(1), [account; 10]);
        let job = JobMessage::new(
            account,
            generate(Time::from_millis(n), [7; 10]),
            "ordered".parse().unwrap(),
        );
        OverdueJob { job, due_at: Time::from_millis(n) }
    }

    fn jobs(account: u8, numbers: std::ops::Range<i64>) -> Vec<OverdueJob> {
        numbers.rev().map(|n| job(account, n)).collect()
    }

    #[test]
    fn sends_missing_permits_oldest_first() {
        let audit = reconcile(&jobs(1, 0..20), 8, 0);
        assert_eq!((audit.overdue, audit.missing), (20, 12));
        let expected: Vec<_> = (0..12).map(|n| job(1, n).job).collect();
        assert_eq!(audit.permits, expected);
    }

    #[test]
    fn backlog_with_all_permits_gets_a_trickle() {
        let spare = JobMessage { spare: true, ..job(1, 0).job };
        assert_eq!(reconcile(&jobs(1, 0..500), 500, 3).permits, [spare]);
        let many: Vec<_> = (0..50).flat_map(|account| jobs(account, 0..9)).collect();
        assert_eq!(reconcile(&many, 9000, 0).permits.len(), TRICKLE);
    }

    #[test]
    fn limits_permits_per_run() {
        let audit = reconcile(&jobs(1, 0..3000), 0, 0);
        assert_eq!((audit.missing, audit.permits.len()), (3000, MAX_PERMITS));
    }

    #[test]
    fn sends_nothing_if_no_job_is_overdue() {
        assert_eq!(
            reconcile(&[], 0, 5),
            Reconciliation { overdue: 0, missing: 0, permits: Vec::new() }
        );
    }

    #[test]
    fn backlog_of_one_account_does_not_mask_lost_permit_of_another() {
        let mut all = jobs(1, 0..100);
        all.push(job(2, 900));
        assert!(
            reconcile(&all, 100, 0).permits.iter().any(|permit| permit.id == job(2, 900).job.id)
        );
        let many: Vec<_> = (0..50).map(|account| job(account, 0)).collect();
        let reached: BTreeSet<_> = (0..50)
            .flat_map(|turn| reconcile(&many, 100, turn).permits)
            .map(|job| job.account)
            .collect();
        assert_eq!(reached.len(), 50);
    }

    #[test]
    fn job_is_overdue_after_15_minutes() {
        assert_eq!(overdue_before(Time::from_millis(900_001)), Time::from_millis(1));
    }

    proptest! {
        #[test]
        fn permits_are_different_jobs_and_as_many_as_are_missing(
            numbers in proptest::collection::vec((0u8..20, 0i64..99), 0..200),
            messages in 0usize..300,
            turn: usize,
        ) {
            let all: Vec<_> = numbers.iter().map(|(account, n)| job(*account, *n)).collect();
            let audit = reconcile(&all, messages, turn);
            let ids: BTreeSet<_> = audit.permits.iter().map(|job| (job.account, job.id)).collect();
            prop_assert_eq!(ids.len(), audit.permits.len());
            prop_assert!(
                audit.permits.len() >= audit.missing && audit.permits.len() <= audit.overdue
            );
            prop_assert!(audit.permits.len() <= audit.missing.max(TRICKLE));
            prop_assert_eq!(audit.permits.is_empty(), all.is_empty());
        }
    }
}
