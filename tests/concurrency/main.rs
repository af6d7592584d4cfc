//! Many clients long-poll while the AWS account is limited to ten concurrent executions, as a new
//! account is.
//!
//! The test sets the emulator's limit, so it needs the stack for itself. `make test-all` runs it;
//! to run it alone: `python3 -m infra.local up --port 0 --temporary -- cargo test --workspace
//! --features tests/e2e --test concurrency`.

use std::{
    collections::BTreeMap,
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};

use futures::{FutureExt, future::join_all};
use live_stack::{ApiResponse, Stack, stack};
use reqwest::Method;
use serde_json::{Value, json};

/// A new AWS account's concurrency limit.
const LIMIT: u64 = 10;
const WAITING_CLIENTS: usize = 50;
/// How long clients wait and others work.
const DURATION: Duration = Duration::from_secs(25);
/// Maximum time from a job's submission to its outcome while other clients wait.
const MAX_JOB_TIME: Duration = Duration::from_secs(8);
/// Pause after a response of the gateway itself.
const BACKOFF: Duration = Duration::from_secs(1);

const LIMIT_KEY: &str = "lambda_svc._ACCOUNT_CONCURRENCY_CAP";

/// Path of a function in the emulator's Lambda API.
fn path_of(stack: &Stack, api: &str, function: &str, what: &str) -> String {
    format!("/{api}/functions/{}/{what}", stack.function(function))
}

fn poll_concurrency_path(stack: &Stack) -> String {
    path_of(stack, "2017-10-31", "poll", "concurrency")
}

/// Sets the account's concurrency limit; returns the previous one.
async fn set_concurrency_limit(stack: &Stack, executions: u64) -> u64 {
    let body = json!({LIMIT_KEY: executions});
    let answer = stack.emulator(Method::POST, "/_ministack/config", Some(body)).await;
    answer["previous"][LIMIT_KEY].as_u64().unwrap_or_else(|| panic!("{answer}"))
}

/// Sets `POLL_CONCURRENCY` of `poll`; returns the previous value.
async fn set_poll_concurrency(stack: &Stack, value: &str) -> String {
    let poll = path_of(stack, "2015-03-31", "poll", "configuration");
    let mut environment = stack.emulator(Method::GET, &poll, None).await["Environment"].take();
    let before = environment["Variables"]["POLL_CONCURRENCY"].as_str().unwrap().to_owned();
    environment["Variables"]["POLL_CONCURRENCY"] = json!(value);
    stack.emulator(Method::PUT, &poll, Some(json!({"Environment": environment}))).await;
    before
}

/// Sends a request, with retries while the gateway has no execution free. Returns the number of
/// refusals, too.
async fn send_with_retry(
    stack: &Stack,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> (ApiResponse, u32) {
    let begun = Instant::now();
    for refused in 0.. {
        let answer = stack.send(method.clone(), path, &[], body.clone()).await;
        if answer.status != 503 {
            return (answer, refused);
        }
        assert!(begun.elapsed() < MAX_JOB_TIME, "no execution for {path} in {MAX_JOB_TIME:?}");
        tokio::time::sleep(BACKOFF / 4).await;
    }
    unreachable!()
}

/// Long-polls a job repeatedly and honours `Retry-After`. Counts the responses by kind.
async fn long_poll(stack: &Stack, path: &str, until: Instant) -> BTreeMap<&'static str, u32> {
    let mut seen = BTreeMap::new();
    while Instant::now() < until {
        let answer = stack.send(Method::GET, path, &[("prefer", "wait=20")], None).await;
        let header = |name| answer.headers.get(name).and_then(|value| value.to_str().ok());
        let (kind, pause) = match answer.status {
            503 => {
                // The gateway's own response, not a problem of Tollgate's.
                assert_eq!(answer.body, json!({"message": "Service Unavailable"}));
                ("refused by the gateway", BACKOFF)
            }
            200 if header("preference-applied").is_some() => ("held", Duration::ZERO),
            200 => {
                let seconds: u64 = header("retry-after").unwrap().parse().unwrap();
                assert!(seconds >= 2, "{answer:?}");
                ("immediate", Duration::from_secs(seconds.min(3)))
            }
            _ => panic!("{answer:?}"),
        };
        *seen.entry(kind).or_default() += 1;
        tokio::time::sleep(pause.mul_f64(rand::random_range(1.0..1.5))).await;
    }
    seen
}

