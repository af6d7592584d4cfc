//! Items of an earlier release, which metered its own API under the origin `-tollgate`.

use aws_sdk_dynamodb::types::AttributeValue;
use sim::TABLE;

use super::*;

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

/// Writes the open hour and the index entry of a series that the earlier release counted in this
/// hour.
async fn count_at_own_api(stack: &Stack, bytes: u64) {
    let series = format!("{}#egress#tollgate#GET /v1/jobs", stack.tenant_account());
    let (now, bytes) = (stack.now().to_string(), AttributeValue::N(bytes.to_string()));
    let put = || stack.aws.dynamodb().put_item().table_name(TABLE);
    let head = put().item("pk", text("SERIES#-tollgate")).item("sk", text(&series));
    let head = head.item("counted", bytes.clone()).item("in_hour", text(&now[..13]));
    head.item(format!("m{}", &now[14..16]), bytes).send().await.unwrap();
    put()
        .item("pk", text("SERIES"))
        .item("sk", text(&format!("{series}#-tollgate")))
        .send()
        .await
        .unwrap();
}

/// Adds to a quota's state the source usage that the earlier release kept for its own API.
async fn add_source_usage(stack: &Stack, quota: &str, used: u64) {
    let client = stack.aws.dynamodb();
    let get =
        client.get_item().table_name(TABLE).key("pk", text("QUOTA_STATES")).key("sk", text(quota));
    let mut item = get.send().await.unwrap().item.unwrap();
    let mut state: Value = serde_json::from_str(item["standing"].as_s().unwrap()).unwrap();
    let mut share = state["shares"]["-push"].clone();
    share["used"] = json!(used);
    share["total"] = json!(used);
    state["shares"]["-tollgate"] = share;
    item.insert("standing".to_owned(), text(&state.to_string()));
    client.put_item().table_name(TABLE).set_item(Some(item)).send().await.unwrap();
}

async fn report(stack: &Stack, id: &str, bytes: u64) {
    let data = json!({"service": "shop", "route": "/", "type": "egress", "bytes": bytes});
    let event = json!({
        "specversion": "1.0", "type": "tollgate.bandwidth", "source": "/", "id": id, "data": data,
    });
    assert_eq!(stack.tenant().send(Method::POST, "/v1/usage", Some(event)).await.status, 202);
}

#[tokio::test(start_paused = true)]
async fn usage_of_the_own_api_stays_charted_and_counted() {
    let stack = Stack::new().await;
    count_at_own_api(&stack, 70).await;
    tokio::time::sleep(MINUTE).await;
    let charted = points(&stack.tenant(), "service=tollgate").await;
    assert_eq!(charted.iter().filter_map(|(_, bytes)| *bytes).sum::<u64>(), 70);

    let quota = json!({
        "limit_bytes": 1000, "type": "egress", "account": stack.tenant_account(), "period": "month",
        "recipients": ["ops@example.com"],
    });
    let path = "/v1/quotas/all";
    assert_eq!(stack.operator().send(Method::PUT, path, Some(quota)).await.status, 201);
    report(&stack, "1", 100).await;
    stack.check().await.unwrap();
    add_source_usage(&stack, "all", 70).await;
    report(&stack, "2", 5).await;
    tokio::time::sleep(MINUTE).await;
    stack.check().await.unwrap();
    assert_eq!(stack.operator().get(path).await.body["used"], 175);
}

/// `docs/usage.md` describes API Gateway's own metric as a replacement.
#[tokio::test(start_paused = true)]
async fn documented_replacement_is_a_valid_source() {
    let docs = include_str!("../../../docs/usage.md");
    let section = docs.split("## Tollgate's own API").nth(1).unwrap();
    let definition = section.split("```json").nth(1).unwrap().split("```").next().unwrap();
    let stack = Stack::new().await;
    put_source(&stack, "own-api", serde_json::from_str(definition).unwrap()).await;
    let start = stack.now().millis() / 1000;
    for minute in 0..8i64 {
        let dimensions = [("ApiId", "a1b2c3"), ("Stage", "$default")];
        stack.aws.put_metric(
            "AWS/ApiGateway",
            "DataProcessed",
            &dimensions,
            start + 60 * minute,
            10.0,
        );
        tokio::time::sleep(MINUTE).await;
        stack.check().await.unwrap();
    }
    let charted = points(&stack.operator(), "service=tollgate&type=egress").await;
    assert!(charted.iter().filter_map(|(_, bytes)| *bytes).sum::<u64>() >= 40, "{charted:?}");
}
