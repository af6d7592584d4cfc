//! The net under the permits: a job whose permit was lost is run all the same.

use std::time::Duration;

use serde_json::{Value, json};
use shared::{
    aws::{JobStore, Table},
    id::{self, AccountId},
    job::{Job, Payload},
    kind::Discipline,
};
use sim::{
    Client, EventSource, Fault, JOBS, KillSwitch, Killed, Plan, Stack, TABLE, run_until_killed,
};

const MINUTE: Duration = Duration::from_secs(60);
const OVERDUE: Duration = Duration::from_secs(15 * 60 + 1);
const HOUR: Duration = Duration::from_secs(3600);

async fn with_kind() -> Stack {
    let stack = Stack::new().await;
    define(&stack, "lifo").await;
    stack
}

async fn define(stack: &Stack, discipline: &str) {
    let spec = json!({"schema": {}, "target": {"type": "echo"}, "discipline": discipline});
    stack.define("ordered", spec).await;
}

async fn hand_in(client: &Client, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for n in 0..count {
        ids.push(client.submit("ordered", json!(n)).await.id().to_owned());
    }
    ids
}

/// As if every message there is were lost.
async fn lose_messages(stack: &Stack) {
    stack.aws.sqs().purge_queue().queue_url(stack.aws.queue_url(JOBS)).send().await.unwrap();
}

fn waiting(stack: &Stack) -> usize {
    stack.aws.messages(JOBS).len()
}

fn told(stack: &Stack, metric: &str) -> Vec<f64> {
    stack.metrics_lines().iter().filter_map(|line| line[metric].as_f64()).collect()
}

async fn assert_done(client: &Client, ids: &[String]) {
    for id in ids {
        let job = client.job(id).await.body;
        assert_eq!(job["status"], "completed", "{job}");
    }
}

#[tokio::test(start_paused = true)]
async fn jobs_whose_permits_were_lost_are_run_all_the_same() {
    let stack = with_kind().await;
    let client = stack.tenant();
    let ids = hand_in(&client, 5).await;
    lose_messages(&stack).await;
    tokio::time::sleep(14 * MINUTE).await;
    stack.check().await.unwrap();
    assert_eq!(waiting(&stack), 0, "they may be on their way");
    tokio::time::sleep(MINUTE + Duration::from_secs(1)).await;
    stack.check().await.unwrap();
    assert_eq!(
        (waiting(&stack), told(&stack, "Overdue"), told(&stack, "PermitsSent")),
        (5, vec![5.0], vec![5.0])
    );
    assert!(stack.work(HOUR).await.emptied);
    assert_done(&client, &ids).await;
}

#[tokio::test(start_paused = true)]
async fn a_backlog_is_not_flooded() {
    let stack = with_kind().await;
    let client = stack.tenant();
    let ids = hand_in(&client, 50).await;
    tokio::time::sleep(OVERDUE).await;
    for run in 1..=5 {
        stack.check().await.unwrap();
        assert_eq!(waiting(&stack), 50 + run, "one for its agenda");
    }
    assert!(stack.work(HOUR).await.emptied, "permits too many are dropped");
    assert_done(&client, &ids).await;
    assert_eq!(told(&stack, "Overdue"), [50.0; 5]);
}

/// The queue is full of messages, none of which is theirs.
#[tokio::test(start_paused = true)]
async fn other_kinds_messages_hide_no_lost_permit_for_long() {
    let stack = with_kind().await;
    let client = stack.tenant();
    let ids = hand_in(&client, 3).await;
    lose_messages(&stack).await;
    for n in 0..20 {
        client.submit("echo", json!(n)).await;
    }
    tokio::time::sleep(OVERDUE).await;
    for _ in 0..3 {
        stack.check().await.unwrap();
    }
    assert!(stack.work(HOUR).await.emptied);
    assert_done(&client, &ids).await;
}

#[tokio::test(start_paused = true)]
async fn a_running_job_is_found_whose_worker_and_message_are_gone() {
    let stack = with_kind().await;
    let client = stack.tenant();
    let id = hand_in(&client, 1).await.remove(0);
    let worker = stack.worker();
    // It dies at one call after the other, until that was its claim.
    let mut calls = 0;
    while client.job(&id).await.body["status"] != "running" {
        calls += 1;
        let switch = KillSwitch::after(calls);
        EventSource::new(&stack.aws, JOBS, 1)
            .deliver_once(async |event| {
                run_until_killed(worker.handle(event, "dies", stack.deadline()), &switch)
                    .await
                    .ok_or(Killed)
            })
            .await;
        assert!(calls < 20);
        tokio::time::sleep(stack.timing.visibility()).await;
    }
    lose_messages(&stack).await;
    tokio::time::sleep(OVERDUE + stack.timing.function()).await;
    stack.check().await.unwrap();
    assert!(stack.work(HOUR).await.emptied);
    assert_done(&client, &[id]).await;
}

