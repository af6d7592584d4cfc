//! Reported usage.

mod totals;

use model::account::Scope;

use super::*;

fn event(id: &str, bytes: u64, others: Value) -> Value {
    let mut data = json!({"service": "shop", "route": "/cart", "type": "egress", "bytes": bytes});
    data.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
    json!({
        "specversion": "1.0", "type": "tollgate.bandwidth", "source": "/shop", "id": id,
        "data": data,
    })
}

async fn report(client: &Client, body: &Value) -> sim::ApiResponse {
    let media_type = if body.is_array() {
        "application/cloudevents-batch+json"
    } else {
        "application/cloudevents+json"
    };
    client.send_raw(Method::POST, "/v1/usage", Some(media_type), body.to_string().into()).await
}

const SHOP: &str = "type=egress&service=shop&route=/cart";

#[tokio::test(start_paused = true)]
async fn reports_count_once_in_their_minute() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    tokio::time::sleep(Duration::from_secs(30 * 60)).await;
    let first = report(&tenant, &event("1", 100, json!({}))).await;
    assert_eq!(
        (first.status, &first.body),
        (202, &json!({"items": [{"status": 202, "duplicate": false}]}))
    );
    let again = report(&tenant, &event("1", 100, json!({}))).await;
    assert_eq!(again.body, json!({"items": [{"status": 202, "duplicate": true}]}));
    let batch = json!([
        event("2", 7, json!({"at": "2026-11-20T16:10:30Z"})),
        event("2", 7, json!({"at": "2026-11-20T16:10:30Z"})),
        event("1", 100, json!({})),
        event("3", 0, json!({"at": "2026-11-20T16:11:00Z"})),
        event("4", 5, json!({"at": "2026-11-20T15:31:00Z"})),
    ]);
    let answer = report(&tenant, &batch).await;
    let duplicates: Vec<_> = answer.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["duplicate"].clone())
        .collect();
    assert_eq!(duplicates, [json!(false), json!(true), json!(true), json!(false), json!(false)]);

    let found = points(&tenant, &format!("{SHOP}&lookback_duration=2h")).await;
    let reported: Vec<_> = found.into_iter().filter(|(_, bytes)| bytes.is_some()).collect();
    let at = |time: &str, bytes| (time.to_owned(), Some(bytes));
    assert_eq!(reported, [at("15:32", 5), at("16:11", 7), at("16:12", 0), at("16:30", 100)]);
    let hours = points(&tenant, &format!("{SHOP}&lookback_duration=2h&step=1h")).await;
    assert_eq!(hours, [("15:00".to_owned(), None), at("16:00", 5), at("16:30", 107)]);

    // After the hour boundary, late reports still count in their own hour.
    tokio::time::sleep(Duration::from_secs(40 * 60)).await;
    report(&tenant, &event("5", 1, json!({}))).await;
    report(&tenant, &event("6", 20, json!({"at": "2026-11-20T16:10:59Z"}))).await;
    report(&tenant, &event("7", 300, json!({"at": "2026-11-20T16:59:59Z"}))).await;
    let hours = points(&tenant, &format!("{SHOP}&from=2026-11-20T15:00:00Z&step=1h")).await;
    assert_eq!(hours, [at("16:00", 5), at("17:00", 427), at("17:10", 1)]);
    let minutes =
        points(&tenant, &format!("{SHOP}&from=2026-11-20T16:10:00Z&to=2026-11-20T16:12:00Z")).await;
    assert_eq!(minutes, [at("16:11", 27), at("16:12", 0)]);
    let days = points(&tenant, &format!("{SHOP}&from=2026-11-20T15:00:00Z&step=1d")).await;
    assert_eq!(days, [at("17:10", 433)]);
}