/// Submits jobs one after another, and reads each until it is completed. Returns the numbers of
/// jobs and refusals.
async fn work(stack: &Stack, until: Instant) -> (u32, u32) {
    let (mut jobs, mut refusals) = (0, 0);
    while Instant::now() < until {
        let begun = Instant::now();
        let body = json!({"kind": "echo", "payload": jobs});
        let (accepted, refused) =
            send_with_retry(stack, Method::POST, "/v1/jobs", Some(body)).await;
        assert_eq!(accepted.status, 202, "{accepted:?}");
        refusals += refused;
        let path = format!("/v1/jobs/{}", accepted.id());
        loop {
            let (job, refused) = send_with_retry(stack, Method::GET, &path, None).await;
            refusals += refused;
            if job.body["status"] == "completed" {
                break;
            }
            assert!(begun.elapsed() < MAX_JOB_TIME, "not done in time: {job:?}");
            tokio::time::sleep(BACKOFF / 4).await;
        }
        jobs += 1;
    }
    (jobs, refusals)
}

/// Runs the minute tick as EventBridge does, which retries if no execution is free. Returns the
/// number of runs.
async fn run_ticks(stack: &Stack, until: Instant) -> u32 {
    let invocations = path_of(stack, "2015-03-31", "quota-check", "invocations");
    let mut runs = 0;
    while Instant::now() < until {
        let begun = Instant::now();
        // An event without a time is current.
        let event = json!({});
        while let Err(error) =
            stack.try_emulator(Method::POST, &invocations, Some(event.clone())).await
        {
            assert_eq!(error.status().map(|status| status.as_u16()), Some(429), "{error}");
            assert!(
                begun.elapsed() < MAX_JOB_TIME,
                "no execution for the check in {MAX_JOB_TIME:?}"
            );
            tokio::time::sleep(BACKOFF).await;
        }
        runs += 1;
        tokio::time::sleep(BACKOFF * 5).await;
    }
    runs
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_waiting_clients_leave_executions_to_others() {
    let stack = stack();
    let before = set_poll_concurrency(stack, "0").await;
    stack.emulator(Method::DELETE, &poll_concurrency_path(stack), None).await;
    let delayed = json!({"kind": "echo", "payload": 1, "delay_seconds": 600});
    let id = stack.send(Method::POST, "/v1/jobs", &[], Some(delayed)).await.id();
    let path = format!("/v1/jobs/{id}");
    let limit_before = set_concurrency_limit(stack, LIMIT).await;

    let until = Instant::now() + DURATION;
    let waiting = join_all((0..WAITING_CLIENTS).map(|_| long_poll(stack, &path, until)));
    let ran = async { tokio::join!(waiting, work(stack, until), run_ticks(stack, until)) };
    // Restore the stack even after a panic: later tests need it as it was.
    let ran = AssertUnwindSafe(ran).catch_unwind().await;
    set_concurrency_limit(stack, limit_before).await;
    set_poll_concurrency(stack, &before).await;
    if before != "0" {
        let reserved: u64 = before.parse().unwrap();
        let body = json!({"ReservedConcurrentExecutions": reserved});
        stack.emulator(Method::PUT, &poll_concurrency_path(stack), Some(body)).await;
    }
    stack.send(Method::DELETE, &path, &[], None).await;
    let (waited, (jobs, refusals), checks) = ran.unwrap();

    let mut seen = BTreeMap::<_, u32>::new();
    for (kind, times) in waited.into_iter().flatten() {
        *seen.entry(kind).or_default() += times;
    }
    println!("waited: {seen:?}; {jobs} jobs, refused {refusals} times; {checks} checks");
    // This account gets three of the five slots, each for at most twenty seconds, and some are
    // free in between.
    assert!(seen.contains_key("held") && seen.contains_key("immediate"), "{seen:?}");
    assert!(jobs >= 5 && checks >= 2, "{jobs} jobs, {checks} checks");
}
