//! The contract of claims: one owner at a time, until the lease expires.

use model::{
    id::{self, JobId},
    job::{ClaimDenied, EndedBy, ErrorCode, JobError, Status},
    kind::Discipline,
};
use store::{AttemptEnd, ClaimResult, EndResult, JobStore, ReadyQueueKey, Table};

use super::{claimed, denied, end, failure, find, put};
use crate::{MINUTE, json, now};

pub async fn a_job_is_put_claimed_and_completed(table: Table) {
    let jobs = JobStore::new(table);
    let job = put(&jobs, r#"{"n": 1.50}"#).await;
    let t = now();
    let held = claimed(&jobs, &job, "me", t).await;
    assert_eq!(
        (held.payload.as_ref().unwrap().as_str(), held.job.status, held.job.attempts),
        (r#"{"n": 1.50}"#, Status::Running, 1)
    );
    assert_eq!((held.job.attempt_started_at, &held.job.metadata), (Some(t), &job.metadata));
    let ending = AttemptEnd::Completed { result: json("[1]"), expires_at: t + MINUTE };
    assert_eq!(end(&jobs, &held.job, "me", ending, t).await, EndResult::Written);
    let done = find(&jobs, &job).await;
    assert_eq!(
        (done.status, done.result.unwrap().get(), done.finished_at),
        (Status::Completed, "[1]", Some(t))
    );
    assert_eq!(denied(&jobs, &job, t + 2 * MINUTE).await, ClaimDenied::Done);
    assert!(jobs.get(job.account, job.id, true, t + 2 * MINUTE).await.unwrap().is_none());
    let unknown: JobId = id::generate(t, rand::random());
    assert!(matches!(
        jobs.claim(job.account, unknown, "me", t, t, None).await.unwrap(),
        ClaimResult::NotFound
    ));
}

pub async fn a_claimed_job_is_not_claimed_again_before_its_lease_expires(table: Table) {
    let jobs = JobStore::new(table);
    let job = put(&jobs, "1").await;
    let t = now();
    let slow = claimed(&jobs, &job, "slow", t).await;
    assert_eq!(denied(&jobs, &job, t).await, ClaimDenied::NotYet(t + MINUTE));
    let later = claimed(&jobs, &job, "later", t + MINUTE).await;
    assert_eq!(later.job.attempts, 2);
    let ending = || AttemptEnd::Completed { result: json("1"), expires_at: t + 10 * MINUTE };
    assert_eq!(end(&jobs, &slow.job, "slow", ending(), t).await, EndResult::LeaseLost);
    assert_eq!(end(&jobs, &later.job, "later", ending(), t).await, EndResult::Written);
    assert_eq!(end(&jobs, &slow.job, "slow", ending(), t).await, EndResult::LeaseLost);
}

pub async fn a_delayed_job_is_not_claimed_before_it_is_due(table: Table) {
    let jobs = JobStore::new(table);
    let job = put(&jobs, "1").await;
    let t = now();
    let held = claimed(&jobs, &job, "me", t).await;
    let ending = AttemptEnd::Queued { attempt: failure(1, t), due_at: t + MINUTE, listed: false };
    assert_eq!(end(&jobs, &held.job, "me", ending, t).await, EndResult::Written);
    let waiting = find(&jobs, &job).await;
    assert_eq!((waiting.status, waiting.next_attempt_at), (Status::Queued, Some(t + MINUTE)));
    assert_eq!(
        (waiting.history, waiting.error.unwrap().code),
        (vec![failure(1, t)], ErrorCode::TargetStatus)
    );
    assert_eq!(denied(&jobs, &job, t).await, ClaimDenied::NotYet(t + MINUTE));
    let again = claimed(&jobs, &job, "me again", t + MINUTE).await;
    assert_eq!(
        (again.job.attempts, again.job.started_at, again.job.next_attempt_at),
        (2, Some(t), None)
    );
}

pub async fn a_delayed_job_is_in_the_ready_queue_only_if_listed(table: Table) {
    let jobs = JobStore::new(table);
    let job = put(&jobs, "1").await;
    let rank = Discipline::Lifo.rank(job.id, 0).unwrap();
    let listing = ReadyQueueKey::new(job.account, &job.kind, rank);
    let mut t = now();
    for (number, listed) in [(1, true), (2, false)] {
        let claim =
            jobs.claim(job.account, job.id, "me", t, t + MINUTE, Some(&listing)).await.unwrap();
        let ClaimResult::Claimed(held) = claim else { panic!("{claim:?}") };
        let due_at = t + 2 * MINUTE;
        let ending = AttemptEnd::Queued { attempt: failure(number, t), due_at, listed };
        assert_eq!(end(&jobs, &held.job, "me", ending, t).await, EndResult::Written);
        // Listing a job as it was before the claim has no effect.
        jobs.add_to_ready_queue(job.account, job.id, &listing, t).await.unwrap();
        let entries = jobs.ready_queue(job.account, &job.kind, 1, t).await.unwrap();
        let shown: Vec<_> = entries.iter().map(|entry| (entry.id, entry.due_at)).collect();
        assert_eq!(shown, if listed { vec![(job.id, due_at)] } else { Vec::new() });
        t = due_at;
    }
    jobs.add_to_ready_queue(job.account, job.id, &listing, t).await.unwrap();
    assert_eq!(jobs.ready_queue(job.account, &job.kind, 1, t).await.unwrap().len(), 1);
}

pub async fn an_abandoned_job_without_attempts_left_fails(table: Table) {
    let jobs = JobStore::new(table);
    let job = put(&jobs, "1").await;
    let t = now();
    claimed(&jobs, &job, "1", t).await;
    claimed(&jobs, &job, "2", t + MINUTE).await;
    let ClaimResult::Denied(ClaimDenied::Exhausted, seen, lease) =
        jobs.claim(job.account, job.id, "3", t + 2 * MINUTE, t, None).await.unwrap()
    else {
        panic!()
    };
    let error = || JobError::new(ErrorCode::WorkerCrashed, "gone");
    let fail = async |me| {
        let (by, expires_at) = (EndedBy::without_event(me), t + 5 * MINUTE);
        jobs.fail_abandoned(&seen, &lease, by, error(), expires_at, t + 2 * MINUTE).await.unwrap()
    };
    assert!(fail("end").await);
    assert!(!fail("late").await);
    let failed = find(&jobs, &job).await;
    assert_eq!(
        (failed.status, failed.error, failed.history.len()),
        (Status::Failed, Some(error()), 1)
    );
}
