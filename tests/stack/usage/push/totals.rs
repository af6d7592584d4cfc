//! Totals of many reports.

use model::account::Scope;

use super::{SHOP, event, report};
use crate::usage::*;

/// Concurrent reports in separate processes, some of them duplicates: each counts once.
#[tokio::test(start_paused = true)]
async fn concurrent_reports_count_once_each() {
    let stack = Stack::new().await;
    let reports: Vec<_> = (0..60)
        .map(|n| (stack.tenant(), event(&(n % 40).to_string(), 1 + n % 40, json!({}))))
        .collect();
    let answers = futures::future::join_all(reports.iter().map(async |(client, event)| {
        loop {
            let answer = report(client, event).await;
            if answer.status == 202 {
                return answer.body["items"][0]["duplicate"] == true;
            }
            assert_eq!(answer.status, 503, "{answer:?}");
        }
    }));
    let answers = answers.await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(answers.into_iter().filter(|duplicate| *duplicate).count(), 20);
    let found = points(&stack.tenant(), &format!("{SHOP}&lookback_duration=1m")).await;
    assert_eq!(found.iter().filter_map(|(_, bytes)| *bytes).sum::<u64>(), (1..=40).sum::<u64>());
}

/// The number of series of an account is limited. Existing series continue, and other accounts have
/// their own limit.
#[tokio::test(start_paused = true)]
async fn series_of_an_account_are_limited() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    let of_route =
        |n: usize, id: &str| event(&format!("{id}{n}"), 1, json!({"route": format!("{n}")}));
    for batch in 0..49 {
        let events: Vec<_> = (batch * 100..batch * 100 + 100).map(|n| of_route(n, "a")).collect();
        let items = report(&tenant, &json!(events)).await.body["items"].clone();
        assert!(items.as_array().unwrap().iter().all(|item| item["status"] == 202), "{items}");
    }
    // The last hundred allowed series, of which ten are reported twice, and fifty more.
    let rest: Vec<_> = (4900..5050)
        .chain(4900..4910)
        .map(|n| of_route(n, if n < 4910 { "b" } else { "a" }))
        .collect();
    let mut statuses = Vec::new();
    for some in rest.chunks(80) {
        let items = report(&tenant, &json!(some)).await.body["items"].clone();
        statuses
            .extend(items.as_array().unwrap().iter().map(|item| item["status"].as_u64().unwrap()));
    }
    let counted = statuses.iter().filter(|status| **status == 202).count();
    assert_eq!(
        (counted, statuses.iter().filter(|status| **status == 409).count()),
        (110, 50),
        "{statuses:?}"
    );
    let refused = report(&tenant, &of_route(9999, "c")).await;
    insta::assert_json_snapshot!("too_many_series", refused.body, {".request_id" => "[id]"});
    assert_eq!(report(&tenant, &of_route(7, "c")).await.status, 202, "an existing series");
    let stranger = stack.client(&stack.create_account_key(&[Scope::UsageWrite]).await);
    assert_eq!(report(&stranger, &of_route(9999, "c")).await.status, 202);
}

/// A series whose total exceeds `u64` shows the maximum, and quotas continue to work.
#[tokio::test(start_paused = true)]
async fn overflowing_totals_saturate() {
    let stack = Stack::new().await;
    let quota = json!({
        "limit_bytes": 1000, "type": "ingress", "period": "day", "recipients": ["a@example.com"],
    });
    let put = stack.operator().send(Method::PUT, "/v1/quotas/other", Some(quota)).await;
    assert_eq!(put.status, 201, "{put:?}");
    const MAX_BYTES: u64 = (1 << 53) - 1;
    for batch in 0..22 {
        let events: Vec<_> =
            (0..100).map(|n| event(&format!("{batch} {n}"), MAX_BYTES, json!({}))).collect();
        assert_eq!(report(&stack.tenant(), &json!(events)).await.status, 202);
    }
    report(&stack.tenant(), &event("in", 7, json!({"type": "ingress"}))).await;
    tokio::time::sleep(MINUTE).await;
    stack.check().await.unwrap();
    let found = points(&stack.tenant(), &format!("{SHOP}&lookback_duration=1h&step=1h")).await;
    assert_eq!(found.last().unwrap().1, Some(u64::MAX));
    assert_eq!(stack.operator().get("/v1/quotas/other").await.body["used"], 7);
}
