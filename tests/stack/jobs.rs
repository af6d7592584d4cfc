//! A job from submission to result, from the client's view.

use std::{collections::BTreeSet, time::Duration};

use http::Method;
use serde_json::{Value, json};
use sim::Stack;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn job_is_accepted_run_and_polled() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    let body = json!({
        "kind": "echo", "payload": {"n": [1, 2.50, "ä"]}, "metadata": {"order": "7"}, "priority": 3,
    });
    let accepted = tenant.send(Method::POST, "/v1/jobs", Some(body)).await;
    assert_eq!(accepted.status, 202);
    assert_eq!(accepted.header("location"), format!("/v1/jobs/{}", accepted.id()));
    assert_eq!(accepted.header("retry-after"), "1");
    let redact = |body: &Value| {
        let mut body = body.clone();
        (body["id"], body["links"]) = (json!("[id]"), json!("[links]"));
        body
    };
    insta::assert_json_snapshot!("accepted", redact(&accepted.body));

    let waiting = tenant.job(accepted.id()).await;
    assert_eq!((waiting.status, &waiting.body), (200, &accepted.body));
    assert_eq!(waiting.header("retry-after"), "1");

    assert!(stack.run_worker(MINUTE).await.emptied);
    let done = tenant.job(accepted.id()).await;
    insta::assert_json_snapshot!("completed", redact(&done.body));
    assert_eq!(done.header("retry-after"), "");
    let attempts = tenant.get(&format!("/v1/jobs/{}/attempts", accepted.id())).await;
    insta::assert_json_snapshot!("attempts", attempts.body);
}

#[tokio::test(start_paused = true)]
async fn payloads_are_preserved_byte_for_byte() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    let exact = r#"{"big": 12345678901234567890123, "b":1.50, "a": "\u00e4"}"#;
    let large = format!("{:?}", "x".repeat(60_000));
    for payload in [exact, &large] {
        let body = format!(r#"{{"kind":"echo","payload":{payload}}}"#);
        let accepted =
            tenant.send_raw(Method::POST, "/v1/jobs", Some("application/json"), body.into()).await;
        assert_eq!(accepted.status, 202);
        stack.run_worker(MINUTE).await;
        let items = stack.aws.items();
        let kept = items
            .iter()
            .filter_map(|item| item["result"]["S"].as_str().or(item["json"]["S"].as_str()));
        assert!(kept.into_iter().any(|result| result == payload));
        assert_eq!(tenant.job(accepted.id()).await.body["status"], "completed");
    }
}

#[tokio::test(start_paused = true)]
async fn result_over_the_limit_fails_the_job() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    let accepted = tenant.submit("echo", json!("x".repeat(64 * 1024))).await;
    stack.run_worker(MINUTE).await;
    let job = tenant.job(accepted.id()).await.body;
    assert_eq!(
        (&job["status"], &job["error"]["code"], &job["result"]),
        (&json!("failed"), &json!("result-too-large"), &Value::Null)
    );
}

