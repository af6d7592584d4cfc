//! The contract of kinds' completion times.

use model::{job::CompletionTimes, name::Name};
use store::{CompletionTimeStore, Table};

use crate::{MINUTE, account, now};

pub async fn completion_times_are_summed(table: Table) {
    let (account, kind, t) = (account(), "a.b-c_d".parse::<Name>().unwrap(), now());
    let add = async |pace: CompletionTimes| {
        CompletionTimeStore::new(table.clone()).add(account, &kind, pace, t).await.unwrap()
    };
    add(CompletionTimes { jobs: 2, total_ms: 30 }).await;
    add(CompletionTimes { jobs: 1, total_ms: 12 }).await;
    let read = CompletionTimeStore::new(table.clone()).read(account, &kind, t).await.unwrap();
    assert_eq!(read, CompletionTimes { jobs: 3, total_ms: 42 });
    let earlier_hour =
        CompletionTimeStore::new(table).read(account, &kind, t + 60 * MINUTE).await.unwrap();
    assert_eq!(earlier_hour, read);
}
