//! `GET /v1/rate`: the exact throughput of all instances, at one write per invocation.

use std::time::Duration;

use http::Method;
use serde_json::json;
use sim::Stack;

use super::publish;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn rate_is_exact_across_all_instances() {
    let stack = Stack::new().await;
    let account = stack.tenant_account();
    // Three instances with 2 s of clock skew, over a minute boundary.
    tokio::time::sleep(Duration::from_secs(40)).await;
    let instances = [-1000, 0, 1000].map(|ahead| stack.tenant_with_clock_skew(ahead));
    let busy = async |instance: usize| {
        for n in 0..40 * 5u64 {
            let client = &instances[instance];
            assert_eq!(publish(client, account, json!(n)).await.status, 202);
            if n % 10 == 0 {
                let jobs = json!({"jobs": [
                    {"kind": "echo", "payload": 1}, {"kind": "echo", "payload": 2},
                ]});
                assert_eq!(
                    client.send(Method::POST, "/v1/jobs/batch", Some(jobs)).await.status,
                    202
                );
                assert_eq!(client.submit("echo", json!(1)).await.status, 202);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let looking = async {
        tokio::time::sleep(17 * SECOND).await;
        for _ in 0..20 {
            let answer = stack.tenant().get("/v1/rate").await;
            let told =
                json!({"events_per_second": 15.0, "jobs_per_second": 4.5, "window_seconds": 10});
            assert_eq!((answer.status, answer.body), (200, told));
            tokio::time::sleep(SECOND).await;
        }
    };
    tokio::join!(busy(0), busy(1), busy(2), looking);
    tokio::time::sleep(30 * SECOND).await;
    let answer = stack.tenant().get("/v1/rate").await;
    assert_eq!(answer.body["events_per_second"], 0.0);
}

/// 1,000 events cost 2,000 write units: one for the event, and one for the rate.
#[tokio::test(start_paused = true)]
async fn rate_costs_one_write_per_request() {
    let stack = Stack::new().await;
    let (tenant, account) = (stack.tenant(), stack.tenant_account());
    publish(&tenant, account, json!(0)).await;
    tokio::time::sleep(2 * SECOND).await;
    stack.aws.reset_ledger();
    for n in 0..1000 {
        publish(&tenant, account, json!({"n": n, "note": "x".repeat(100)})).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(5 * SECOND).await;
    let puts = stack.aws.reset_ledger().line("PutItem");
    assert!(puts.calls == 2000, "{puts:?}");
    assert!((puts.write_units - puts.calls as f64).abs() < 0.1, "{puts:?}");
}
