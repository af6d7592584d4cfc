//! Cancelling and retrying jobs.

mod retries;

use std::time::Duration;

use http::Method;
use serde_json::json;
use sim::{
    ApiResponse, Client, EventSource, Fault, JOBS, KillSwitch, Killed, Plan, Stack,
    run_until_killed,
};

use crate::target::{Target, empty_response};

const HOUR: Duration = Duration::from_secs(3600);
const REAL_TIMEOUT: Duration = Duration::from_secs(30);

async fn cancel(client: &Client, id: &str) -> ApiResponse {
    client.send(Method::DELETE, &format!("/v1/jobs/{id}"), None).await
}

async fn retry(client: &Client, id: &str) -> ApiResponse {
    client.send(Method::POST, &format!("/v1/jobs/{id}/retry"), None).await
}

async fn failed_job(stack: &Stack, discipline: &str) -> String {
    let spec = json!({
        "schema": {}, "target": {"type": "echo"}, "discipline": discipline,
        "retry": {"max_attempts": 1}, "retention_seconds": 2_592_000,
    });
    stack.define("fragile", spec).await;
    // A result over the size limit fails the job without an HTTP target.
    let id = stack.tenant().submit("fragile", json!("x".repeat(70_000))).await.id().to_owned();
    assert!(stack.run_worker(HOUR).await.emptied);
    assert_eq!(stack.tenant().job(&id).await.body["status"], "failed");
    id
}

#[tokio::test(start_paused = true)]
async fn queued_job_is_cancelled_immediately_and_never_runs() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    let id = tenant.submit("echo", json!(1)).await.id().to_owned();
    let answer = cancel(&tenant, &id).await;
    assert_eq!((answer.status, &answer.body["status"]), (200, &json!("cancelled")));
    assert!(answer.body["finished_at"].is_string() && answer.body["error"].is_null());
    assert!(stack.run_worker(HOUR).await.emptied);
    let job = tenant.job(&id).await.body;
    assert_eq!((&job["status"], &job["attempts"]), (&json!("cancelled"), &json!(0)));
    let again = cancel(&tenant, &id).await;
    assert_eq!((again.status, again.problem_type()), (409, "job-finished"));
}

#[tokio::test(start_paused = true)]
async fn refused_cancel_and_retry_state_the_reason() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    let id = tenant.submit("echo", json!(1)).await.id().to_owned();
    let early = retry(&tenant, &id).await;
    assert_eq!((early.status, early.problem_type()), (409, "not-retryable"));
    stack.run_worker(HOUR).await;
    assert_eq!(
        (cancel(&tenant, &id).await.problem_type(), retry(&tenant, &id).await.problem_type()),
        ("job-finished", "not-retryable")
    );
    let unknown = "job_01kagzwy00e81840g2081040g2";
    assert_eq!(
        (cancel(&tenant, unknown).await.status, retry(&tenant, unknown).await.status),
        (404, 404)
    );
    assert_eq!((cancel(&tenant, "x").await.status, retry(&tenant, "x").await.status), (400, 400));
    let key = stack.create_account_key(&[model::account::Scope::JobsWrite]).await;
    assert_eq!(
        (
            cancel(&stack.client(&key), &id).await.status,
            retry(&stack.client(&key), &id).await.status
        ),
        (404, 404)
    );
    let reader = stack.client(&stack.create_account_key(&[model::account::Scope::JobsRead]).await);
    assert_eq!((cancel(&reader, &id).await.status, retry(&reader, &id).await.status), (403, 403));
}

/// The target does not answer in time. The worker aborts the request as soon as it sees that the
/// job is cancelled.
#[tokio::test]
async fn running_job_stops_when_its_worker_sees_the_cancellation() {
    let stack = Stack::new().await;
    let target = Target::hanging().await;
    let spec =
        json!({"schema": {}, "target": {"type": "http", "url": target.url}, "timeout_seconds": 10});
    stack.define("slow", spec).await;
    let tenant = stack.tenant();
    let id = tenant.submit("slow", json!(1)).await.id().to_owned();
    let control = async {
        target.wait_for_request().await;
        let answer = cancel(&tenant, &id).await;
        assert_eq!((answer.status, &answer.body["cancel_requested"]), (202, &json!(true)));
        assert_eq!(cancel(&tenant, &id).await.status, 202);
    };
    let (run, ()) = tokio::join!(stack.run_worker(REAL_TIMEOUT), control);
    assert!(run.emptied);
    let job = tenant.job(&id).await.body;
    assert_eq!((&job["status"], &job["error"]["code"]), (&json!("cancelled"), &json!("cancelled")));
    let attempts = tenant.get(&format!("/v1/jobs/{id}/attempts")).await.body;
    assert_eq!(attempts["items"][0]["outcome"], "cancelled");
}

