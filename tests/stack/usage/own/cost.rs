//! What it costs to count: next to nothing for who is busy, and no request waits for it.

use sim::Ledger;

use super::*;

/// A thousand requests of three accounts in a minute, through one process.
#[tokio::test(start_paused = true)]
async fn a_thousand_requests_are_three_puts() {
    let stack = metered().await;
    let service = stack.service();
    let mut clients = Vec::new();
    for _ in 0..3 {
        let key = stack.another_key(&[Scope::JobsRead, Scope::UsageRead]).await;
        clients.push(stack.client_of(&service, &key));
    }
    // So that what made the stack is written.
    tokio::time::sleep(SECOND).await;
    stack.aws.reset_ledger();
    let mut got = 0;
    for n in 0..1000 {
        got += clients[n % 3].get("/v1/jobs").await.length;
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    let puts = stack.aws.reset_ledger().line("PutItem");
    assert_eq!((puts.calls, puts.write_units), (3, 3.0));
    collect(&stack).await;
    let charted = charted(&stack.operator(), "").await;
    assert_eq!(charted["egress GET /v1/jobs"], u64::try_from(got).unwrap());
}

/// The calls of some jobs, with everything else that their minute brings, and without the check.
async fn jobs(meter_requests: bool) -> Ledger {
    let stack = Stack::with(Options { meter_requests, ..Options::default() }).await;
    let tenant = stack.tenant();
    tokio::time::sleep(SECOND).await;
    stack.aws.reset_ledger();
    for n in 0..100 {
        let accepted = tenant.submit("echo", json!(n)).await;
        tenant.job(accepted.id()).await;
        tokio::time::sleep(Duration::from_millis(600)).await;
    }
    stack.aws.reset_ledger()
}

#[tokio::test(start_paused = true)]
async fn a_request_costs_what_it_cost() {
    let (without, with) = (jobs(false).await, jobs(true).await);
    for operation in ["GetItem", "BatchGetItem", "Query", "UpdateItem", "SendMessage", "TransactWriteItems"] {
        assert_eq!(with.line(operation), without.line(operation), "{operation}");
    }
    let (with, without) = (with.line("PutItem"), without.line("PutItem"));
    // Two processes, that of commands and that of queries.
    assert_eq!((with.calls - without.calls, with.write_units - without.write_units), (6, 6.0));
}

/// A request is answered before its bytes are written, however long that takes.
#[tokio::test(start_paused = true)]
async fn no_request_waits_for_it() {
    let stack = metered().await;
    let tenant = stack.tenant();
    tenant.get("/v1/jobs").await;
    stack.aws.inject(sim::Plan::always("PutItem", sim::Fault::Delay(SECOND)));
    for _ in 0..100 {
        let begun = stack.now();
        tenant.get("/v1/jobs").await;
        assert_eq!(stack.now(), begun);
        tokio::time::sleep(SECOND / 2).await;
    }
    assert!(stack.aws.heal() >= 2);
}

/// What a job a minute of an account costs more, by the minute: readings of two processes, and a unit for each of its series.
#[tokio::test(start_paused = true)]
async fn of_a_job_a_minute() {
    let stack = metered().await;
    let tenant = stack.tenant();
    let minute = async || {
        let accepted = tenant.submit("echo", json!(1)).await;
        tenant.job(accepted.id()).await;
        collect(&stack).await;
    };
    for _ in 0..5 {
        minute().await;
    }
    stack.aws.reset_ledger();
    minute().await;
    insta::assert_snapshot!("job_a_minute", stack.aws.reset_ledger());
    tokio::time::sleep(MINUTE).await;
    for _ in 0..10 {
        collect(&stack).await;
    }
    stack.aws.reset_ledger();
    collect(&stack).await;
    insta::assert_snapshot!("minute_without_requests", stack.aws.reset_ledger());
}
