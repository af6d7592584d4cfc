//! What the functions log, and what they never do.

use std::{
    io::Write,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use shared::telemetry;
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

/// A job's whole way at the most talkative level, with an outage in it.
#[tokio::test(start_paused = true)]
async fn lines_name_the_job_and_never_show_what_is_in_it() {
    let stack = Stack::new().await;
    let log = Log::default();
    let lines = tracing_subscriber::registry().with(telemetry::lines(LevelFilter::TRACE, log.clone()));
    let _listening = tracing::subscriber::set_default(lines);

    let key = stack.another_key(&[shared::account::Scope::JobsRead, shared::account::Scope::JobsWrite]).await;
    let client = stack.client(&key).with("idempotency-key", "s3cret-key");
    let id = client.submit("echo", json!({"password": "s3cret-payload"})).await.id().to_owned();
    stack.aws.inject(Plan::only("UpdateItem", 2, Fault::Throttle).or(Plan::only(
        "GetItem",
        1,
        Fault::Before,
    )));
    stack.work(Duration::from_secs(600)).await;
    stack.aws.heal();
    assert_eq!(client.job(&id).await.body["status"], "completed");
    stack.aws.inject(Plan::always("GetItem", Fault::Before));
    assert_eq!(client.job(&id).await.status, 503);

    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(!text.contains("s3cret"), "{text}");
    assert!(!text.contains(&key[60..]), "{text}");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |message: &str| {
        lines.iter().find(|line| line["message"] == message).unwrap_or_else(|| panic!("{message}: {text}"))
    };
    for (message, field) in
        [("job accepted", "request.id"), ("attempt ended", "request.id"), ("request failed", "request.id")]
    {
        assert!(of(message)[field].is_string(), "{message} has no {field}");
    }
    assert_eq!((&of("attempt ended")["job"], &of("attempt ended")["attempt"]), (&json!(id), &json!(1)));
}