#[tokio::test(start_paused = true)]
async fn violations_are_reported_per_event() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    let mut shown = Vec::new();
    for bad in [
        json!([]),
        json!(7),
        json!({}),
        json!({
            "specversion": "0.3", "type": "other", "source": "", "id": "1",
            "data": {"bytes": -1, "type": "up", "more": 1},
        }),
        event("1", 1, json!({"at": "2026-11-20T14:59:59Z"})),
        event("1", 1, json!({"at": "2026-11-20T16:01:01Z"})),
        event("1", 1, json!({"service": "a\nb"})),
        event("1", 1 << 60, json!({})),
    ] {
        let answer = report(&tenant, &bad).await;
        assert_eq!(answer.status, 422, "{bad}");
        shown.push(answer.body["errors"].clone());
    }
    let many: Vec<_> = (0..101).map(|n| event(&n.to_string(), 1, json!({}))).collect();
    assert_eq!(report(&tenant, &json!(many)).await.status, 422);
    let mixed = json!([
        event("1", 1, json!({})), {"id": "2"},
        event("3", 1, json!({"account": "acc_01kagzwy00e40r2081040g2081"})),
    ]);
    let items = report(&tenant, &mixed).await.body["items"].clone();
    shown.push(
        items
            .as_array()
            .unwrap()
            .iter()
            .map(|item| json!([item["status"], item["problem"]["type"]]))
            .collect(),
    );
    insta::assert_json_snapshot!(shown);
}

#[tokio::test(start_paused = true)]
async fn operator_reports_for_others_and_tenants_for_themselves() {
    let stack = Stack::new().await;
    let (operator, account) = (stack.operator(), stack.tenant_account());
    assert_eq!(report(&operator, &event("1", 5, json!({"account": account}))).await.status, 202);
    let unknown =
        report(&operator, &event("1", 5, json!({"account": "acc_01kagzwy00e40r2081040g2081"})))
            .await;
    assert_eq!(unknown.body["errors"][0]["pointer"], "/data/account");
    let stranger =
        stack.client(&stack.create_account_key(&[Scope::UsageRead, Scope::UsageWrite]).await);
    assert_eq!(
        report(&stranger, &event("1", 5, json!({"account": account}))).await.problem_type(),
        "missing-scope"
    );
    // The same source and id of another account is a different event.
    assert_eq!(
        report(&stranger, &event("1", 70, json!({}))).await.body["items"][0]["duplicate"],
        false
    );
    tokio::time::sleep(Duration::from_secs(1)).await;
    let sum = async |client: &Client, query: &str| {
        points(client, &format!("lookback_duration=1m{query}"))
            .await
            .iter()
            .filter_map(|(_, bytes)| *bytes)
            .sum::<u64>()
    };
    assert_eq!(sum(&stack.tenant(), "").await, 5);
    assert_eq!(sum(&stranger, "").await, 70);
    assert_eq!(sum(&operator, "").await, 75);
    assert_eq!(sum(&operator, &format!("&account={account}")).await, 5);
    assert_eq!(
        stranger.get(&format!("/v1/usage?account={account}")).await.problem_type(),
        "missing-scope"
    );
}

/// A single event is not accepted as a batch, or a batch as a single event.
#[tokio::test(start_paused = true)]
async fn body_must_match_its_media_type() {
    let stack = Stack::new().await;
    let event = json!({
        "specversion": "1.0", "type": "tollgate.bandwidth", "source": "/s", "id": "1",
        "data": {"service": "shop", "type": "egress", "bytes": 7},
    });
    let send = async |declared: &str, body: Value| {
        let answer = stack
            .tenant()
            .send_raw(Method::POST, "/v1/usage", Some(declared), body.to_string().into_bytes())
            .await;
        (answer.status, answer.body["errors"][0]["detail"].as_str().map(str::to_owned))
    };
    let (one, batch) =
        ("application/cloudevents+json", "application/cloudevents-batch+json; charset=utf-8");
    let told = |text: &str| (422, Some(text.to_owned()));
    assert_eq!(
        send(one, json!([event])).await,
        told("must be one event; use application/cloudevents-batch+json for a list")
    );
    assert_eq!(send(batch, event.clone()).await, told("must be a list of events"));
    assert_eq!(send("application/json", json!([event])).await, (202, None));
    assert_eq!(send(one, event).await, (202, None));
}
