//! What Tollgate's own API lets through, as accounts and operators see it.

mod cost;
mod kills;
mod late;

use std::collections::BTreeMap;

use shared::{
    account::Scope,
    aws::{ReadingStore, Table},
};
use sim::{Answer, Client, Options, TABLE};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn on() -> Options {
    Options { meter_requests: true, ..Options::default() }
}

/// A stack whose check has run before, so that it need not look for three hours of readings.
async fn metered() -> Stack {
    let stack = Stack::with(on()).await;
    readings(&stack).put_collected_until(stack.now()).await.unwrap();
    stack
}

fn readings(stack: &Stack) -> ReadingStore {
    ReadingStore::new(Table::new(stack.aws.dynamodb(), TABLE))
}

/// A client with its key that takes down how many bytes it sent and got, by route.
struct Scribe {
    client: Client,
    noted: Mutex<BTreeMap<String, u64>>,
}

impl Scribe {
    fn new(client: Client) -> Self {
        Self { client, noted: Mutex::default() }
    }

    async fn send(&self, method: Method, path: &str, route: &str, body: Option<Value>) -> Answer {
        let text = body.map(|body| body.to_string()).unwrap_or_default();
        self.send_raw(method, path, route, Some("application/json"), text.into()).await
    }

    async fn send_raw(
        &self,
        method: Method,
        path: &str,
        route: &str,
        declared: Option<&str>,
        body: Vec<u8>,
    ) -> Answer {
        let sent = body.len();
        let answer = self.client.send_raw(method, path, declared, body).await;
        self.note("ingress", route, sent);
        self.note("egress", route, answer.length);
        answer
    }

    fn note(&self, direction: &str, route: &str, bytes: usize) {
        if bytes > 0 {
            let of = format!("{direction} {route}");
            *self.noted.lock().unwrap().entry(of).or_default() += u64::try_from(bytes).unwrap();
        }
    }

    async fn submit(&self, payload: Value) -> Answer {
        let body = json!({"kind": "echo", "payload": payload});
        self.send(Method::POST, "/v1/jobs", "POST /v1/jobs", Some(body)).await
    }

    async fn job(&self, id: &str) -> Answer {
        self.send(Method::GET, &format!("/v1/jobs/{id}"), "GET /v1/jobs/{id}", None).await
    }

    fn noted(&self) -> BTreeMap<String, u64> {
        self.noted.lock().unwrap().clone()
    }
}

/// What is charted of the service `tollgate` for whoever asks, by direction and route.
async fn charted(client: &Client, more: &str) -> BTreeMap<String, u64> {
    let mut charted = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/v1/usage?service=tollgate&lookback_duration=6h&step=1h{more}{cursor}");
        let page = client.get(&path).await;
        assert_eq!(page.status, 200, "{page:?}");
        for point in page.body["items"].as_array().unwrap() {
            let of = format!("{} {}", point["type"].as_str().unwrap(), point["route"].as_str().unwrap());
            if let Some(bytes) = point["bandwidth_used"].as_u64() {
                *charted.entry(of).or_default() += bytes;
            }
        }
        match page.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return charted,
        }
    }
}

/// Lets what is counted be written, the minute be over, and its check run.
async fn collect(stack: &Stack) {
    tokio::time::sleep(30 * SECOND).await;
    let left = 60_000 - stack.now().millis().rem_euclid(60_000);
    tokio::time::sleep(Duration::from_millis(left.unsigned_abs())).await;
    stack.check().await.unwrap();
}