#[tokio::test(start_paused = true)]
async fn jobs_of_20_clients_complete_with_ids_sorted_by_time() {
    let stack = Stack::new().await;
    let clients: Vec<_> = (0..20).map(|_| stack.tenant()).collect();
    let mut ids = Vec::new();
    for round in 0..10 {
        let round = clients.iter().enumerate().map(async |(n, client)| {
            let payload = json!({"client": n, "round": round});
            (client.submit("echo", payload.clone()).await.id().to_owned(), payload)
        });
        ids.extend(futures::future::join_all(round).await);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let rounds: Vec<_> = ids
        .chunks(20)
        .map(|round| round.iter().map(|(id, _)| id).collect::<BTreeSet<_>>())
        .collect();
    assert!(rounds.windows(2).all(|pair| pair[0].last() < pair[1].first()), "ids sort by time");
    assert!(stack.run_worker(MINUTE).await.emptied);
    for (id, payload) in &ids {
        let job = clients[0].job(id).await.body;
        assert_eq!((&job["status"], &job["result"]), (&json!("completed"), payload));
    }
}

#[tokio::test(start_paused = true)]
async fn poll_supports_etag_and_wait() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    let id = tenant.submit("echo", json!(1)).await.id().to_owned();
    let path = format!("/v1/jobs/{id}");
    let first = tenant.get(&path).await;
    let same = tenant.with("if-none-match", first.header("etag")).get(&path).await;
    assert_eq!(
        (same.status, &same.body, same.header("etag")),
        (304, &Value::Null, first.header("etag"))
    );

    let start = stack.now();
    let held = tenant.with("prefer", "wait=7").get(&path).await;
    assert_eq!(
        (held.header("preference-applied"), stack.now().since(start).as_secs()),
        ("wait=7", 7)
    );
    assert_eq!(held.body["status"], "queued");

    let waiter = tenant.with("prefer", "wait=20");
    let (done, _) = tokio::join!(waiter.get(&path), async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        stack.run_worker(MINUTE).await
    });
    assert_eq!(done.body["status"], "completed");
    let after = stack.now().since(start);
    assert!(after < Duration::from_secs(12), "the response took {after:?}");
    assert_eq!(tenant.with("if-none-match", first.header("etag")).get(&path).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn lists_are_newest_first_filtered_and_paged() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    stack.define("other", json!({"schema": {}, "target": {"type": "echo"}})).await;
    let mut newest_first = Vec::new();
    for n in 0..53 {
        let kind = if n % 5 == 0 { "other" } else { "echo" };
        newest_first.insert(0, (tenant.submit(kind, json!(n)).await.id().to_owned(), kind));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    stack.run_worker(MINUTE).await;
    let queued = tenant.submit("other", json!("last")).await.id().to_owned();

    let all = pages(&tenant, "limit=10").await;
    assert_eq!(all[0], queued);
    assert_eq!(all[1..], newest_first.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>());
    let others: Vec<_> = newest_first
        .iter()
        .filter(|(_, kind)| *kind == "other")
        .map(|(id, _)| id.clone())
        .collect();
    assert_eq!(pages(&tenant, "limit=4&kind=other&status=completed").await, others);
    assert_eq!(pages(&tenant, "status=queued").await, [queued]);
    assert_eq!(pages(&tenant, "status=failed").await, [""; 0]);

    let cursor =
        tenant.get("/v1/jobs?limit=2").await.body["next_cursor"].as_str().unwrap().to_owned();
    for foreign in
        [format!("/v1/jobs?status=queued&cursor={cursor}"), format!("/v1/kinds?cursor={cursor}")]
    {
        assert_eq!(tenant.get(&foreign).await.status, 400, "{foreign}");
    }
}

async fn pages(client: &sim::Client, query: &str) -> Vec<String> {
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    for _ in 0..100 {
        let page = client.get(&format!("/v1/jobs?{query}{cursor}")).await;
        assert_eq!(page.status, 200, "{page:?}");
        ids.extend(
            page.body["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|job| job["id"].as_str().unwrap().to_owned()),
        );
        match page.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return ids,
        }
    }
    panic!("the list has too many pages")
}

#[tokio::test(start_paused = true)]
async fn job_is_shown_until_its_retention_ends() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    stack
        .define("brief", json!({"schema": {}, "target": {"type": "echo"}, "retention_seconds": 60}))
        .await;
    let id = tenant.submit("brief", json!(1)).await.id().to_owned();
    stack.run_worker(MINUTE).await;
    tokio::time::sleep(Duration::from_secs(58)).await;
    assert_eq!(tenant.job(&id).await.status, 200);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(tenant.job(&id).await.status, 404);
    assert_eq!(tenant.get("/v1/jobs").await.body["items"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn retry_after_follows_completion_times_of_the_kind() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    tenant.submit("echo", json!(1)).await;
    tokio::time::sleep(Duration::from_secs(12)).await;
    stack.run_worker(MINUTE).await;
    let id = tenant.submit("echo", json!(2)).await.id().to_owned();
    let job = stack.tenant().job(&id).await;
    assert_eq!(job.header("retry-after"), "12");
}

/// An eventually consistent read may miss a new job. The client finds the job anyway.
#[tokio::test(start_paused = true)]
async fn new_job_is_found_despite_stale_reads() {
    let stack = Stack::new().await;
    stack.aws.plant(|operation, request| {
        let of_job = request["Key"]["pk"]["S"].as_str().is_some_and(|key| key.starts_with("JOBS#"));
        let is_behind = operation == "GetItem" && of_job && request["ConsistentRead"] != true;
        is_behind.then(|| json!({}))
    });
    let tenant = stack.tenant();
    let accepted = tenant.submit("echo", json!(1)).await;
    assert_eq!(tenant.job(accepted.id()).await.status, 200);
}
