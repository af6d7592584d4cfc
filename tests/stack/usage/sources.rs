//! Sources: created, read, deleted, and their errors.

mod failures;
mod redefinition;

use model::account::Scope;

use super::*;

#[tokio::test(start_paused = true)]
async fn creates_reads_lists_and_deletes_sources() {
    let stack = Stack::new().await;
    let operator = stack.operator();
    let whole = json!({
        "type": "prometheus", "url": "https://node.example:9100/metrics",
        "metric": "node_network_transmit_bytes_total",
        "labels": {"route": "device"}, "as": {"type": "egress", "service": "node-1"},
        "account": stack.tenant_account(),
    });
    let created = operator.send(Method::PUT, "/v1/sources/node", Some(whole.clone())).await;
    assert_eq!((created.status, created.header("location")), (201, "/v1/sources/node"));
    insta::assert_json_snapshot!("source", created.body, {".account" => "[account]"});
    assert_eq!(source(&stack, "node").await, created.body);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(operator.send(Method::PUT, "/v1/sources/node", Some(whole)).await.status, 200);
    let cloudwatch = json!({
        "type": "cloudwatch", "namespace": "AWS/ApiGateway", "metric_name": "DataProcessed",
        "dimensions": {"ApiId": "a1b2c3", "Stage": "$default"},
        "as": {"type": "egress", "service": "api"},
    });
    put_source(&stack, "api", cloudwatch).await;

    let names = async |client: &Client, query: &str| {
        let page = client.get(&format!("/v1/sources?{query}")).await.body;
        let names = page["items"].as_array().unwrap().iter().map(|source| source["name"].clone());
        (names.collect::<Vec<_>>(), page["next_cursor"].as_str().map(str::to_owned))
    };
    let (first, cursor) = names(&operator, "limit=1").await;
    assert_eq!(first, ["api"]);
    assert_eq!(names(&operator, &format!("limit=1&cursor={}", cursor.unwrap())).await.0, ["node"]);
    assert_eq!(names(&stack.tenant(), "").await, (vec![json!("node")], None));
    let stranger = stack.client(&stack.create_account_key(&[Scope::UsageRead]).await);
    assert_eq!(names(&stranger, "").await.0, Vec::<Value>::new());
    assert_eq!(stack.tenant().get("/v1/sources/api").await.problem_type(), "not-found");

    assert_eq!(operator.send(Method::DELETE, "/v1/sources/node", None).await.status, 204);
    assert_eq!(
        operator.send(Method::DELETE, "/v1/sources/node", None).await.problem_type(),
        "not-found"
    );
}

#[tokio::test(start_paused = true)]
async fn reports_all_violations() {
    let stack = Stack::new().await;
    let mut shown = Vec::new();
    for bad in [
        json!({}),
        json!({"type": "graphite"}),
        json!({"type": "prometheus", "url": 7, "preset": "kong4", "more": 1}),
        json!({
            "type": "prometheus", "url": "ftp://kong", "account": "acc_01kagzwy00e40r2081040g2081",
        }),
        json!({
            "type": "prometheus", "url": "https://kong.example", "preset": "kong2", "metric": "m",
            "labels": {"type": "a"}, "as": {"route": "x"},
        }),
        json!({
            "type": "prometheus", "url": "https://kong.example", "metric": "1m",
            "labels": {"service": "a b"},
        }),
        json!({
            "type": "prometheus", "url": "https://kong.example", "metric": "m",
            "labels": {"type": "t"}, "as": {"type": "egress", "service": "x\ny"},
        }),
        json!({
            "type": "prometheus", "url": "https://kong.example", "metric": "m",
            "labels": {"type": "t"}, "as": {"type": "egress", "up": "x"},
        }),
        json!({"type": "cloudwatch", "namespace": ":x", "metric_name": ""}),
        json!({
            "type": "cloudwatch", "namespace": "AWS/ELB", "metric_name": "ProcessedBytes",
            "dimensions": {"": "x", "a": "", "b": "c"}, "as": {},
        }),
    ] {
        let answer = stack.operator().send(Method::PUT, "/v1/sources/bad", Some(bad.clone())).await;
        assert_eq!(answer.status, 422, "{bad}");
        shown.push(answer.body["errors"].clone());
    }
    insta::assert_json_snapshot!(shown);
    assert_eq!(stack.operator().get("/v1/sources/bad").await.status, 404);
}