/// Two accounts over several routes, with answers of every kind: exactly what each sent and got.
#[tokio::test(start_paused = true)]
async fn every_byte_is_charted_by_account_and_route() {
    let stack = metered().await;
    let another = stack.another_key(&[Scope::JobsRead, Scope::JobsWrite, Scope::UsageRead]).await;
    let (ours, theirs) = (Scribe::new(stack.tenant()), Scribe::new(stack.client(&another)));
    let job = ours.submit(json!({"note": "x".repeat(1000)})).await;
    theirs.submit(json!("y".repeat(300))).await;
    stack.work(MINUTE).await;
    let seen = ours.job(job.id()).await;
    // Not modified, unknown, refused, too large, malformed, in plain text, gone, and nothing but a head.
    let again = Scribe::new(stack.tenant().with("if-none-match", seen.header("etag")));
    assert_eq!((again.job(job.id()).await.status, again.noted().len()), (304, 0));
    assert_eq!(theirs.job(job.id()).await.status, 404);
    let (path, route) = ("/v1/kinds/mine", "PUT /v1/kinds/{name}");
    assert_eq!(ours.send(Method::PUT, path, route, Some(json!({"schema": {}}))).await.status, 403);
    assert_eq!(ours.submit(json!("z".repeat(300_000))).await.status, 413);
    for (method, path, wanted) in [
        (Method::POST, "/v1/jobs", 400),
        (Method::POST, "/api/activities", 400),
        (Method::DELETE, "/api/user", 400),
    ] {
        let route = format!("{method} {path}");
        let answer =
            ours.send_raw(method, path, &route, Some("application/json"), b"{\"kind\":".to_vec()).await;
        assert_eq!(answer.status, wanted, "{answer:?}");
    }
    let waiting = Scribe::new(stack.tenant().with("prefer", "wait=2"));
    assert_eq!(waiting.send(Method::GET, "/v1/events", "GET /v1/events", None).await.status, 200);
    let headless = stack.tenant().send(Method::HEAD, "/v1/kinds/none", None).await;
    assert_eq!(headless.status, 404, "whose body no gateway sends");
    // Nobody known, and no route.
    assert_eq!(stack.client("").submit("echo", json!(1)).await.status, 401);
    assert_eq!(stack.tenant().get("/v1/nothing").await.status, 404);
    assert_eq!(stack.tenant().get("/heartbeat").await.status, 200);

    collect(&stack).await;
    let mut wanted = ours.noted();
    wanted.extend(waiting.noted());
    assert_eq!(charted(&stack.tenant(), "").await, wanted);
    assert!(wanted["ingress POST /v1/jobs"] > 301_000 && wanted["egress DELETE /api/user"] > 0);
    assert_eq!(charted(&stack.client(&another), "").await, theirs.noted());
    let dropin = stack
        .tenant()
        .get("/metrics/bandwidth_used?type=ingress&service=tollgate&lookback_duration=1h")
        .await;
    let bytes = dropin.body.as_array().unwrap().iter().filter_map(|point| point["bandwidth_used"].as_u64());
    let sent = wanted.iter().filter(|(of, _)| of.starts_with("ingress")).map(|(_, bytes)| bytes).sum::<u64>();
    assert_eq!(bytes.sum::<u64>(), sent);
}

/// Several processes and several minutes, over the turn of an hour, with checks that are repeated and that come two at once.
#[tokio::test(start_paused = true)]
async fn all_processes_together_and_each_minute_once() {
    let stack = metered().await;
    tokio::time::sleep(50 * MINUTE).await;
    let processes = [-1900, 0, 1900].map(|ahead| Scribe::new(stack.tenant_on_a_clock(ahead)));
    for minute in 0..20u64 {
        for (nth, process) in processes.iter().enumerate() {
            // One is silent for some minutes.
            if nth != 1 || !(5..15).contains(&minute) {
                process
                    .submit(json!({"n": minute, "note": "x".repeat(usize::try_from(minute).unwrap() * 7)}))
                    .await;
            }
            tokio::time::sleep(19 * SECOND).await;
        }
        tokio::time::sleep(3 * SECOND).await;
        let (one, another) = (stack.checker(), stack.checker());
        let (first, second) =
            tokio::join!(one.check("one", stack.now()), another.check("another", stack.now()));
        first.and(second).unwrap();
    }
    collect(&stack).await;
    stack.check().await.unwrap();
    let mut wanted = BTreeMap::<String, u64>::new();
    for (of, bytes) in processes.iter().flat_map(Scribe::noted) {
        *wanted.entry(of).or_default() += bytes;
    }
    assert_eq!(charted(&stack.tenant(), "").await, wanted);
}

/// One's own traffic can be limited as any other.
#[tokio::test(start_paused = true)]
async fn a_quota_of_own_traffic_blocks() {
    let stack = metered().await;
    let spec = json!({
        "limit_bytes": 5000, "type": "ingress", "service": "tollgate", "account": stack.tenant_account(), "period": "day",
        "recipients": ["ops@example.com"], "enforce": true,
    });
    assert_eq!(stack.operator().send(Method::PUT, "/v1/quotas/own", Some(spec)).await.status, 201);
    let scribe = Scribe::new(stack.tenant());
    assert_eq!(scribe.submit(json!("x".repeat(4000))).await.status, 202);
    collect(&stack).await;
    let used = stack.tenant().get("/v1/quotas/own").await.body["used"].clone();
    assert_eq!(used, json!(scribe.noted()["ingress POST /v1/jobs"]));
    assert_eq!(scribe.submit(json!("x".repeat(1000))).await.status, 202);
    collect(&stack).await;
    tokio::time::sleep(15 * SECOND).await;
    let refused = scribe.submit(json!(1)).await;
    assert_eq!((refused.status, refused.slug()), (429, "quota-exceeded"));
    // What is refused was sent all the same.
    collect(&stack).await;
    assert_eq!(
        charted(&stack.tenant(), "&type=ingress").await["ingress POST /v1/jobs"],
        scribe.noted()["ingress POST /v1/jobs"]
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_is_counted_where_it_is_switched_off() {
    let stack = Stack::new().await;
    stack.tenant().submit("echo", json!(1)).await;
    collect(&stack).await;
    assert_eq!(charted(&stack.operator(), "").await, BTreeMap::new());
    let metered = |item: &&Value| item["pk"]["S"].as_str().unwrap().starts_with("METER");
    assert_eq!(stack.aws.items().iter().find(metered), None);
}
