//! Sources: created, read, deleted, and their errors.

use model::account::{ApiKey, Scope};

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

/// Each failing source reports its error. The working one loses no data.
#[tokio::test]
async fn failing_source_reports_its_error_and_affects_no_other() {
    let stack = Stack::new().await;
    let good = Gateway::start().await;
    good.show("kong_bandwidth{type=\"egress\",service=\"s\",route=\"r\"} 5\n");
    put_source(&stack, "good", kong2(good.url())).await;
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    put_source(&stack, "closed", kong2(&format!("http://{closed}/metrics"))).await;
    let bad = Gateway::start().await;
    put_source(&stack, "refusing", kong2(bad.url())).await;
    let pages: [(&str, String); 5] = [
        ("html", "<html>\n<body>502 Bad Gateway</body>\n</html>\n".into()),
        ("empty", String::new()),
        ("huge", "kong_other{a=\"b\"} 1\n".repeat(900_000)),
        (
            "many",
            (0..5001)
                .map(|n| format!("kong_bandwidth{{type=\"egress\",route=\"{n}\"}} 1\n"))
                .collect(),
        ),
        (
            "odd",
            "kong_bandwidth{type=\"egress\",service=\"s\"} NaN\n\
             kong_bandwidth{type=\"both\",service=\"s\"} 1\n\
             kong_bandwidth{type=\"egress\",service=\"t\"} 3\n\
             kong_bandwidth{type=\"egress\",service=\"t\"} 3\n\
             kong_bandwidth{type=\"egress\",service=\"u\"} -1\n\
             kong_bandwidth{type=\"egress\",service=\"v\"} +Inf\n"
                .into(),
        ),
    ];
    let mut gateways = Vec::new();
    for (name, page) in pages {
        let gateway = Gateway::start().await;
        gateway.show(page);
        put_source(&stack, name, kong2(gateway.url())).await;
        gateways.push(gateway);
    }
    next_minute(&stack).await;
    stack.check().await.unwrap();
    good.show("kong_bandwidth{type=\"egress\",service=\"s\",route=\"r\"} 12\n");
    next_minute(&stack).await;
    stack.check().await.unwrap();
    let mut said = Vec::new();
    for name in ["good", "closed", "refusing", "html", "empty", "huge", "many", "odd"] {
        let body = source(&stack, name).await;
        said.push(json!([
            name,
            body["series"],
            body["last_error"],
            body["last_warning"],
            body["last_success_at"]
        ]));
    }
    insta::assert_json_snapshot!("failing", said);
    let found =
        points(&stack.operator(), "service=s&route=r&type=egress&lookback_duration=2m").await;
    assert_eq!(found.iter().filter_map(|(_, bytes)| *bytes).collect::<Vec<_>>(), [7]);
    let failed = stack
        .emitted_metrics()
        .iter()
        .filter_map(|line| line["SourcesFailed"].as_f64())
        .next_back();
    assert_eq!(failed, Some(6.0));
}

#[tokio::test]
async fn private_addresses_are_refused_unless_allowed() {
    let stack =
        Stack::with(sim::Options { allow_private_targets: false, ..sim::Options::default() }).await;
    let gateway = Gateway::start().await;
    gateway.show("kong_bandwidth{type=\"egress\"} 5\n");
    put_source(&stack, "literal", kong2(gateway.url())).await;
    put_source(&stack, "name", kong2(&gateway.url().replace("127.0.0.1", "localhost"))).await;
    next_minute(&stack).await;
    stack.check().await.unwrap();
    for name in ["literal", "name"] {
        let said = source(&stack, name).await["last_error"].clone();
        assert_eq!(said, "the address is private, which this gateway does not allow", "{name}");
    }
    assert_eq!(gateway.request_count(), 0);
}

