//! Changed definitions, which reset counters.

use model::account::{ApiKey, Scope};

use crate::usage::*;

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
