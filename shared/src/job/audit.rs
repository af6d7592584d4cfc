//! Which permits to send anew, should some have been lost.
//!
//! A message of a kind with an order is a permit to run one of its jobs, and there are as many permits as jobs (see
//! [`agenda`](super::agenda)). Were one lost, the last job of the agenda would wait for ever. So jobs that are long overdue are counted
//! against the messages there are, and what is missing is sent.
//!
//! A backlog is overdue too, though all its permits are there: it must not be flooded. But messages of other kinds hide what is missing,
//! so a trickle is always sent. A permit too many does no harm: it finds nothing in the end, and is dropped.

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

/// For how long a job has to be overdue before its permit counts as lost: longer than a permit hides itself because it found nothing.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// How many permits are sent at most in one run.
pub(super) const MOST: usize = 1000;

/// How many are sent though nothing seems to be missing: one for an agenda, and no more than this.
///
/// They are spare: where an account's cap holds up its jobs they are dropped, instead of going round with the others until the backlog is
/// done.
const TRICKLE: usize = 10;

/// A job that should have been run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overdue {
    /// Its own permit.
    pub job: JobMessage,
    /// Since when it is due.
    pub due_at: Time,
}

/// What is to be done about overdue jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// How many jobs are overdue.
    pub overdue: usize,
    /// How many permits of those the queue can't hold, however many of its messages are theirs.
    pub missing: usize,
    /// What to send.
    pub permits: Vec<JobMessage>,
}

/// From when on a job that was due isn't overdue yet.
#[must_use]
pub fn overdue_since(now: Time) -> Time {
    Time::from_millis(now.millis().saturating_sub_unsigned(PATIENCE.as_millis() as u64))
}

/// Decides, given the jobs that are overdue (in any order; one that is named twice counts once) and how many messages the queue holds.
///
/// Permits are dealt to the agendas in turn, of each the oldest first, so that one account's backlog can't keep another's lost permit from
/// being sent. `turn` is any number, another each time: it says which agenda comes first.
#[must_use]
pub fn audit(jobs: &[Overdue], messages: usize, turn: usize) -> Audit {
    let mut agendas: BTreeMap<(AccountId, &Name), BTreeSet<(Time, JobId)>> = BTreeMap::new();
    for Overdue { job, due_at } in jobs {
        agendas.entry((job.account, &job.kind)).or_default().insert((*due_at, job.id));
    }
    let overdue = agendas.values().map(BTreeSet::len).sum::<usize>();
    let missing = overdue.saturating_sub(messages);
    let wanted = missing.max(agendas.len().min(TRICKLE)).min(MOST);
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
        // While an account's jobs wait for slots, so would each minute's permits: they are for a moment when there is one.
        JobMessage { spare: missing == 0, ..JobMessage::new(*account, id, (*kind).clone()) }
    });
    Audit { overdue, missing, permits: permits.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::mint;
    use proptest::prelude::*;

    fn job(account: u8, n: i64) -> Overdue {
        let account = mint(Time::from_millis(1), [account; 10]);
        let job = JobMessage::new(
            account,
            mint(Time::from_millis(n), [7; 10]),
            "ordered".parse().unwrap(),
        );
        Overdue { job, due_at: Time::from_millis(n) }
    }

    fn jobs(account: u8, numbers: std::ops::Range<i64>) -> Vec<Overdue> {
        numbers.rev().map(|n| job(account, n)).collect()
    }

    #[test]
    fn what_the_queue_cannot_hold_is_sent_oldest_first() {
        let audit = audit(&jobs(1, 0..20), 8, 0);
        assert_eq!((audit.overdue, audit.missing), (20, 12));
        let expected: Vec<_> = (0..12).map(|n| job(1, n).job).collect();
        assert_eq!(audit.permits, expected);
    }

    #[test]
    fn a_backlog_whose_permits_are_there_gets_a_trickle() {
        let spare = JobMessage { spare: true, ..job(1, 0).job };
        assert_eq!(audit(&jobs(1, 0..500), 500, 3).permits, [spare]);
        let many: Vec<_> = (0..50).flat_map(|account| jobs(account, 0..9)).collect();
        assert_eq!(audit(&many, 9000, 0).permits.len(), TRICKLE);
    }

    #[test]
    fn a_run_sends_so_many_and_no_more() {
        let audit = audit(&jobs(1, 0..3000), 0, 0);
        assert_eq!((audit.missing, audit.permits.len()), (3000, MOST));
    }

    #[test]
    fn nothing_overdue_is_nothing_sent() {
        assert_eq!(audit(&[], 0, 5), Audit { overdue: 0, missing: 0, permits: Vec::new() });
    }

    #[test]
    fn one_accounts_backlog_does_not_hide_anothers_lost_permit() {
        let mut all = jobs(1, 0..100);
        all.push(job(2, 900));
        assert!(audit(&all, 100, 0).permits.iter().any(|permit| permit.id == job(2, 900).job.id));
        let many: Vec<_> = (0..50).map(|account| job(account, 0)).collect();
        let reached: BTreeSet<_> = (0..50)
            .flat_map(|turn| audit(&many, 100, turn).permits)
            .map(|job| job.account)
            .collect();
        assert_eq!(reached.len(), 50);
    }

    #[test]
    fn a_job_is_overdue_after_a_quarter_of_an_hour() {
        assert_eq!(overdue_since(Time::from_millis(900_001)), Time::from_millis(1));
    }

    proptest! {
        #[test]
        fn permits_are_different_jobs_and_as_many_as_are_missing(
            numbers in proptest::collection::vec((0u8..20, 0i64..99), 0..200), messages in 0usize..300, turn: usize,
        ) {
            let all: Vec<_> = numbers.iter().map(|(account, n)| job(*account, *n)).collect();
            let audit = audit(&all, messages, turn);
            let ids: BTreeSet<_> = audit.permits.iter().map(|job| (job.account, job.id)).collect();
            prop_assert_eq!(ids.len(), audit.permits.len());
            prop_assert!(audit.permits.len() >= audit.missing && audit.permits.len() <= audit.overdue);
            prop_assert!(audit.permits.len() <= audit.missing.max(TRICKLE));
            prop_assert_eq!(audit.permits.is_empty(), all.is_empty());
        }
    }
}
