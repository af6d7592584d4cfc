//! Long polls occupy Lambda executions, so their number is bounded by slots.

use std::time::Duration;

use futures::future::join_all;
use http::Method;
use model::account::Scope;
use serde_json::json;
use sim::{ApiResponse, Client, Fault, Options, Plan, Stack};

const SECOND: Duration = Duration::from_secs(1);

/// A response, and how long it took in seconds.
type TimedResponse = (ApiResponse, u64);

/// Sends a request and measures how long the response takes.
async fn timed_get(stack: &Stack, client: &Client, path: &str) -> TimedResponse {
    let begun = stack.now();
    let answer = client.get(path).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    (answer, stack.now().since(begun).as_secs())
}

/// Sends `Prefer: wait=20` from `clients` processes at once.
async fn wait_concurrently(
    stack: &Stack,
    key: &str,
    path: &str,
    clients: usize,
) -> Vec<TimedResponse> {
    let clients: Vec<_> =
        (0..clients).map(|_| stack.client(key).with("prefer", "wait=20")).collect();
    join_all(clients.iter().map(|client| timed_get(stack, client, path))).await
}

async fn with_slots(wait_slots: u32) -> Stack {
    Stack::with(Options { wait_slots, ..Options::default() }).await
}

/// Submits a job that is due in an hour, and returns its path.
async fn unfinished_job(client: &Client) -> String {
    let body = json!({"kind": "echo", "payload": 1, "delay_seconds": 3600});
    let accepted = client.send(Method::POST, "/v1/jobs", Some(body)).await;
    format!("/v1/jobs/{}", accepted.id())
}

#[tokio::test(start_paused = true)]
async fn account_is_limited_to_its_share_of_slots() {
    let stack = with_slots(10).await;
    for path in [unfinished_job(&stack.tenant()).await, "/v1/events".to_owned()] {
        let answers = wait_concurrently(&stack, &stack.tenant_key(), &path, 50).await;
        let (waited, refused): (Vec<_>, Vec<_>) =
            answers.iter().partition(|(_, seconds)| *seconds >= 1);
        assert!((1..=5).contains(&waited.len()), "{} of 50 are held for {path}", waited.len());
        for (answer, seconds) in waited {
            assert_eq!(answer.header("preference-applied"), format!("wait={seconds}"));
        }
        for (answer, _) in refused {
            assert_eq!(answer.header("preference-applied"), "", "{path}");
            let seconds: u64 = answer.header("retry-after").parse().unwrap();
            assert!(seconds >= 2, "{path}: {seconds}");
        }
        tokio::time::sleep(SECOND * 10).await;
    }
}

#[tokio::test(start_paused = true)]
async fn full_account_leaves_slots_to_others() {
    let stack = with_slots(40).await;
    let other = stack.create_account_key(&[Scope::EventsRead]).await;
    let later = async {
        tokio::time::sleep(SECOND).await;
        wait_concurrently(&stack, &other, "/v1/events", 20).await
    };
    let key = stack.tenant_key();
    let (of_one, of_other) =
        tokio::join!(wait_concurrently(&stack, &key, "/v1/events", 100), later);
    let waited = |held: &[TimedResponse]| held.iter().filter(|(_, seconds)| *seconds >= 1).count();
    assert!((15..=20).contains(&waited(&of_one)), "{}", waited(&of_one));
    assert!(waited(&of_other) >= 1);
}

#[tokio::test(start_paused = true)]
async fn all_accounts_together_use_all_slots() {
    let stack = with_slots(40).await;
    let mut keys = Vec::new();
    for _ in 0..8 {
        keys.push(stack.create_account_key(&[Scope::EventsRead]).await);
    }
    let of_all =
        join_all(keys.iter().map(|key| wait_concurrently(&stack, key, "/v1/events", 20))).await;
    let waited = of_all.iter().flatten().filter(|(_, seconds)| *seconds >= 1).count();
    assert!((30..=40).contains(&waited), "{waited}");
}

