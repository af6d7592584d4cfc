//! Events over HTTP: concurrent publishers, and subscribers that resume from their cursor.

use std::collections::BTreeMap;

use live_stack::{JOB_TIMEOUT, Stack, stack};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Duration, Instant};

use crate::crash::without_kills;

/// Reads from a cursor until `enough` returns true. Returns the events and advances the cursor.
async fn read(stack: &Stack, cursor: &mut String, enough: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let (mut got, deadline) = (Vec::new(), Instant::now() + JOB_TIMEOUT);
    while !enough(&got) {
        assert!(Instant::now() < deadline, "{} events received", got.len());
        let path = format!("/v1/events?limit=50&after={cursor}");
        // Opens a new connection each time and keeps only the cursor, like a subscriber that was
        // killed.
        let answer = stack.send(Method::GET, &path, &[("prefer", "wait=5")], None).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        got.extend(answer.body["items"].as_array().unwrap().iter().cloned());
        *cursor = answer.body["next_cursor"].as_str().unwrap().to_owned();
    }
    got
}

async fn begin(stack: &Stack) -> String {
    let mut cursor = String::new();
    loop {
        let after = if cursor.is_empty() { String::new() } else { format!("&after={cursor}") };
        let page =
            stack.send(Method::GET, &format!("/v1/events?limit=100{after}"), &[], None).await.body;
        cursor = page["next_cursor"].as_str().unwrap().to_owned();
        if page["items"].as_array().unwrap().is_empty() {
            return cursor;
        }
    }
}

#[tokio::test]
async fn subscribers_get_each_event_once_and_in_order() {
    let _quiet = without_kills().await;
    let stack = stack();
    let run = format!("{:x}", rand::random::<u64>());
    let mine = |events: &[Value]| -> Vec<Value> {
        events.iter().filter(|event| event["data"]["run"] == *run).cloned().collect()
    };
    let start = begin(stack).await;
    let publishers = (0..5).map(async |writer| {
        for n in 0..20 {
            let path = format!("/v1/accounts/{}/events", stack.tenant_account);
            let body = json!({"data": {"run": run, "writer": writer, "n": n}});
            // Every fourth event is sent twice, as if its response was lost.
            let key = format!("{run}-{writer}-{n}");
            let headers = [("idempotency-key", key.as_str())];
            let headers = if n % 4 == 0 { &headers[..] } else { &[] };
            let answer = stack.send(Method::POST, &path, headers, Some(body.clone())).await;
            assert_eq!(answer.status, 202, "{answer:?}");
            if n % 4 == 0 {
                let again = stack.send(Method::POST, &path, headers, Some(body)).await;
                assert_eq!((again.status, &again.body), (202, &answer.body));
            }
        }
    });
    let mut cursor = start.clone();
    let all = |events: &[Value]| mine(events).len() >= 100;
    let (present, _) =
        tokio::join!(read(stack, &mut cursor, all), futures::future::join_all(publishers));
    let later = read(stack, &mut start.clone(), all).await;
    for got in [mine(&present), mine(&later)] {
        assert_eq!(got.len(), 100);
        let mut writers = BTreeMap::<u64, Vec<u64>>::new();
        for event in &got {
            let data = &event["data"];
            writers
                .entry(data["writer"].as_u64().unwrap())
                .or_default()
                .push(data["n"].as_u64().unwrap());
        }
        assert!(
            writers.values().all(|numbers| *numbers == (0..20).collect::<Vec<_>>()),
            "{writers:?}"
        );
    }

    let kind = format!("e2e-told-{run}");
    stack.define(&kind, json!({"schema": {}, "target": {"type": "event"}, "events": true})).await;
    let id = stack.submit(&kind, json!({"run": run})).await;
    stack.outcome(&id, JOB_TIMEOUT).await;
    let of_job = |events: &[Value]| -> Vec<Value> {
        events.iter().filter(|event| event["source"] == kind.as_str()).cloned().collect()
    };
    let told = of_job(&read(stack, &mut cursor, |events| of_job(events).len() >= 2).await);
    assert_eq!((&told[0]["type"], &told[0]["data"]["run"]), (&json!("data"), &json!(run)));
    assert_eq!(
        (&told[1]["type"], &told[1]["data"]["job_id"]),
        (&json!("job.completed"), &json!(id))
    );
    wait_for_rate(stack).await;
}

/// Keeps the functions running, because they flush their counters only then.
async fn wait_for_rate(stack: &Stack) {
    let path = format!("/v1/accounts/{}/events", stack.tenant_account);
    let deadline = Instant::now() + JOB_TIMEOUT;
    loop {
        let body = Some(json!({"data": "for the rate"}));
        assert_eq!(stack.send(Method::POST, &path, &[], body).await.status, 202);
        let rate = stack.send(Method::GET, "/v1/rate", &[], None).await;
        assert_eq!((rate.status, &rate.body["window_seconds"]), (200, &json!(10)), "{rate:?}");
        if rate.body["events_per_second"].as_f64().unwrap() > 0.0 {
            return;
        }
        assert!(Instant::now() < deadline, "{rate:?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