/// A changed definition starts from a new baseline: earlier values do not count.
#[tokio::test]
async fn changed_definition_resets_counters() {
    let stack = Stack::new().await;
    let (one, other) = (Gateway::start().await, Gateway::start().await);
    let page = |bytes: u64| {
        format!("kong_bandwidth{{type=\"egress\",service=\"s\",route=\"r\"}} {bytes}\n")
    };
    let account: ApiKey = stack.create_account_key(&[Scope::UsageRead]).await.parse().unwrap();
    one.show(page(1000));
    other.show(page(50_000));
    put_source(&stack, "kong", kong2(one.url())).await;
    let own = json!({
        "type": "prometheus", "url": other.url(), "preset": "kong2", "account": account.account,
    });
    let steps: [(&str, Option<Value>, u64); 6] = [
        ("base line", None, 1000),
        ("growth", None, 1010),
        ("another page", Some(kong2(other.url())), 50_000),
        ("growth there", None, 50_003),
        ("for another account", Some(own), 50_007),
        ("growth for that", None, 50_012),
    ];
    let mut counted = Vec::new();
    for (what, definition, bytes) in steps {
        if let Some(definition) = definition {
            put_source(&stack, "kong", definition).await;
        }
        if bytes < 50_000 {
            one.show(page(bytes))
        } else {
            other.show(page(bytes))
        }
        next_minute(&stack).await;
        stack.check().await.unwrap();
        let found = points(&stack.operator(), "lookback_duration=1h&step=1h").await;
        counted.push((what, found.iter().filter_map(|(_, bytes)| *bytes).sum::<u64>()));
    }
    insta::assert_debug_snapshot!("counted_after_redefinition", counted);
}

/// Traffic while a source had another definition, or none, does not count, even if the old
/// definition returns. Storing an identical definition changes nothing.
#[tokio::test]
async fn traffic_under_another_definition_does_not_count() {
    let stack = Stack::new().await;
    let gateway = Gateway::start().await;
    let (spec, other) = (kong2(gateway.url()), kong2("http://127.0.0.1:9/"));
    put_source(&stack, "kong", spec.clone()).await;
    let define = async |spec: &Value| put_source(&stack, "kong", spec.clone()).await;
    let mut bytes = 0;
    for (step, counts) in
        [("", false), ("", true), ("same", true), ("back", false), ("again", false), ("", true)]
    {
        bytes += 1000;
        match step {
            "same" => define(&spec).await,
            "back" => {
                define(&other).await;
                define(&spec).await;
            }
            "again" => {
                let deleted = stack.operator().send(Method::DELETE, "/v1/sources/kong", None).await;
                assert_eq!(deleted.status, 204);
                define(&spec).await;
                assert_eq!(source(&stack, "kong").await["last_success_at"], Value::Null);
            }
            _ => {}
        }
        gateway.show(format!("kong_bandwidth{{type=\"egress\",service=\"s\"}} {bytes}\n"));
        next_minute(&stack).await;
        stack.check().await.unwrap();
        let found = points(&stack.operator(), "lookback_duration=1m&service=s").await;
        let found = found.iter().find_map(|(_, bytes)| *bytes);
        assert_eq!(found, counts.then_some(1000), "{step} at {bytes}");
    }
}

/// Hanging sources use up the time of a run. Sources that were not read report no error, and are
/// read first in the next run.
#[tokio::test]
async fn hanging_sources_do_not_starve_others() {
    let stack = Stack::new().await;
    let hanging = Target::hanging().await;
    let good = Gateway::start().await;
    good.show("kong_bandwidth{type=\"egress\",service=\"s\"} 5\n");
    for nth in 0..70 {
        put_source(&stack, &format!("hanging-{nth}"), kong2(&hanging.url)).await;
    }
    put_source(&stack, "unlucky", kong2(good.url())).await;
    let reached = async |so_many: usize| {
        while hanging.requests().len() < so_many {
            hanging.wait_for_request().await;
        }
    };
    let missed = || stack.emitted_metrics().pop().unwrap()["SourcesMissed"].clone();

    next_minute(&stack).await;
    let time_passes = async {
        for so_many in [32, 64] {
            reached(so_many).await;
            advance(Duration::from_secs(16)).await;
        }
    };
    let (checked, ()) = tokio::join!(stack.check(), time_passes);
    checked.unwrap();
    assert_eq!((hanging.requests().len(), good.request_count(), missed()), (64, 0, json!(7.0)));
    let said = source(&stack, "unlucky").await;
    assert_eq!((&said["last_success_at"], &said["last_error"]), (&Value::Null, &Value::Null));
    assert_eq!(source(&stack, "hanging-0").await["last_error"], "no complete response within 15 s");

    next_minute(&stack).await;
    let time_passes = async {
        for so_many in [64 + 31, 64 + 63] {
            reached(so_many).await;
            advance(Duration::from_secs(16)).await;
        }
    };
    let (checked, ()) = tokio::join!(stack.check(), time_passes);
    checked.unwrap();
    assert_eq!(good.request_count(), 1);
    assert_ne!(source(&stack, "unlucky").await["last_success_at"], Value::Null);
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
