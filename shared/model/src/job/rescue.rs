//! Finds jobs whose message was lost, and sends it again.
//!
//! SQS deletes messages older than the queue's retention. An operator may purge the queue. Lambda
//! may drop a message that it takes for part of a recursive loop. The minute tick therefore finds
//! jobs that should have started or ended. A surplus message is harmless: the claim decides. But a
//! backlog is overdue too, although its messages exist, and must not be flooded.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    JobMessage, Status,
    due::{DueEntry, Purpose},
    reconcile::{self, OverdueJob},
};
use crate::{
    id::{AccountId, JobId},
    name::Name,
    time::Time,
};

/// How long a job is overdue before its message is sent again even though the queue may still hold
/// it.
const LONG_OVERDUE: Duration = Duration::from_secs(3 * 3600);

/// Longest interval between two checks of an overdue job. The interval is half the time that the
/// job is overdue. A job in a backlog thus gets about ten extra messages in its first day.
const MAX_CHECK_INTERVAL: Duration = Duration::from_secs(11 * 3600);

/// Interval at which the TTL of a payload with its own item is extended while its job waits.
const FORTNIGHT_DAYS: u64 = 14;

/// The fields of an unfinished job that matter here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnfinishedJob {
    pub account: AccountId,
    pub id: JobId,
    pub kind: Name,
    /// Queued or running.
    pub status: Status,
    /// Number of attempts started.
    pub attempts: u32,
    /// When the first attempt was due.
    pub run_at: Time,
    /// Earliest next claim: the due time of a queued job, the lease end of a running one.
    pub claimable_at: Time,
    /// Whether the index of ordered kinds lists it. [`reconcile`](super::reconcile) handles those.
    pub is_listed: bool,
}

/// How to proceed with an unfinished job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assessment {
    /// Time of its next entry on the due list.
    pub next: Time,
    /// Whether its message may be lost.
    pub is_overdue: bool,
    /// Whether to extend the TTL of its payload, if that has its own item.
    pub extends_payload: bool,
}

impl UnfinishedJob {
    #[must_use]
    pub fn assess(&self, now: Time) -> Assessment {
        let is_late = self.claimable_at <= reconcile::overdue_before(now);
        let pause = if is_late {
            (now.since(self.claimable_at) / 2).min(MAX_CHECK_INTERVAL)
        } else {
            Duration::ZERO
        };
        let days = now.since(self.run_at).as_secs() / (24 * 3600);
        Assessment {
            next: self.claimable_at.max(now) + pause,
            is_overdue: is_late && !self.is_listed,
            extends_payload: days > 0 && days.is_multiple_of(FORTNIGHT_DAYS),
        }
    }

    #[must_use]
    pub fn entry(&self, due: Time, purpose: Purpose) -> DueEntry {
        DueEntry { due, account: self.account, id: self.id, kind: self.kind.clone(), purpose }
    }

    #[must_use]
    pub fn overdue(&self) -> OverdueJob {
        let message = JobMessage::new(self.account, self.id, self.kind.clone());
        OverdueJob {
            job: JobMessage { attempts: self.attempts, ..message },
            due_at: self.claimable_at,
        }
    }
}

/// The messages to send for `overdue` jobs, given the number of messages in the queue.
///
/// If the queue holds fewer messages than jobs are overdue, some are lost, and every job gets one.
/// Otherwise the result is a trickle, distributed round-robin over accounts and kinds like in
/// [`reconcile`](super::reconcile), plus one message per job that is overdue for long.
#[must_use]
pub fn messages(
    overdue: &[OverdueJob],
    messages: usize,
    now: Time,
    turn: usize,
) -> Vec<JobMessage> {
    // Both passes may find the same job: it counts once.
    let by_id: BTreeMap<_, _> = overdue.iter().map(|job| (job.job.id, job.clone())).collect();
    let mut oldest: Vec<_> = by_id.into_values().collect();
    oldest.sort_by_key(|job| (job.due_at, job.job.id));
    let is_short = messages < oldest.len();
    let certain = oldest.iter().filter(|job| is_short || job.due_at + LONG_OVERDUE <= now);
    let mut sent: Vec<_> =
        certain.map(|job| job.job.clone()).take(reconcile::MAX_PERMITS).collect();
    if !is_short {
        let known: BTreeSet<_> = sent.iter().map(|job| job.id).collect();
        let trickle = reconcile::reconcile(&oldest, messages, turn).permits;
        sent.extend(trickle.into_iter().filter(|job| !known.contains(&job.id)));
    }
    sent
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::generate;
    use proptest::prelude::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const NOW: Time = Time::from_millis(1_763_654_400_000);

    fn job(n: u8, claimable_at: Time) -> UnfinishedJob {
        UnfinishedJob {
            account: generate(NOW, [1; 10]),
            id: generate(NOW, [n; 10]),
            kind: "echo".parse().unwrap(),
            status: Status::Queued,
            attempts: 0,
            run_at: claimable_at,
            claimable_at,
            is_listed: false,
        }
    }

    #[test]
    fn waiting_job_is_checked_when_due() {
        let finding = job(1, NOW + 5 * HOUR).assess(NOW);
        assert_eq!((finding.next, finding.is_overdue), (NOW + 5 * HOUR, false));
    }

    #[test]
    fn check_interval_grows_with_overdue_time() {
        let next = |late: Duration| job(1, NOW - late).assess(NOW).next.since(NOW);
        assert_eq!(next(Duration::from_secs(60)), Duration::ZERO);
        assert_eq!(next(4 * HOUR), 2 * HOUR);
        assert_eq!(next(100 * HOUR), MAX_CHECK_INTERVAL);
    }

    #[test]
    fn jobs_of_ordered_kinds_are_left_to_the_audit() {
        let listed = UnfinishedJob { is_listed: true, ..job(1, NOW - 2 * HOUR) };
        assert!(!listed.assess(NOW).is_overdue && job(1, NOW - 2 * HOUR).assess(NOW).is_overdue);
    }

    #[test]
    fn payload_is_extended_every_14_days() {
        let extends = |days: u32| job(1, NOW - 24 * days * HOUR).assess(NOW).extends_payload;
        let days: Vec<_> = (0..45).filter(|days| extends(*days)).collect();
        assert_eq!(days, [14, 28, 42]);
    }

    #[test]
    fn short_queue_gets_a_message_per_job_and_full_queue_a_trickle() {
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
            late in proptest::collection::vec((0u8..40, 0u64..6 * 3600), 0..60),
            depth in 0usize..80,
            turn: usize,
        ) {
            let overdue: Vec<_> = late
                .iter()
                .map(|(n, late)| job(*n, NOW - Duration::from_secs(*late)).overdue())
                .collect();
            let sent = messages(&overdue, depth, NOW, turn);
            let ids: BTreeSet<_> = sent.iter().map(|job| job.id).collect();
            prop_assert_eq!(ids.len(), sent.len());
            prop_assert_eq!(sent.is_empty(), overdue.is_empty());
        }

        #[test]
        fn the_next_look_is_never_in_the_past(late in 0u64..90 * 24 * 3600) {
            let finding = job(1, NOW - Duration::from_secs(late)).assess(NOW);
            prop_assert!(finding.next >= NOW && finding.next <= NOW + MAX_CHECK_INTERVAL);
        }
    }
}
