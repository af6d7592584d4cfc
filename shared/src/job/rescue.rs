//! Which jobs have lost their message, so that it is sent again.
//!
//! SQS deletes a message that is older than the queue's retention, an operator may purge the queue, and Lambda may drop a message that it
//! takes for part of a loop. The minute's check therefore finds jobs that should have ended or begun. One message too many does no harm:
//! the claim decides. But a backlog is overdue too, though all its messages are there, and must not be flooded.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    JobMessage, Status,
    audit::{self, Overdue},
    due::{DueEntry, Purpose},
};
use crate::{
    id::{AccountId, JobId},
    name::Name,
    time::Time,
};

/// For how long a job has to be overdue before its message is sent again although the queue may hold it.
const LONG: Duration = Duration::from_secs(3 * 3600);

/// The longest pause between two looks at a job that stays overdue. A look is followed by another after half the time that the job is
/// overdue, so a job in a backlog has some ten messages more in its first day.
const LONGEST_PAUSE: Duration = Duration::from_secs(11 * 3600);

/// How often a payload that has an item of its own is extended: each fortnight that its job waits.
const FORTNIGHT_DAYS: u64 = 14;

/// An unfinished job, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// Whose it is.
    pub account: AccountId,
    /// Which one.
    pub id: JobId,
    /// Of which kind.
    pub kind: Name,
    /// Queued or running.
    pub status: Status,
    /// How many attempts have begun.
    pub attempts: u32,
    /// When it was due for the first time.
    pub run_at: Time,
    /// When it may be claimed next: while it waits, when it is due; while it runs, when its lease ends.
    pub claimable_at: Time,
    /// Whether the index of ordered kinds lists it: [`audit`](super::audit) sees to those.
    pub is_listed: bool,
}

/// What is to be done about an unfinished job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The time of its next entry on the due list.
    pub next: Time,
    /// Whether its message may be lost.
    pub is_overdue: bool,
    /// Whether its payload's life has to be extended, if that has an item of its own.
    pub extends_payload: bool,
}

impl Unfinished {
    /// What is to be done at `now`.
    #[must_use]
    pub fn assess(&self, now: Time) -> Finding {
        let is_late = self.claimable_at <= audit::overdue_since(now);
        let pause = if is_late {
            (now.since(self.claimable_at) / 2).min(LONGEST_PAUSE)
        } else {
            Duration::ZERO
        };
        let days = now.since(self.run_at).as_secs() / (24 * 3600);
        Finding {
            next: self.claimable_at.max(now) + pause,
            is_overdue: is_late && !self.is_listed,
            extends_payload: days > 0 && days.is_multiple_of(FORTNIGHT_DAYS),
        }
    }

    /// Its next entry on the due list.
    #[must_use]
    pub fn entry(&self, due: Time, purpose: Purpose) -> DueEntry {
        DueEntry { due, account: self.account, id: self.id, kind: self.kind.clone(), purpose }
    }

    /// The same, as an overdue job.
    #[must_use]
    pub fn overdue(&self) -> Overdue {
        let message = JobMessage::new(self.account, self.id, self.kind.clone());
        Overdue {
            job: JobMessage { attempts: self.attempts, ..message },
            due_at: self.claimable_at,
        }
    }
}