/// Header values are sent to the gateway and never shown again. A changed value does not reset the
/// counters.
#[tokio::test]
async fn headers_are_sent_and_never_shown() {
    let stack = Stack::new().await;
    let gateway = Gateway::start().await;
    let with_key = |key: &str| {
        let mut spec = kong2(gateway.url());
        spec["headers"] = json!({"Kong-Admin-Token": key, "Accept": "text/plain"});
        spec["account"] = json!(stack.tenant_account());
        spec
    };
    put_source(&stack, "kong", with_key("s3cret-1")).await;
    for (minute, key) in [(1, "s3cret-1"), (2, "s3cret-2"), (3, "s3cret-2")] {
        put_source(&stack, "kong", with_key(key)).await;
        gateway
            .show(format!("kong_bandwidth{{type=\"egress\",service=\"s\"}} {}\n", 1000 * minute));
        next_minute(&stack).await;
        stack.check().await.unwrap();
    }
    let sent: Vec<_> =
        gateway.target.requests().iter().map(|(headers, _)| headers.clone()).collect();
    let sent: Vec<_> = sent
        .iter()
        .map(|headers| headers["kong-admin-token"].to_str().unwrap().to_owned())
        .collect();
    assert_eq!(sent, ["s3cret-1", "s3cret-2", "s3cret-2"]);
    let found = points(&stack.operator(), "lookback_duration=1h&step=1h").await;
    assert_eq!(found.iter().filter_map(|(_, bytes)| *bytes).sum::<u64>(), 2000);

    let shown = source(&stack, "kong").await;
    assert_eq!(shown["headers"], json!({"Kong-Admin-Token": "***", "Accept": "***"}));
    let again = stack.operator().send(Method::PUT, "/v1/sources/kong", Some(with_key("***"))).await;
    assert_eq!(again.body["errors"][0]["pointer"], "/headers/Kong-Admin-Token");
    let wrong = json!({
        "type": "prometheus", "url": gateway.url(), "preset": "kong2", "headers": {"Host": "x"},
    });
    let wrong = stack.operator().send(Method::PUT, "/v1/sources/kong", Some(wrong)).await;
    assert_eq!(wrong.body["errors"][0]["pointer"], "/headers/Host");
}

/// A tenant sees the state of its own sources, but no address, header or dimension.
#[tokio::test]
async fn tenant_sees_no_address() {
    let stack = Stack::new().await;
    let gateway = Gateway::start().await;
    gateway.show(
        "kong_bandwidth{type=\"egress\",service=\"s\"} 5\n\
         kong_bandwidth{type=\"up\",service=\"inner\"} 5\n",
    );
    let mut spec = kong2(gateway.url());
    spec["account"] = json!(stack.tenant_account());
    spec["headers"] = json!({"X-Key": "s3cret"});
    put_source(&stack, "kong", spec).await;
    let metric = json!({
        "type": "cloudwatch", "namespace": "Inner/Things", "metric_name": "Bytes",
        "dimensions": {"Host": "inner-1"},
        "as": {"type": "egress"}, "account": stack.tenant_account(),
    });
    put_source(&stack, "metric", metric).await;
    next_minute(&stack).await;
    stack.check().await.unwrap();
    gateway.fail(503);
    next_minute(&stack).await;
    stack.check().await.unwrap();
    let listed = stack.tenant().get("/v1/sources").await.body;
    let one = stack.tenant().get("/v1/sources/kong").await.body;
    assert_eq!(listed["items"][0], one);
    insta::assert_json_snapshot!("outlines", listed, {
        ".items[].created_at" => "[time]", ".items[].updated_at" => "[time]",
    });
}
