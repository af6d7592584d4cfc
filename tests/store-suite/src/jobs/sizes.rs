//! The contract of large jobs: payloads and results beyond an item's size, and long histories.

use model::job::Payload;
use store::{AttemptEnd, EndResult, JobStore, Table};

use super::{claimed, end, failure, find, job, put};
use crate::{MINUTE, account, json, now};

pub async fn large_payloads_and_results_are_read_back(table: Table) {
    let jobs = JobStore::new(table);
    let large = format!("{:?}", "ä".repeat(30_000));
    let job = put(&jobs, &large).await;
    let t = now();
    let held = claimed(&jobs, &job, "me", t).await;
    assert_eq!(held.payload.as_ref().unwrap().as_str(), large);
    let ending = AttemptEnd::Completed { result: json(&large), expires_at: t + MINUTE };
    assert_eq!(end(&jobs, &held.job, "me", ending, t).await, EndResult::Written);
    assert_eq!(find(&jobs, &job).await.result.unwrap().get(), large);
}

pub async fn a_lost_claim_cannot_overwrite_a_large_result(table: Table) {
    let jobs = JobStore::new(table);
    let job = put(&jobs, "1").await;
    let t = now();
    let slow = claimed(&jobs, &job, "slow", t).await;
    let later = claimed(&jobs, &job, "later", t + MINUTE).await;
    let large = |letter: &str| json(&format!("{:?}", letter.repeat(5000)));
    let ending =
        |letter| AttemptEnd::Completed { result: large(letter), expires_at: t + 10 * MINUTE };
    assert_eq!(end(&jobs, &later.job, "later", ending("b"), t + MINUTE).await, EndResult::Written);
    assert_eq!(end(&jobs, &slow.job, "slow", ending("a"), t + MINUTE).await, EndResult::LeaseLost);
    assert_eq!(find(&jobs, &job).await.result.unwrap().get(), large("b").get());
}

pub async fn a_long_history_stays_bounded(table: Table) {
    let jobs = JobStore::new(table);
    let mut job = job(account(), now());
    job.max_attempts = 100;
    jobs.put(&job, &Payload(json("1")), None).await.unwrap();
    let t = now();
    for number in 1..=25 {
        let held = claimed(&jobs, &job, &number.to_string(), t).await;
        let ending = AttemptEnd::Queued { attempt: failure(number, t), due_at: t, listed: false };
        assert_eq!(end(&jobs, &held.job, &number.to_string(), ending, t).await, EndResult::Written);
    }
    let numbers: Vec<_> =
        find(&jobs, &job).await.history.iter().map(|attempt| attempt.number).collect();
    assert_eq!(numbers, (6..=25).collect::<Vec<_>>());
}
