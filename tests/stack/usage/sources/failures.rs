//! Sources that fail, and their effect on others.

use crate::usage::*;

/// Names and pages of sources that can't be counted.
fn faulty_pages() -> [(&'static str, String); 5] {
    [
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
    ]
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
    let mut gateways = Vec::new();
    for (name, page) in faulty_pages() {
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
