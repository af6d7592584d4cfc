//! The due list: concurrent check runs, killed runs, missed hours, and cost.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::join_all;
use model::{
    id::{self, JobId},
    job::due::{DueEntry, Purpose},
    time::Time,
};
use serde_json::json;
use sim::{Client, Fault, JOBS, KillSwitch, Plan, Stack, TABLE, run_until_killed};
use store::{DueStore, Table};

const MINUTE: Duration = Duration::from_secs(60);

async fn far_jobs(client: &Client, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for n in 0..count {
        let body = json!({"kind": "echo", "payload": n, "delay_seconds": 20 * 60});
        ids.push(client.send(http::Method::POST, "/v1/jobs", Some(body)).await.id().to_owned());
    }
    ids
}

async fn assert_on_time(client: &Client, ids: &[String]) {
    for id in ids {
        let job = client.job(id).await.body;
        let time = |name: &str| {
            job[name].as_str().unwrap_or_else(|| panic!("{job}")).parse::<Time>().unwrap()
        };
        assert_eq!((&job["status"], &job["attempts"]), (&json!("completed"), &json!(1)), "{job}");
        assert!(time("started_at") >= time("run_at"), "early: {job}");
        assert!(time("started_at").since(time("run_at")) < Duration::from_secs(2), "late: {job}");
    }
}

/// Overlapping runs send a message at most twice, and the job runs once.
#[tokio::test(start_paused = true)]
async fn overlapping_runs_run_each_job_once() {
    let stack = Stack::new().await;
    let client = stack.tenant();
    let ids = far_jobs(&client, 12).await;
    tokio::time::sleep(8 * MINUTE).await;
    let runs = join_all([stack.check(), stack.check()]).await;
    assert!(runs.iter().all(Result::is_ok), "{runs:?}");
    assert!((12..=24).contains(&stack.aws.messages(JOBS).len()));
    stack.run_for(13 * MINUTE).await;
    assert_on_time(&client, &ids).await;
}

/// A run dies at each of its calls in turn. The next run completes its work.
#[tokio::test(start_paused = true)]
async fn killed_run_loses_nothing() {
    let mut deaths = 0;
    for nth in (1..).step_by(4) {
        let stack = Stack::new().await;
        let client = stack.tenant();
        let ids = far_jobs(&client, 3).await;
        tokio::time::sleep(8 * MINUTE).await;
        let switch = KillSwitch::after(nth);
        let checker = stack.checker();
        if run_until_killed(checker.check("check", stack.now()), &switch).await.is_some() {
            break;
        }
        deaths += 1;
        stack.run_for(13 * MINUTE).await;
        assert_on_time(&client, &ids).await;
    }
    assert!(deaths > 10, "{deaths}");
}

/// Jobs that came due while no check ran are late, but none is lost.
#[tokio::test(start_paused = true)]
async fn missed_hours_are_caught_up() {
    let stack = Stack::new().await;
    let client = stack.tenant();
    stack.check().await.unwrap();
    let ids = far_jobs(&client, 5).await;
    tokio::time::sleep(26 * 60 * MINUTE).await;
    stack.run_for(2 * MINUTE).await;
    for id in &ids {
        let job = client.job(id).await.body;
        assert_eq!((&job["status"], &job["attempts"]), (&json!("completed"), &json!(1)), "{job}");
    }
}

/// The next run sends the messages that could not be sent.
#[tokio::test(start_paused = true)]
async fn queue_outage_delays_no_job() {
    let stack = Stack::new().await;
    let client = stack.tenant();
    let ids = far_jobs(&client, 5).await;
    tokio::time::sleep(8 * MINUTE).await;
    stack.aws.inject(Plan::always("SendMessageBatch", Fault::Before));
    assert!(stack.check().await.is_err(), "the invocation must fail");
    assert!(stack.aws.heal() > 0);
    stack.run_for(13 * MINUTE).await;
    assert_on_time(&client, &ids).await;
}

/// `FAR=100000` sets another number of jobs. The bounds on calls hold for any number.
#[tokio::test(start_paused = true)]
async fn many_jobs_due_in_one_minute_are_released_in_time() {
    let count = std::env::var("FAR").map_or(4000, |count| count.parse::<u64>().unwrap());
    let stack = Stack::new().await;
    stack.check().await.unwrap();
    let (list, due) =
        (DueStore::new(Table::new(stack.aws.dynamodb(), TABLE)), stack.now() + 30 * MINUTE);
    let account = stack.tenant_account();
    let entry = |n: u64| {
        let id: JobId = id::generate(
            stack.now(),
            std::array::from_fn(|at| n.to_be_bytes()[at.saturating_sub(2)]),
        );
        let due = due + Duration::from_millis(n % 60_000);
        DueEntry { due, account, id, kind: "echo".parse().unwrap(), purpose: Purpose::Release }
    };
    let entries: Vec<_> = (0..count).map(entry).collect();
    list.put_all(&entries).await.unwrap();
    tokio::time::sleep(18 * MINUTE).await;
    let (mut runs, mut released) = (0, 0);
    while released < count {
        stack.aws.reset_ledger();
        stack.check().await.unwrap();
        let ledger = stack.aws.reset_ledger();
        let sent = ledger.messages("SendMessageBatch");
        assert!(sent > 0 && sent <= 25_000, "{ledger}");
        // Ten messages a call and 100 entries a query. The last call and page of each shard are
        // partly filled.
        assert!(ledger.count("SendMessageBatch") <= sent / 10 + sent / 100 + 16, "{ledger}");
        assert!(ledger.count("Query") <= sent / 100 + 60, "{ledger}");
        assert!(ledger.write_units() <= (sent / 100 + 40) as f64, "{ledger}");
        released += sent;
        runs += 1;
        tokio::time::sleep(MINUTE).await;
    }
    println!("{count} jobs of one minute were released in {runs} runs");
    assert!(runs <= 12 && stack.now() < due, "all messages are sent before the jobs are due");
    let late = stack
        .aws
        .messages(JOBS)
        .into_iter()
        .filter(|message| message.visible_at < tokio::time::Instant::now());
    assert_eq!((released, late.count()), (count, 0));
}

/// Earlier releases did not put jobs that are due later on the due list. The first scan of the
/// stack adds them.
#[tokio::test(start_paused = true)]
async fn first_scan_adds_far_jobs_to_the_due_list() {
    let stack = Stack::new().await;
    let client = stack.tenant();
    let body = json!({"kind": "echo", "payload": 1, "delay_seconds": 3600});
    let id = client.send(http::Method::POST, "/v1/jobs", Some(body)).await.id().to_owned();
    let entries = stack
        .aws
        .items()
        .into_iter()
        .filter(|item| item["pk"]["S"].as_str().unwrap().starts_with("DUE#"));
    let entries: Vec<_> = entries.collect();
    assert_eq!(entries.len(), 1);
    let key = |name: &str| AttributeValue::S(entries[0][name]["S"].as_str().unwrap().to_owned());
    let delete = stack.aws.dynamodb().delete_item().table_name(TABLE);
    delete.key("pk", key("pk")).key("sk", key("sk")).send().await.unwrap();
    tokio::time::sleep(16 * MINUTE).await;
    stack.run_for(50 * MINUTE).await;
    assert_on_time(&client, &[id]).await;
}
