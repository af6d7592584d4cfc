//! The contract of idempotency keys.

use model::id::{self, JobId};
use store::{BeginResult, IdempotencyKey, IdempotencyStore, Table};

use crate::{MINUTE, account, now};

pub async fn an_idempotency_key_is_used_once(table: Table) {
    let records = IdempotencyStore::new(table);
    let (account, key, t) = (account(), IdempotencyKey::of("a"), now());
    let (first, second): (JobId, JobId) =
        (id::generate(t, rand::random()), id::generate(t, rand::random()));
    let begin = async |account, key: &IdempotencyKey, fingerprint, job, at| {
        records.begin(account, key, fingerprint, job, Some(5), at).await.unwrap()
    };
    assert_eq!(begin(account, &key, "x", first, t).await, BeginResult::First);
    assert_eq!(begin(account, &key, "x", first, t).await, BeginResult::First);
    assert_eq!(
        begin(account, &key, "x", second, t + MINUTE).await,
        BeginResult::Repeated { id: first, since: t, accepted: 5 }
    );
    assert_eq!(begin(account, &key, "y", second, t + MINUTE).await, BeginResult::DifferentRequest);
    assert_eq!(begin(account, &IdempotencyKey::of("b"), "x", second, t).await, BeginResult::First);
    assert_eq!(begin(crate::account(), &key, "y", second, t).await, BeginResult::First);
    assert_eq!(begin(account, &key, "y", second, t + 25 * 60 * MINUTE).await, BeginResult::First);
}
