//! The contract of repeated calls: a job's writes are idempotent.

use model::{
    job::{EndedBy, Payload, Status},
    kind::KindSpec,
};
use store::{AttemptEnd, EndResult, JobStore, RetryResult, Table};

use super::{claimed, end, find, put};
use crate::{MINUTE, json, now};

/// As if a response was lost and the SDK repeats the call.
pub async fn repeated_calls_are_idempotent(table: Table) {
    let jobs = JobStore::new(table);
    let job = put(&jobs, "1").await;
    jobs.put(&job, &Payload(json("1")), None).await.unwrap();
    let t = now();
    let first = claimed(&jobs, &job, "me", t).await;
    let second = claimed(&jobs, &job, "me", t).await;
    assert_eq!((first.job.attempts, second.job.attempts), (1, 1));
    let ending = || AttemptEnd::Completed { result: json("1"), expires_at: t + MINUTE };
    assert_eq!(end(&jobs, &first.job, "me", ending(), t).await, EndResult::Written);
    assert_eq!(end(&jobs, &first.job, "me", ending(), t).await, EndResult::Written);
    assert_eq!(find(&jobs, &job).await.attempts, 1);
}

pub async fn a_repeated_retry_succeeds_if_the_job_runs_already(table: Table) {
    let jobs = JobStore::new(table);
    let job = put(&jobs, "1").await;
    let by = EndedBy::without_event("cancelled");
    let (_, lease) = jobs.get_consistent(job.account, job.id).await.unwrap().unwrap();
    assert!(
        jobs.cancel(&job, &lease, by, now() + KindSpec::DEFAULT_RETENTION, now())
            .await
            .unwrap()
            .is_some()
    );
    let (job, lease) = jobs.get_consistent(job.account, job.id).await.unwrap().unwrap();
    let reopen = async |me| jobs.retry(&job, &lease, 3, None, me, now()).await.unwrap();
    assert!(matches!(reopen("mine").await, RetryResult::Queued(_)));
    claimed(&jobs, &job, "worker", now()).await;
    match reopen("mine").await {
        RetryResult::Queued(job) => assert_eq!(job.status, Status::Running),
        other => panic!("{other:?}"),
    }
    assert!(matches!(reopen("another's").await, RetryResult::Changed));
}

pub async fn only_an_unstarted_job_is_deleted(table: Table) {
    let jobs = JobStore::new(table);
    let (untouched, touched) = (put(&jobs, "1").await, put(&jobs, "1").await);
    claimed(&jobs, &touched, "me", now()).await;
    for job in [&untouched, &touched] {
        jobs.delete_unstarted(job, &Payload(json("1"))).await.unwrap();
    }
    assert!(jobs.get_consistent(untouched.account, untouched.id).await.unwrap().is_none());
    assert_eq!(find(&jobs, &touched).await.status, Status::Running);
}