/// Job cancelled during an attempt that fails: there is no further attempt.
#[tokio::test]
async fn cancelled_job_is_not_attempted_again() {
    let stack = Stack::new().await;
    let target = Target::hanging().await;
    let spec =
        json!({"schema": {}, "target": {"type": "http", "url": target.url}, "timeout_seconds": 2});
    stack.define("slow", spec).await;
    let tenant = stack.tenant();
    let id = tenant.submit("slow", json!(1)).await.id().to_owned();
    let control = async {
        target.wait_for_request().await;
        assert_eq!(cancel(&tenant, &id).await.status, 202);
    };
    let (run, ()) = tokio::join!(stack.run_worker(REAL_TIMEOUT), control);
    assert!(run.emptied);
    let job = tenant.job(&id).await.body;
    assert_eq!((&job["status"], &job["attempts"]), (&json!("cancelled"), &json!(1)));
}

/// The worker dies holding the job. The next claim sees that the job is cancelled.
#[tokio::test(start_paused = true)]
async fn cancellation_survives_a_dead_worker() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    let id = tenant.submit("echo", json!(1)).await.id().to_owned();
    let worker = stack.worker();
    let switch = KillSwitch::after(3);
    EventSource::new(&stack.aws, JOBS, 10)
        .deliver_once(async |event| {
            run_until_killed(worker.handle(event, "dies", stack.deadline()), &switch)
                .await
                .ok_or(Killed)
        })
        .await;
    assert_eq!(cancel(&tenant, &id).await.status, 202);
    assert!(stack.run_worker(HOUR).await.emptied);
    assert_eq!(tenant.job(&id).await.body["status"], "cancelled");
}

/// A command with a lost response is repeated by the SDK, and the first call takes effect after the
/// job has ended again. It must not change the job.
#[tokio::test(start_paused = true)]
async fn late_duplicate_of_a_command_changes_nothing() {
    let late = |nth| Plan::only("UpdateItem", nth, Fault::Late(Duration::from_secs(5)));
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    let id = failed_job(&stack, "standard").await;
    // The first update extends the TTL of the payload, which is stored in a separate item.
    stack.aws.inject(late(2));
    assert_eq!(retry(&tenant, &id).await.status, 202);
    assert!(stack.run_worker(HOUR).await.emptied);
    let ended = tenant.job(&id).await.body;
    assert_eq!(ended["status"], "failed");
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(tenant.job(&id).await.body, ended, "the job was retried twice");

    let id = tenant.submit("echo", json!(1)).await.id().to_owned();
    stack.aws.inject(late(1));
    assert_eq!(cancel(&tenant, &id).await.status, 200);
    assert_eq!(retry(&tenant, &id).await.status, 202);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(stack.aws.heal(), 1);
    assert_eq!(tenant.job(&id).await.body["status"], "queued", "the job was cancelled twice");
}

/// Each call of both commands fails or loses its response. A repeat completes the command.
#[tokio::test(start_paused = true)]
async fn commands_survive_every_fault() {
    for discipline in ["standard", "lifo"] {
        for (operation, fault) in [
            ("UpdateItem", Fault::After),
            ("UpdateItem", Fault::Before),
            ("UpdateItem", Fault::Twice),
            ("SendMessage", Fault::After),
            ("SendMessage", Fault::Twice),
        ] {
            let stack = Stack::new().await;
            let tenant = stack.tenant();
            let id = failed_job(&stack, discipline).await;
            stack.aws.inject(Plan::new(move |name, n| {
                if name == operation && n == 1 { fault } else { Fault::None }
            }));
            assert_eq!(retry(&tenant, &id).await.status, 202, "{operation} {fault:?}");
            assert_eq!(stack.aws.heal(), 1);
            stack.aws.inject(Plan::only("UpdateItem", 1, fault));
            let answer = cancel(&tenant, &id).await;
            assert_eq!(
                (answer.status, &answer.body["status"]),
                (200, &json!("cancelled")),
                "{operation} {fault:?}"
            );
            stack.aws.heal();
            assert!(stack.run_worker(HOUR).await.emptied);
            assert_eq!(tenant.job(&id).await.body["status"], "cancelled");
        }
    }
}

#[tokio::test]
async fn completion_wins_over_a_later_cancel() {
    let stack = Stack::new().await;
    let target = Target::start(|_| empty_response(200)).await;
    stack
        .define("quick", json!({"schema": {}, "target": {"type": "http", "url": target.url}}))
        .await;
    let tenant = stack.tenant();
    let id = tenant.submit("quick", json!(1)).await.id().to_owned();
    stack.run_worker(REAL_TIMEOUT).await;
    assert_eq!(cancel(&tenant, &id).await.status, 409);
    assert_eq!(tenant.job(&id).await.body["status"], "completed");
}
