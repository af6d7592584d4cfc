//! `callback_url`: when and how the end of a job is delivered.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use sim::{Client, EventSource, JOBS, KillSwitch, Killed, Stack, TABLE, run_until_killed};
use standardwebhooks::Webhook;
use store::{AccountStore, Table};

use crate::target::{Target, empty_response};

const TIMEOUT: Duration = Duration::from_secs(40);

async fn submit(client: &Client, kind: &str, url: &str) -> String {
    let body =
        json!({"kind": kind, "payload": {"a": 1}, "callback_url": url, "metadata": {"order": "7"}});
    let answer = client.send(Method::POST, "/v1/jobs", Some(body)).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    answer.id().to_owned()
}

#[tokio::test]
async fn sends_one_signed_callback_with_the_job() {
    let stack = Stack::new().await;
    let receiver = Target::start(|_| empty_response(204)).await;
    let tenant = stack.tenant();
    let id = submit(&tenant, "echo", &receiver.url).await;
    assert!(stack.run_worker(TIMEOUT).await.emptied);
    let got = receiver.requests();
    assert_eq!(got.len(), 1);
    let (headers, body) = &got[0];
    let told: Value = serde_json::from_slice(body).unwrap();
    assert_eq!(told, tenant.job(&id).await.body);
    assert_eq!((&told["status"], &told["metadata"]), (&json!("completed"), &json!({"order": "7"})));
    let accounts = AccountStore::new(Table::new(stack.aws.dynamodb(), TABLE));
    let account = accounts.get_cached(stack.tenant_account(), stack.now()).await.unwrap().unwrap();
    let field = |name: &str| headers[name].to_str().unwrap();
    let webhook = Webhook::new(account.webhook_secrets.all()[0].secret.reveal()).unwrap();
    let signed = webhook
        .sign(field("webhook-id"), field("webhook-timestamp").parse().unwrap(), body)
        .unwrap();
    assert_eq!(field("webhook-signature"), signed);
    // The delivery is itself a job, and its id is the `webhook-id` of every attempt.
    let delivery = tenant.job(headers["webhook-id"].to_str().unwrap()).await.body;
    assert_eq!(
        (&delivery["kind"], &delivery["status"]),
        (&json!("tollgate.callback"), &json!("completed"))
    );
}

#[tokio::test]
async fn failed_callback_is_retried_and_does_not_change_the_job() {
    let stack = Stack::new().await;
    let receiver = Target::start(|nth| empty_response(if nth == 1 { 503 } else { 400 })).await;
    let tenant = stack.tenant();
    let id = submit(&tenant, "echo", &receiver.url).await;
    assert!(stack.run_worker(TIMEOUT).await.emptied);
    assert_eq!(receiver.requests().len(), 2);
    assert_eq!(tenant.job(&id).await.body["status"], "completed");
    let list = tenant.get("/v1/jobs?kind=tollgate.callback").await.body;
    assert_eq!(
        (&list["items"][0]["status"], &list["items"][0]["attempts"]),
        (&json!("failed"), &json!(2))
    );
    // A 410 from a callback does not disable the kind.
    let gone = Target::start(|_| empty_response(410)).await;
    let id = submit(&tenant, "echo", &gone.url).await;
    assert!(stack.run_worker(TIMEOUT).await.emptied);
    assert_eq!(
        (gone.requests().len(), &tenant.job(&id).await.body["status"]),
        (1, &json!("completed"))
    );
    assert_eq!(tenant.submit("echo", json!(1)).await.status, 202);
}

