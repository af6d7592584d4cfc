//! Charts: series, windows and the compatibility route.

use std::collections::BTreeSet;

use super::*;

async fn report(stack: &Stack, service: &str, route: &str, direction: &str, bytes: u64) {
    let id = format!("{service} {route} {direction} {}", stack.now());
    let data = json!({"service": service, "route": route, "type": direction, "bytes": bytes});
    let event = json!({
        "specversion": "1.0", "type": "tollgate.bandwidth", "source": "x", "id": id, "data": data,
    });
    assert_eq!(stack.tenant().send(Method::POST, "/v1/usage", Some(event)).await.status, 202);
}

async fn stack_with_usage() -> Stack {
    let stack = Stack::new().await;
    tokio::time::sleep(Duration::from_secs(90)).await;
    report(&stack, "shop", "/cart", "egress", 1).await;
    report(&stack, "shop", "/cart#2", "egress", 10).await;
    report(&stack, "shop", "/cart", "ingress", 100).await;
    report(&stack, "über", "", "egress", 1000).await;
    stack
}

#[tokio::test(start_paused = true)]
async fn filters_select_series() {
    let stack = stack_with_usage().await;
    for (query, bytes) in [
        ("", 1111),
        ("type=egress", 1011),
        ("service=shop", 111),
        ("route=/cart", 101),
        ("service=shop&route=/cart", 101),
        ("type=egress&service=shop", 11),
        ("type=egress&service=shop&route=/cart", 1),
        ("type=egress&service=shop&route=/cart%232", 10),
        ("service=%C3%BCber", 1000),
        ("route=", 1000),
        ("service=sho", 0),
    ] {
        for client in [stack.tenant(), stack.operator()] {
            let found = points(&client, &format!("lookback_duration=1m&{query}")).await;
            assert_eq!(found.iter().filter_map(|(_, bytes)| *bytes).sum::<u64>(), bytes, "{query}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn compat_route_returns_a_bare_array() {
    let stack = stack_with_usage().await;
    let answer = stack
        .tenant()
        .get("/metrics/bandwidth_used?lookback_duration=2m&type=egress&service=shop&route=/cart")
        .await;
    insta::assert_json_snapshot!("compat", answer.body);
    // The default window is an hour: 60 whole minutes, and the current one.
    let all = stack.tenant().get("/metrics/bandwidth_used").await;
    assert_eq!(all.body.as_array().unwrap().len(), 4 * 61);
    let answer = stack.operator().get("/v1/usage?lookback_duration=1m&type=ingress").await;
    insta::assert_json_snapshot!("page", answer.body, {".items[].account" => "[account]"});
}

#[tokio::test(start_paused = true)]
async fn invalid_parameters_are_named() {
    let stack = Stack::new().await;
    let mut shown = Vec::new();
    for query in [
        "lookback_duration=5",
        "lookback_duration=32d",
        "step=2m",
        "step=1m&lookback_duration=2d",
        "type=both",
        "from=yesterday",
        "to=2026-11-20T15:00:00Z",
        "from=2026-11-20T16:00:00Z&lookback_duration=5m",
        "from=2026-11-20T17:00:00Z",
        "from=2001-11-20T17:00:00Z",
        "cursor=x",
        "serivce=shop",
        "account=me",
    ] {
        let answer = stack.tenant().get(&format!("/v1/usage?{query}")).await;
        assert_eq!(answer.status, 400, "{query}: {answer:?}");
        shown.push(answer.body["detail"].clone());
    }
    insta::assert_json_snapshot!(shown);
}

/// Pages contain whole series. The compatibility route has no pages and refuses queries with too
/// many series.
#[tokio::test(start_paused = true)]
async fn many_series_are_paged() {
    let stack = Stack::new().await;
    let event = |n: usize| {
        json!({
            "specversion": "1.0", "type": "tollgate.bandwidth", "source": "x", "id": n.to_string(),
            "data": {"service": "s", "route": format!("{n:03}"), "type": "egress", "bytes": n},
        })
    };
    for batch in 0..6 {
        let events: Vec<_> = (batch * 100..batch * 100 + 100).map(event).collect();
        assert_eq!(
            stack.tenant().send(Method::POST, "/v1/usage", Some(json!(events))).await.status,
            202
        );
    }
    tokio::time::sleep(MINUTE).await;
    let (tenant, mut routes, mut path) =
        (stack.tenant(), Vec::new(), "/v1/usage?lookback_duration=1d".to_owned());
    loop {
        let page = tenant.get(&path).await.body;
        let mut some: Vec<_> =
            page["items"].as_array().unwrap().iter().map(|point| point["route"].clone()).collect();
        assert!(some.len() <= 15_000 && some.len() % 1440 == 0, "{}", some.len());
        some.dedup();
        routes.extend(some);
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/v1/usage?lookback_duration=1d&cursor={cursor}");
    }
    let all: Vec<_> = (0..600).map(|n| json!(format!("{n:03}"))).collect();
    assert_eq!(routes, all);
    let refused = tenant.get("/metrics/bandwidth_used?lookback_duration=5m").await;
    assert_eq!(refused.problem_type(), "invalid-parameter");
    let fits = tenant.get("/metrics/bandwidth_used?lookback_duration=5m&service=s&route=007").await;
    assert_eq!(
        fits.body
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|point| point["bandwidth_used"].as_u64())
            .sum::<u64>(),
        7
    );
}

/// Number of distinct routes in a list of points.
fn routes(points: &Value) -> usize {
    points
        .as_array()
        .unwrap()
        .iter()
        .map(|point| point["route"].to_string())
        .collect::<BTreeSet<_>>()
        .len()
}

/// Names of maximal size: no response exceeds Lambda's limit of 6 MB, in which every quotation mark
/// takes two bytes.
#[tokio::test(start_paused = true)]
async fn responses_fit_the_lambda_limit() {
    const MAX_RESPONSE: usize = 6 * 1024 * 1024;
    let stack = Stack::new().await;
    let name = |n: usize| format!("{}{n}", "\"".repeat(127));
    for n in 0..9 {
        report(&stack, &name(0), &name(n), "egress", 1).await;
    }
    tokio::time::sleep(MINUTE).await;
    let (tenant, mut path, mut pages) =
        (stack.tenant(), "/v1/usage?lookback_duration=1d&step=1m".to_owned(), Vec::new());
    loop {
        let page = tenant.get(&path).await.body;
        let carried = serde_json::to_string(&page.to_string()).unwrap().len();
        assert!(carried < MAX_RESPONSE, "{carried}");
        pages.push(routes(&page["items"]));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/v1/usage?lookback_duration=1d&step=1m&cursor={cursor}");
    }
    assert_eq!((pages.iter().sum::<usize>(), pages.len()), (9, 3), "{pages:?}");
    let refused = tenant.get("/metrics/bandwidth_used?lookback_duration=1d").await;
    assert_eq!(refused.status, 400);
    insta::assert_snapshot!("too_large", refused.body["detail"].as_str().unwrap());
    let fits = tenant.get("/metrics/bandwidth_used?lookback_duration=1d&step=5m").await;
    assert_eq!(routes(&fits.body), 9);
    assert!(serde_json::to_string(&fits.body.to_string()).unwrap().len() < MAX_RESPONSE);
}
