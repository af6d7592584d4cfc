//! The cost and the time of a reconciliation.

use std::time::Duration;

use model::{
    id::{self, AccountId},
    job::{Job, Payload},
    kind::Discipline,
};
use sim::{JOBS, TABLE};
use store::{JobStore, Table};

use super::{
    HOUR, MINUTE, OVERDUE, assert_completed, lose_messages, metric_values, queued_messages,
    stack_with_ordered_kind, submit,
};

#[tokio::test(start_paused = true)]
async fn check_without_overdue_jobs_costs_half_a_read_unit() {
    let stack = stack_with_ordered_kind().await;
    // Writes the counters of the set-up and completes the first scan.
    stack.check().await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    stack.aws.reset_ledger();
    stack.check().await.unwrap();
    insta::assert_snapshot!("idle_check", stack.aws.reset_ledger());
    submit(&stack.tenant(), 5).await;
    stack.aws.reset_ledger();
    stack.check().await.unwrap();
    let ledger = stack.aws.reset_ledger();
    assert_eq!(
        (ledger.count("Scan"), ledger.line("Scan").read_units, queued_messages(&stack)),
        (1, 0.5, 5)
    );
    assert!(metric_values(&stack, "Overdue").is_empty());
}

/// An index larger than a page is read in parts. Every account is reached within 15 minutes.
#[tokio::test(start_paused = true)]
async fn large_index_is_read_within_15_minutes() {
    let stack = stack_with_ordered_kind().await;
    let jobs = JobStore::new(Table::new(stack.aws.dynamodb(), TABLE));
    let list = async |account: AccountId| {
        let now = stack.now();
        let id = id::generate(now, rand::random());
        let job = Job::queued(id, account, "ordered".parse().unwrap(), 3, now);
        let payload = Payload(serde_json::value::to_raw_value(&1).unwrap());
        jobs.put(&job, &payload, Discipline::Lifo.rank(id, 0).as_ref()).await.unwrap();
    };
    for _ in 0..1200 {
        list(stack.tenant_account()).await;
    }
    let others: Vec<AccountId> =
        (0..9).map(|_| id::generate(stack.now(), rand::random())).collect();
    for account in &others {
        list(*account).await;
    }
    // More messages than jobs, none of which belong to these jobs.
    let (sqs, queue) = (stack.aws.sqs(), stack.aws.queue_url(JOBS));
    for _ in 0..1300 {
        sqs.send_message().queue_url(&queue).message_body("another's").send().await.unwrap();
    }
    tokio::time::sleep(OVERDUE).await;
    for _ in 0..15 {
        stack.aws.reset_ledger();
        stack.check().await.unwrap();
        let ledger = stack.aws.reset_ledger();
        let scan = ledger.line("Scan");
        assert!(scan.calls <= 5 && scan.read_units < 120.0, "{ledger}");
        tokio::time::sleep(MINUTE).await;
    }
    let sent: Vec<_> =
        stack.aws.messages(JOBS).iter().map(|message| message.body.clone()).collect();
    for account in others {
        assert!(
            sent.iter().any(|body| body.contains(&account.to_string())),
            "no permit for {account}"
        );
    }
}

/// If the whole queue is lost, one run sends a permit for every job of the page.
#[tokio::test(start_paused = true)]
async fn lost_queue_is_refilled_one_page_per_run() {
    let stack = stack_with_ordered_kind().await;
    let ids = submit(&stack.tenant(), 1100).await;
    lose_messages(&stack).await;
    tokio::time::sleep(OVERDUE).await;
    stack.check().await.unwrap();
    assert_eq!(queued_messages(&stack), 1000);
    assert!(stack.run_worker(HOUR).await.emptied);
    stack.check().await.unwrap();
    assert!(stack.run_worker(HOUR).await.emptied);
    assert_completed(&stack.tenant(), &ids).await;
}