/// The messages to send for `overdue` jobs, given how many messages the queue holds.
///
/// If the queue holds fewer messages than jobs are overdue, some are lost, and each job gets one. Else a trickle is sent, dealt to accounts
/// and kinds in turn as [`audit`](super::audit) does, and one for each job that is overdue for long.
#[must_use]
pub fn messages(overdue: &[Overdue], messages: usize, now: Time, turn: usize) -> Vec<JobMessage> {
    // A job that both passes found counts once.
    let by_id: BTreeMap<_, _> = overdue.iter().map(|job| (job.job.id, job.clone())).collect();
    let mut oldest: Vec<_> = by_id.into_values().collect();
    oldest.sort_by_key(|job| (job.due_at, job.job.id));
    let is_short = messages < oldest.len();
    let certain = oldest.iter().filter(|job| is_short || job.due_at + LONG <= now);
    let mut sent: Vec<_> = certain.map(|job| job.job.clone()).take(audit::MOST).collect();
    if !is_short {
        let known: BTreeSet<_> = sent.iter().map(|job| job.id).collect();
        let trickle = audit::audit(&oldest, messages, turn).permits;
        sent.extend(trickle.into_iter().filter(|job| !known.contains(&job.id)));
    }
    sent
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::mint;
    use proptest::prelude::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const NOW: Time = Time::from_millis(1_763_654_400_000);

    fn job(n: u8, claimable_at: Time) -> Unfinished {
        Unfinished {
            account: mint(NOW, [1; 10]),
            id: mint(NOW, [n; 10]),
            kind: "echo".parse().unwrap(),
            status: Status::Queued,
            attempts: 0,
            run_at: claimable_at,
            claimable_at,
            is_listed: false,
        }
    }

    #[test]
    fn a_job_that_waits_is_looked_at_when_it_is_due() {
        let finding = job(1, NOW + 5 * HOUR).assess(NOW);
        assert_eq!((finding.next, finding.is_overdue), (NOW + 5 * HOUR, false));
    }

    #[test]
    fn pauses_grow_with_the_time_that_a_job_is_overdue() {
        let next = |late: Duration| job(1, NOW - late).assess(NOW).next.since(NOW);
        assert_eq!(next(Duration::from_secs(60)), Duration::ZERO);
        assert_eq!(next(4 * HOUR), 2 * HOUR);
        assert_eq!(next(100 * HOUR), LONGEST_PAUSE);
    }

    #[test]
    fn the_index_of_ordered_kinds_has_a_check_of_its_own() {
        let listed = Unfinished { is_listed: true, ..job(1, NOW - 2 * HOUR) };
        assert!(!listed.assess(NOW).is_overdue && job(1, NOW - 2 * HOUR).assess(NOW).is_overdue);
    }

    #[test]
    fn a_payload_is_extended_each_fortnight() {
        let extends = |days: u32| job(1, NOW - 24 * days * HOUR).assess(NOW).extends_payload;
        let days: Vec<_> = (0..45).filter(|days| extends(*days)).collect();
        assert_eq!(days, [14, 28, 42]);
    }

    #[test]
    fn an_empty_queue_gets_a_message_for_each_job_and_a_full_one_a_trickle() {
        let overdue: Vec<_> = (0..50).map(|n| job(n, NOW - HOUR).overdue()).collect();
        assert_eq!(messages(&overdue, 49, NOW, 0).len(), 50);
        let trickle = messages(&overdue, 50, NOW, 0);
        assert!(trickle.len() == 1 && trickle[0].spare, "{trickle:?}");
        let later = messages(&overdue, 50, NOW + 3 * HOUR, 0);
        assert!(later.len() == 50 && later.iter().all(|job| !job.spare));
    }

    proptest! {
        #[test]
        fn each_job_gets_one_message_at_most(
            late in proptest::collection::vec((0u8..40, 0u64..6 * 3600), 0..60), depth in 0usize..80, turn: usize,
        ) {
            let overdue: Vec<_> =
                late.iter().map(|(n, late)| job(*n, NOW - Duration::from_secs(*late)).overdue()).collect();
            let sent = messages(&overdue, depth, NOW, turn);
            let ids: BTreeSet<_> = sent.iter().map(|job| job.id).collect();
            prop_assert_eq!(ids.len(), sent.len());
            prop_assert_eq!(sent.is_empty(), overdue.is_empty());
        }

        #[test]
        fn the_next_look_is_never_in_the_past(late in 0u64..90 * 24 * 3600) {
            let finding = job(1, NOW - Duration::from_secs(late)).assess(NOW);
            prop_assert!(finding.next >= NOW && finding.next <= NOW + LONGEST_PAUSE);
        }
    }
}