/// The bound holds within a process and across processes. A process that found no slot responds
/// without delay and without a write.
#[tokio::test(start_paused = true)]
async fn process_without_a_slot_responds_immediately() {
    let stack = with_slots(1).await;
    let path = unfinished_job(&stack.tenant()).await;
    let (first, second) = (stack.tenant(), stack.tenant().with("prefer", "wait=20"));
    let waiting = first.with("prefer", "wait=20");
    let rest = async {
        tokio::time::sleep(SECOND).await;
        timed_get(&stack, &second, &path).await;
        stack.aws.reset_ledger();
        let (begun, answer) = (stack.now(), second.get(&path).await);
        (answer, stack.now().since(begun), stack.aws.reset_ledger())
    };
    let ((held, seconds), (answer, took, ledger)) =
        tokio::join!(timed_get(&stack, &waiting, &path), rest);
    assert_eq!((held.header("preference-applied"), seconds), ("wait=20", 20));
    assert_eq!((answer.header("preference-applied"), took), ("", Duration::ZERO));
    assert_eq!(ledger.count("PutItem"), 0, "{ledger}");
}

#[tokio::test(start_paused = true)]
async fn slot_is_released_after_the_response() {
    let stack = with_slots(1).await;
    let waiting = stack.tenant().with("prefer", "wait=20");
    for _ in 0..2 {
        let job = stack.tenant().submit("echo", json!(1)).await;
        let path = format!("/v1/jobs/{}", job.id());
        let ((answer, seconds), _) = tokio::join!(timed_get(&stack, &waiting, &path), async {
            tokio::time::sleep(SECOND * 3).await;
            stack.run_worker(SECOND * 60).await
        });
        assert_eq!(
            (&answer.body["status"], answer.header("preference-applied")),
            (&json!("completed"), "wait=20")
        );
        assert!((3..=5).contains(&seconds), "{seconds}");
    }
}

/// A killed process cannot release its slot, which becomes free when the lease ends.
#[tokio::test(start_paused = true)]
async fn slot_of_a_killed_process_is_free_after_its_lease() {
    let stack = with_slots(1).await;
    let path = unfinished_job(&stack.tenant()).await;
    let killed = stack.tenant().with("prefer", "wait=20");
    tokio::time::timeout(SECOND, killed.get(&path)).await.unwrap_err();
    let next = async |wait| timed_get(&stack, &stack.tenant().with("prefer", wait), &path).await.1;
    assert_eq!(next("wait=4").await, 0);
    tokio::time::sleep(SECOND * 22).await;
    assert_eq!(next("wait=4").await, 4);
}

/// If writes are throttled, the request succeeds without waiting.
#[tokio::test(start_paused = true)]
async fn throttled_writes_only_skip_the_wait() {
    let stack = Stack::new().await;
    let path = unfinished_job(&stack.tenant()).await;
    stack.aws.inject(Plan::always("PutItem", Fault::Throttle));
    let (answer, seconds) =
        timed_get(&stack, &stack.tenant().with("prefer", "wait=20"), &path).await;
    assert_eq!((answer.header("preference-applied"), seconds < 10), ("", true), "{seconds}");
}

/// A wait that ends before a slot is taken costs no write; any other costs two.
#[tokio::test(start_paused = true)]
async fn wait_costs_at_most_two_writes() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    let job = tenant.submit("echo", json!(1)).await;
    let waiting = tenant.with("prefer", "wait=20");
    let path = format!("/v1/jobs/{}", job.id());
    let worker = async {
        tokio::time::sleep(SECOND / 4).await;
        stack.run_worker(SECOND * 60).await;
        stack.aws.reset_ledger();
    };
    let (answer, ()) = tokio::join!(waiting.get(&path), worker);
    assert_eq!(answer.body["status"], "completed");
    let short = stack.aws.reset_ledger();
    assert_eq!((short.count("PutItem"), short.count("DeleteItem")), (0, 0), "{short}");

    let path = unfinished_job(&tenant).await;
    // Lets the functions write their counters.
    tokio::time::sleep(SECOND * 10).await;
    stack.aws.reset_ledger();
    waiting.get(&path).await;
    let long = stack.aws.reset_ledger();
    let writes = long.line("PutItem").write_units + long.line("DeleteItem").write_units;
    assert!((writes - 2.0).abs() < f64::EPSILON, "{long}");
}
