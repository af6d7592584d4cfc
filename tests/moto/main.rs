//! The store suite against moto, an implementation of DynamoDB and SQS independent of dynoxide
//! and MiniStack.
//!
//! `python3 -m infra.local moto -- cargo test --workspace --features tests/e2e --test moto`.

use reqwest::Client;
use serde_json::json;
use store::{Clients, Table, connect};
use store_suite::new_queue;

macro_rules! on_moto {
    ($($name:ident),* $(,)?) => { $(
        #[tokio::test]
        async fn $name() {
            store_suite::$name(table().await).await;
        }
    )* };
}

store_suite::for_each_table_test!(on_moto);

macro_rules! queues_on_moto {
    ($($name:ident),* $(,)?) => { $(
        #[tokio::test]
        async fn $name() {
            store_suite::$name(new_queue(moto().sqs()).await).await;
        }
    )* };
}

store_suite::for_each_queue_test!(queues_on_moto);

fn endpoint() -> String {
    std::env::var("TOLLGATE_MOTO")
        .unwrap_or_else(|_| panic!("TOLLGATE_MOTO is not set; run `make test-all`"))
}

fn moto() -> Clients {
    let vars = |name: &str| match name {
        "AWS_ENDPOINT_URL" => Some(endpoint()),
        "AWS_REGION" => Some("us-east-1".to_owned()),
        "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("test".to_owned()),
        _ => None,
    };
    connect(&vars).unwrap()
}

/// A table for one test, with the properties in `template.yaml`, which are named as in the API
/// call. For each item of a transaction moto copies the table, so that many tests in one table
/// would time out.
async fn table() -> Table {
    let name = format!("tollgate-{:016x}", rand::random::<u64>());
    let template: yaml_serde::Value =
        yaml_serde::from_str(include_str!("../../template.yaml")).unwrap();
    let mut request = json!({"TableName": name});
    for name in ["BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes"] {
        request[name] =
            serde_json::to_value(&template["Resources"]["Table"]["Properties"][name]).unwrap();
    }
    let scope = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/dynamodb/aws4_request, \
                 SignedHeaders=host, Signature=x";
    let _ = rustls::crypto::ring::default_provider().install_default();
    let call = Client::new()
        .post(endpoint())
        .header("authorization", scope)
        .header("x-amz-target", "DynamoDB_20120810.CreateTable")
        .header("content-type", "application/x-amz-json-1.0")
        .body(request.to_string());
    let answer = call.send().await.unwrap();
    let (status, made) = (answer.status(), answer.text().await.unwrap());
    assert!(status.is_success() && made.contains("agenda"), "{made}");
    Table::new(moto().dynamodb(), name)
}
