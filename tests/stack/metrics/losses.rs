//! Metrics after lost responses and killed processes.

use sim::{
    COUNTER_UPDATE, EventSource, Fault, JOBS, KillSwitch, Killed, Plan, Worker, run_until_killed,
};

use super::*;

const COMPLETED: &str = r#"tollgate_jobs_total{kind="echo",outcome="completed"}"#;
const ACCEPTED: &str = r#"tollgate_jobs_accepted_total{kind="echo"}"#;

async fn batch(stack: &Stack, worker: &Worker) {
    EventSource::new(&stack.aws, JOBS, 10)
        .deliver_once(async |event| {
            Ok::<_, String>(worker.handle(event, "run", stack.deadline()).await)
        })
        .await;
}

async fn submit_ten(tenant: &Client) {
    for n in 0..10 {
        assert_eq!(tenant.submit("echo", json!(n)).await.status, 202);
    }
}

/// A batch is counted before its invocation ends, because the worker may be frozen afterwards.
#[tokio::test(start_paused = true)]
async fn scrape_after_a_burst_includes_all_of_it() {
    let stack = Stack::new().await;
    let (tenant, worker, scraper) = (stack.tenant(), stack.worker(), scraper(&stack).await);
    for nth in 1..=5u32 {
        submit_ten(&tenant).await;
        batch(&stack, &worker).await;
        assert_eq!(samples(&scraper.get("/metrics").await)[COMPLETED], 10.0 * f64::from(nth));
    }
}

/// A counter write with a lost response is retried by the SDK, and later by the worker. It counts
/// once.
#[tokio::test(start_paused = true)]
async fn lost_response_counts_once() {
    let stack = Stack::new().await;
    let (service, worker) = (stack.service(), stack.worker());
    let tenant = stack.client_with_service(&service, &stack.tenant_key());
    submit_ten(&tenant).await;
    stack.aws.inject(Plan::always(COUNTER_UPDATE, Fault::After));
    batch(&stack, &worker).await;
    assert!(stack.aws.heal() > 0);
    submit_ten(&tenant).await;
    stack.aws.inject(Plan::always(COUNTER_UPDATE, Fault::Twice));
    batch(&stack, &worker).await;
    tokio::time::sleep(30 * SECOND).await;
    assert!(stack.aws.heal() > 0);
    let page = scrape(&stack).await;
    assert_eq!((page[COMPLETED], page[ACCEPTED]), (20.0, 20.0));
    assert_eq!(
        page[r#"tollgate_requests_total{method="POST",route="/v1/jobs",status="202"}"#],
        20.0
    );
}

/// Counts that could not be written for a while are kept as long as the process lives.
#[tokio::test(start_paused = true)]
async fn counts_of_an_outage_are_written_later() {
    let stack = Stack::new().await;
    let (service, worker) = (stack.service(), stack.worker());
    let tenant = stack.client_with_service(&service, &stack.tenant_key());
    for _ in 0..3 {
        stack.aws.heal();
        submit_ten(&tenant).await;
        stack.aws.inject(Plan::always(COUNTER_UPDATE, Fault::Before));
        batch(&stack, &worker).await;
        tokio::time::sleep(20 * SECOND).await;
    }
    stack.aws.heal();
    submit_ten(&tenant).await;
    batch(&stack, &worker).await;
    tokio::time::sleep(20 * SECOND).await;
    let page = scrape(&stack).await;
    assert_eq!((page[COMPLETED], page[ACCEPTED]), (40.0, 40.0));
}

/// Wherever a worker is killed, at most its batch is missing, and nothing counts twice.
#[tokio::test(start_paused = true)]
async fn kill_loses_at_most_one_batch() {
    for calls in 0..26 {
        let stack = Stack::new().await;
        submit_ten(&stack.tenant()).await;
        let worker = stack.worker();
        let switch = KillSwitch::after(calls);
        EventSource::new(&stack.aws, JOBS, 10)
            .deliver_once(async |event| {
                run_until_killed(worker.handle(event, "dies", stack.deadline()), &switch)
                    .await
                    .ok_or(Killed)
            })
            .await;
        assert!(stack.run_worker(60 * MINUTE).await.emptied);
        let page = scrape(&stack).await;
        assert!(page[COMPLETED] <= 10.0, "{calls}: {}", page[COMPLETED]);
        if calls == 0 {
            assert_eq!(page[COMPLETED], 10.0);
        }
    }
}
