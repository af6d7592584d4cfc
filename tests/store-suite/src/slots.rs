//! The contract of concurrency slots.

use store::{AttemptEnd, EndResult, JobStore, SlotStore, Table};

use crate::{
    MINUTE,
    jobs::{claimed, end, failure, put},
    now,
};

pub async fn a_slot_is_held_until_its_claim_ends(table: Table) {
    let (jobs, slots) = (JobStore::new(table.clone()), || SlotStore::new(table.clone()));
    let job = put(&jobs, "1").await;
    let (account, t) = (job.account, now());
    let free = async |cap, at| slots().find_free(account, cap, 9, 0, at).await.unwrap();
    let first = claimed(&jobs, &job, "first", t).await;
    let both = free(2, t).await;
    assert_eq!(both.len(), 2);
    assert!(slots().take(account, &both[0], job.id, "first", t + MINUTE).await.unwrap());
    assert!(
        slots().take(account, &both[0], job.id, "first", t + MINUTE).await.unwrap(),
        "the same call twice"
    );
    assert!(!slots().take(account, &both[0], job.id, "other", t + MINUTE).await.unwrap());
    assert_eq!(
        (free(2, t).await.len(), free(1, t).await.len(), free(2, t + MINUTE).await.len()),
        (1, 0, 2)
    );

    // The next attempt uses another slot. Both slots name the same job, and the first is free.
    let ending = AttemptEnd::Queued { attempt: failure(1, t), due_at: t, listed: false };
    assert_eq!(end(&jobs, &first.job, "first", ending, t).await, EndResult::Written);
    claimed(&jobs, &job, "second", t).await;
    assert!(slots().take(account, &both[1], job.id, "second", t + MINUTE).await.unwrap());
    let left = free(2, t).await;
    assert_eq!(left.len(), 1);
    assert!(slots().take(account, &left[0], job.id, "third", t + MINUTE).await.unwrap());
}
