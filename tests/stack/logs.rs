//! Log lines of the functions, and secrets that must not appear in them.

use std::{
    io::Write,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::Method;
use runtime::telemetry;
use serde_json::{Value, json};
use sim::{Fault, Plan, Stack};
use tracing_subscriber::{filter::LevelFilter, fmt::MakeWriter, layer::SubscriberExt};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// A job from submission to its end at level `TRACE`, including an outage.
#[tokio::test(start_paused = true)]
async fn job_lines_have_ids_and_no_payload_or_secret() {
    let stack = Stack::new().await;
    let log = Log::default();
    let lines =
        tracing_subscriber::registry().with(telemetry::json_layer(LevelFilter::TRACE, log.clone()));
    let _listening = tracing::subscriber::set_default(lines);

    let key = stack
        .create_account_key(&[model::account::Scope::JobsRead, model::account::Scope::JobsWrite])
        .await;
    let client = stack.client(&key).with("idempotency-key", "s3cret-key");
    let id = client.submit("echo", json!({"password": "s3cret-payload"})).await.id().to_owned();
    stack.aws.inject(Plan::only("UpdateItem", 2, Fault::Throttle).or(Plan::only(
        "GetItem",
        1,
        Fault::Before,
    )));
    stack.run_worker(Duration::from_secs(600)).await;
    stack.aws.heal();
    assert_eq!(client.job(&id).await.body["status"], "completed");
    stack.aws.inject(Plan::always("GetItem", Fault::Before));
    assert_eq!(client.job(&id).await.status, 503);

    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(!text.contains("s3cret"), "{text}");
    assert!(!text.contains(&key[60..]), "{text}");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |message: &str| {
        lines
            .iter()
            .find(|line| line["message"] == message)
            .unwrap_or_else(|| panic!("{message}: {text}"))
    };
    for (message, field) in [
        ("job accepted", "request.id"),
        ("attempt ended", "request.id"),
        ("request failed", "request.id"),
    ] {
        assert!(of(message)[field].is_string(), "{message} has no {field}");
    }
    assert_eq!(
        (&of("attempt ended")["job"], &of("attempt ended")["attempt"]),
        (&json!(id), &json!(1))
    );
}

/// Every change of an account or a key is logged with the key that made it, and without secrets.
#[tokio::test(start_paused = true)]
async fn account_and_key_changes_are_logged_without_secrets() {
    let stack = Stack::new().await;
    let log = Log::default();
    let lines =
        tracing_subscriber::registry().with(telemetry::json_layer(LevelFilter::TRACE, log.clone()));
    let _listening = tracing::subscriber::set_default(lines);

    let operator = stack.operator();
    let body = json!({"name": "someone", "scopes": ["jobs:read", "jobs:write"]});
    let account = operator
        .send(Method::POST, "/v1/accounts", Some(json!({"name": "someone"})))
        .await
        .id()
        .to_owned();
    let path = format!("/v1/accounts/{account}");
    let key = operator.send(Method::POST, &format!("{path}/keys"), Some(body)).await;
    let (id, secret) = (key.id().to_owned(), key.body["secret"].as_str().unwrap().to_owned());
    for _ in 0..2 {
        assert_eq!(stack.client(&secret).get("/v1/jobs").await.status, 200);
    }
    let client = stack.client(&secret);
    for _ in 0..10 {
        assert_eq!(client.get("/v1/jobs").await.status, 200);
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    let renewed = client.send(Method::POST, &format!("{path}/webhook-secrets"), None).await;
    operator.send(Method::PATCH, &path, Some(json!({"is_active": false}))).await;
    operator.send(Method::DELETE, &format!("{path}/keys/{id}"), None).await;

    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for hidden in [secret.rsplit('_').next().unwrap(), renewed.body["secret"].as_str().unwrap()] {
        assert!(!text.contains(hidden), "{text}");
    }
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of =
        |message: &str| lines.iter().filter(|line| line["message"] == message).collect::<Vec<_>>();
    for (message, of_key, by_key) in [
        ("account created", false, false),
        ("key created", true, false),
        ("webhook secret created", false, true),
        ("account changed", false, false),
        ("key revoked", true, false),
    ] {
        let [line] = of(message)[..] else { panic!("{message}: {text}") };
        assert_eq!(
            (&line["account"], line["request.id"].is_string()),
            (&json!(account), true),
            "{line}"
        );
        assert_eq!((line["key"] == json!(id), line["by"] == json!(id)), (of_key, by_key), "{line}");
        assert!(line["by"].as_str().unwrap().starts_with("key_"), "{line}");
    }
    // Three processes used the key for queries: each logs it once an hour.
    assert_eq!(of("key used").iter().filter(|line| line["key"] == json!(id)).count(), 3);
}