#[tokio::test]
async fn sends_callbacks_for_failed_and_cancelled_jobs() {
    let stack = Stack::new().await;
    let receiver = Target::start(|_| empty_response(200)).await;
    let refuses = Target::start(|_| empty_response(400)).await;
    stack
        .define("refused", json!({"schema": {}, "target": {"type": "http", "url": refuses.url}}))
        .await;
    let tenant = stack.tenant();
    let cancelled = submit(&tenant, "echo", &receiver.url).await;
    tenant.send(Method::DELETE, &format!("/v1/jobs/{cancelled}"), None).await;
    let failed = submit(&tenant, "refused", &receiver.url).await;
    assert!(stack.run_worker(TIMEOUT).await.emptied);
    let told: Vec<Value> =
        receiver.requests().iter().map(|(_, body)| serde_json::from_slice(body).unwrap()).collect();
    let of = |id: &str| {
        told.iter()
            .filter(|job| job["id"] == *id)
            .map(|job| job["status"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!((of(&cancelled), of(&failed)), (vec![json!("cancelled")], vec![json!("failed")]));
}

/// A worker dies at each of its calls in turn. Whatever end the job reaches, exactly one callback
/// for it is sent.
#[tokio::test(start_paused = true)]
async fn no_crash_loses_or_repeats_a_callback() {
    for discipline in ["standard", "lifo"] {
        for nth in 1..=10 {
            for switch in [KillSwitch::before(nth), KillSwitch::after(nth)] {
                let stack = Stack::new().await;
                let spec =
                    json!({"schema": {}, "target": {"type": "echo"}, "discipline": discipline});
                stack.define("told", spec).await;
                let tenant = stack.tenant();
                let id = submit(&tenant, "told", "http://127.0.0.1:9/").await;
                let source = EventSource::new(&stack.aws, JOBS, 10);
                let worker = stack.worker();
                source
                    .deliver_once(async |event| {
                        let work = worker.handle(event, "dies", stack.deadline());
                        run_until_killed(work, &switch).await.ok_or(Killed)
                    })
                    .await;
                stack.run_worker(Duration::from_secs(600)).await;
                assert_eq!(tenant.job(&id).await.body["status"], "completed", "{discipline} {nth}");
                let list = tenant.get("/v1/jobs?kind=tollgate.callback&limit=100").await.body;
                assert_eq!(
                    list["items"].as_array().unwrap().len(),
                    1,
                    "{discipline} {nth}: {list}"
                );
            }
        }
    }
}

/// A job that is retried before its callback was sent still gets one callback for each end.
#[tokio::test(start_paused = true)]
async fn sends_a_callback_for_each_end_of_a_retried_job() {
    let stack = Stack::new().await;
    let refused = json!({"type": "http", "url": "http://127.0.0.1:1/"});
    let spec = json!({
        "schema": {}, "target": refused, "retry": {"max_attempts": 1},
        "retention_seconds": 2_592_000,
    });
    stack.define("broken", spec).await;
    let tenant = stack.tenant();
    let id = submit(&tenant, "broken", "http://127.0.0.1:9/").await;
    let retry = format!("/v1/jobs/{id}/retry");
    let mut ends = 1;
    while ends < 4 {
        EventSource::new(&stack.aws, JOBS, 1)
            .deliver_once(async |event| {
                Ok::<_, Killed>(stack.worker().handle(event, "fails", stack.deadline()).await)
            })
            .await;
        if tenant.job(&id).await.body["status"] == "failed" {
            assert_eq!(tenant.send(Method::POST, &retry, None).await.status, 202);
            ends += 1;
        }
    }
    stack.run_worker(Duration::from_secs(60)).await;
    let told = async || {
        let list = tenant.get("/v1/jobs?kind=tollgate.callback&limit=100").await.body;
        list["items"].as_array().unwrap().len()
    };
    assert_eq!(told().await, ends);
    // Callbacks of earlier ends were sent long ago: a retry adds only the one of the new end. After
    // another 72 hours, the earlier callback jobs are no longer listed.
    for (hours, kept) in [(1, ends), (72, 0)] {
        stack.run_worker(Duration::from_secs(12 * 3600)).await;
        tokio::time::sleep(Duration::from_secs(hours * 3600)).await;
        assert_eq!(tenant.send(Method::POST, &retry, None).await.status, 202);
        stack.run_worker(Duration::from_secs(60)).await;
        assert_eq!(told().await, kept + 1, "{hours}");
    }
}

#[tokio::test(start_paused = true)]
async fn validates_callback_url_and_reserves_tollgate_kinds() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    for url in ["ftp://example.com", "https://user:pass@example.com/", "nowhere", ""] {
        let body = json!({"kind": "echo", "payload": 1, "callback_url": url});
        let answer = tenant.send(Method::POST, "/v1/jobs", Some(body)).await;
        assert_eq!(
            (answer.status, &answer.body["errors"][0]["pointer"]),
            (422, &json!("/callback_url")),
            "{url}"
        );
    }
    let answer =
        tenant.submit("tollgate.callback", json!({"url": "http://127.0.0.1:9/", "job": {}})).await;
    assert_eq!((answer.status, &answer.body["errors"][0]["pointer"]), (422, &json!("/kind")));
    let spec = json!({"schema": {}, "target": {"type": "echo"}});
    let answer = stack.operator().send(Method::PUT, "/v1/kinds/tollgate.mine", Some(spec)).await;
    assert_eq!((answer.status, answer.problem_type()), (400, "invalid-parameter"));
}