#[tokio::test(start_paused = true)]
async fn a_minute_in_which_nothing_is_overdue_costs_next_to_nothing() {
    let stack = with_kind().await;
    // Until what was counted before is written, and the first walk is done.
    stack.check().await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    stack.aws.reset_ledger();
    stack.check().await.unwrap();
    insta::assert_snapshot!("idle_check", stack.aws.reset_ledger());
    hand_in(&stack.tenant(), 5).await;
    stack.aws.reset_ledger();
    stack.check().await.unwrap();
    let ledger = stack.aws.reset_ledger();
    assert_eq!(
        (ledger.count("Scan"), ledger.line("Scan").read_units, waiting(&stack)),
        (1, 0.5, 5)
    );
    assert!(told(&stack, "Overdue").is_empty());
}

/// Its permits run one job each from then on, and not any.
#[tokio::test(start_paused = true)]
async fn a_kind_that_has_lost_its_order_leaves_nothing_behind() {
    let stack = with_kind().await;
    let client = stack.tenant();
    let ids = hand_in(&client, 3).await;
    lose_messages(&stack).await;
    define(&stack, "standard").await;
    tokio::time::sleep(OVERDUE).await;
    stack.check().await.unwrap();
    assert!(stack.work(HOUR).await.emptied);
    assert_done(&client, &ids).await;
    assert!(stack.aws.items().iter().all(|item| item["agenda"] == Value::Null));
}

#[tokio::test(start_paused = true)]
async fn dying_at_any_call_does_no_harm() {
    for nth in 1..=4 {
        for switch in [KillSwitch::before(nth), KillSwitch::after(nth)] {
            let stack = with_kind().await;
            let client = stack.tenant();
            let ids = hand_in(&client, 25).await;
            lose_messages(&stack).await;
            tokio::time::sleep(OVERDUE).await;
            let checker = stack.checker();
            let died = run_until_killed(checker.check("dies", stack.now()), &switch).await;
            assert!(died.is_none(), "call {nth} was never made");
            // The minute's run again, and the next one's.
            stack.check().await.unwrap();
            stack.check().await.unwrap();
            assert!(stack.work(HOUR).await.emptied);
            for id in &ids {
                let job = client.job(id).await.body;
                assert_eq!(
                    (&job["status"], &job["attempts"]),
                    (&json!("completed"), &json!(1)),
                    "{job}"
                );
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_an_error_and_the_next_run_makes_up_for_it() {
    for operation in ["Scan", "GetQueueAttributes", "SendMessageBatch"] {
        let stack = with_kind().await;
        let client = stack.tenant();
        let ids = hand_in(&client, 25).await;
        lose_messages(&stack).await;
        tokio::time::sleep(OVERDUE).await;
        stack.aws.inject(Plan::always(operation, Fault::Before));
        assert!(stack.check().await.is_err(), "{operation}");
        assert_eq!(waiting(&stack), 0, "{operation}");
        stack.aws.heal();
        stack.check().await.unwrap();
        assert_eq!(waiting(&stack), 25, "{operation}");
        assert!(stack.work(HOUR).await.emptied);
        assert_done(&client, &ids).await;
    }
}

/// What a page doesn't hold is looked at in parts, all of them within a quarter of an hour.
#[tokio::test(start_paused = true)]
async fn a_large_index_is_looked_at_within_fifteen_minutes() {
    let stack = with_kind().await;
    let jobs = JobStore::new(Table::new(stack.aws.dynamodb(), TABLE));
    let list = async |account: AccountId| {
        let now = stack.now();
        let id = id::mint(now, rand::random());
        let job = Job::waiting(id, account, "ordered".parse().unwrap(), 3, now);
        let payload = Payload(serde_json::value::to_raw_value(&1).unwrap());
        jobs.put(&job, &payload, Discipline::Lifo.rank(id, 0).as_ref()).await.unwrap();
    };
    for _ in 0..1200 {
        list(stack.tenant_account()).await;
    }
    let others: Vec<AccountId> = (0..9).map(|_| id::mint(stack.now(), rand::random())).collect();
    for account in &others {
        list(*account).await;
    }
    // More messages than jobs, and none of them theirs.
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
            "{account} was not seen"
        );
    }
}

/// When the whole queue is lost, what a page shows is sent at once.
#[tokio::test(start_paused = true)]
async fn a_large_index_without_any_message_is_served_a_page_a_minute() {
    let stack = with_kind().await;
    let ids = hand_in(&stack.tenant(), 1100).await;
    lose_messages(&stack).await;
    tokio::time::sleep(OVERDUE).await;
    stack.check().await.unwrap();
    assert_eq!(waiting(&stack), 1000);
    assert!(stack.work(HOUR).await.emptied);
    stack.check().await.unwrap();
    assert!(stack.work(HOUR).await.emptied);
    assert_done(&stack.tenant(), &ids).await;
}
