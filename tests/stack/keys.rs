//! API keys: created, listed, used and revoked.

use std::time::Duration;

use http::Method;
use model::account::{ApiKey, Scope};
use serde_json::{Value, json};
use sim::{Client, Fault, Plan, Stack};

const HOUR: Duration = Duration::from_secs(3600);

fn path(stack: &Stack) -> String {
    format!("/v1/accounts/{}/keys", stack.tenant_account())
}

/// Creates a key of the tenant and returns its id and its secret.
async fn create(stack: &Stack, more: Value) -> (String, String) {
    let mut body = json!({"name": "ci", "scopes": ["jobs:read", "jobs:write"]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let made = stack.operator().send(Method::POST, &path(stack), Some(body)).await;
    assert_eq!(made.status, 201, "{made:?}");
    (made.id().to_owned(), made.body["secret"].as_str().unwrap().to_owned())
}

async fn list(stack: &Stack) -> Vec<Value> {
    let list = stack.operator().get(&path(stack)).await;
    assert_eq!(list.status, 200, "{list:?}");
    list.body["items"].as_array().unwrap().clone()
}

async fn revoke(operator: &Client, stack: &Stack, id: &str) -> u16 {
    operator.send(Method::DELETE, &format!("{}/{id}", path(stack)), None).await.status
}

#[tokio::test(start_paused = true)]
async fn secret_is_shown_once_and_works_immediately() {
    let stack = Stack::new().await;
    let body = json!({
        "name": "ci", "scopes": ["jobs:write", "jobs:read"], "expires_at": "2027-01-01T00:00:00Z",
    });
    let made = stack.operator().send(Method::POST, &path(&stack), Some(body)).await;
    assert_eq!((made.status, made.header("cache-control")), (201, "no-store"));
    assert_eq!(made.header("location"), format!("{}/{}", path(&stack), made.id()));
    insta::assert_json_snapshot!("key_created", made.body, {".id" => "key_…", ".secret" => "tg_…"});
    let secret = made.body["secret"].as_str().unwrap();
    assert_eq!(stack.client(secret).submit("echo", json!(1)).await.status, 202);

    let list = stack.operator().get(&path(&stack)).await;
    let last_part = secret.rsplit('_').next().unwrap();
    assert!(!list.body.to_string().contains(last_part), "{}", list.body);
    let shown =
        list.body["items"].as_array().unwrap().iter().find(|key| key["id"] == made.id()).unwrap();
    assert!(shown.get("secret").is_none() && shown["name"] == "ci", "{shown}");
}

#[tokio::test(start_paused = true)]
async fn token_route_shows_account_and_scopes_of_the_key() {
    let stack = Stack::new().await;
    let (id, secret) = create(&stack, json!({"scopes": ["usage:read", "jobs:read"]})).await;
    let answer = stack.client(&secret).get("/v1/token").await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"));
    let account = stack.operator().get(&format!("/v1/accounts/{}", stack.tenant_account())).await;
    let expected = json!({
        "account_id": stack.tenant_account().to_string(), "account_name": account.body["name"],
        "key_id": id, "name": "ci", "scopes": ["jobs:read", "usage:read"],
    });
    assert_eq!(answer.body, expected);

    assert_eq!(stack.client("tg_nobody").get("/v1/token").await.status, 401);
    assert_eq!(revoke(&stack.operator(), &stack, &id).await, 204);
    tokio::time::advance(Duration::from_secs(31)).await;
    assert_eq!(stack.client(&secret).get("/v1/token").await.status, 401);
}

#[tokio::test(start_paused = true)]
async fn revoked_key_is_refused_within_30_s() {
    let stack = Stack::new().await;
    let operator = stack.operator();
    let (id, secret) = create(&stack, json!({})).await;
    let (here, far) = (stack.client(&secret), stack.client(&secret));
    assert_eq!(
        (here.get("/v1/jobs").await.status, far.submit("echo", json!(1)).await.status),
        (200, 202)
    );
    assert_eq!(revoke(&operator, &stack, &id).await, 204);
    let revoked_at =
        list(&stack).await.into_iter().find(|key| key["id"] == *id).unwrap()["revoked_at"].clone();
    assert!(revoked_at.is_string());
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(
        (
            here.get("/v1/jobs").await.problem_type(),
            far.submit("echo", json!(1)).await.problem_type()
        ),
        ("unauthenticated", "unauthenticated")
    );

    assert_eq!(revoke(&operator, &stack, &id).await, 204, "again");
    let still = list(&stack).await.into_iter().find(|key| key["id"] == *id).unwrap();
    assert_eq!(still["revoked_at"], revoked_at);
    tokio::time::sleep(31 * 24 * HOUR).await;
    assert!(list(&stack).await.iter().all(|key| key["id"] != *id));
}

#[tokio::test(start_paused = true)]
async fn expired_key_is_refused() {
    let stack = Stack::new().await;
    let until = stack.now() + Duration::from_secs(10);
    let (_, secret) = create(&stack, json!({"expires_at": until})).await;
    let client = stack.client(&secret);
    assert_eq!(client.get("/v1/jobs").await.status, 200);
    tokio::time::sleep(Duration::from_secs(10)).await;
    let over = client.get("/v1/jobs").await;
    assert_eq!((over.status, over.header("www-authenticate")), (401, "Bearer"));
}

#[tokio::test(start_paused = true)]
async fn unknown_account_or_key_is_not_found() {
    let stack = Stack::new().await;
    let operator = stack.operator();
    let unknown = "/v1/accounts/acc_01kagzwy00e40r2081040g2081/keys";
    let body = Some(json!({"name": "x", "scopes": ["jobs:read"]}));
    assert_eq!(operator.send(Method::POST, unknown, body).await.status, 404);
    assert_eq!(operator.get(unknown).await.status, 404);
    assert_eq!(revoke(&operator, &stack, "key_01kagzwy00ec1r60r30c1g60r3").await, 404);
    assert_eq!(revoke(&operator, &stack, "7").await, 400);
    let (id, secret) = create(&stack, json!({})).await;
    let other = operator.send(Method::DELETE, &format!("{unknown}/{id}"), None).await;
    assert_eq!((other.status, stack.client(&secret).get("/v1/jobs").await.status), (404, 200));
}

#[tokio::test(start_paused = true)]
async fn reports_all_violations() {
    let stack = Stack::new().await;
    let mut shown = Vec::new();
    for bad in [
        json!({}),
        json!({"name": "x", "scopes": []}),
        json!({"name": "", "scopes": ["jobs:read", "jobs:read", "root"], "account": "x"}),
        json!({"name": "x", "scopes": "admin", "expires_at": "tomorrow"}),
        json!({"name": "x", "scopes": ["admin"], "expires_at": "2020-01-01T00:00:00Z"}),
    ] {
        let answer = stack.operator().send(Method::POST, &path(&stack), Some(bad.clone())).await;
        assert_eq!(answer.status, 422, "{bad}");
        shown.push(answer.body["errors"].clone());
    }
    insta::assert_json_snapshot!(shown);
    assert_eq!(list(&stack).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn lists_keys_oldest_first_in_pages() {
    let stack = Stack::new().await;
    for n in 0..4 {
        tokio::time::sleep(Duration::from_millis(2)).await;
        create(&stack, json!({"name": n.to_string()})).await;
    }
    let (mut names, mut query) = (Vec::new(), "?limit=2".to_owned());
    loop {
        let page = stack.operator().get(&format!("{}{query}", path(&stack))).await;
        names.extend(
            page.body["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|key| key["name"].as_str().unwrap().to_owned()),
        );
        let Some(cursor) = page.body["next_cursor"].as_str() else { break };
        query = format!("?limit=2&cursor={cursor}");
    }
    assert_eq!(names, ["tenant", "0", "1", "2", "3"]);
    let elsewhere = query.replace("limit=2&", "");
    let operators = stack.operator().get(&format!("/v1/accounts{elsewhere}")).await;
    assert_eq!(operators.problem_type(), "invalid-parameter");
}

#[tokio::test(start_paused = true)]
async fn operator_cannot_revoke_the_key_in_use() {
    let stack = Stack::new().await;
    let key = stack.create_account_key(&[Scope::Admin]).await;
    let ApiKey { account, id, .. } = key.parse().unwrap();
    let path = format!("/v1/accounts/{account}/keys/{id}");
    let refused = stack.client(&key).send(Method::DELETE, &path, None).await;
    assert_eq!((refused.status, refused.problem_type()), (409, "own-access"));
    assert_eq!(stack.operator().send(Method::DELETE, &path, None).await.status, 204);
}

/// Many uses in many processes cost one write per hour.
#[tokio::test(start_paused = true)]
async fn last_use_is_recorded_once_per_hour() {
    let stack = Stack::new().await;
    let (id, secret) = create(&stack, json!({})).await;
    let last_used = async || {
        list(&stack).await.into_iter().find(|key| key["id"] == *id).unwrap()["last_used_at"].clone()
    };
    stack.client(&secret).get("/v1/jobs").await;
    assert_eq!(last_used().await, Value::Null, "a read does not update the last use");
    let first = stack.now();
    stack.aws.reset_ledger();
    for _ in 0..3 {
        let client = stack.client(&secret);
        for _ in 0..3 {
            assert_eq!(client.submit("echo", json!(1)).await.status, 202);
            tokio::time::sleep(Duration::from_secs(30)).await;
        }
    }
    assert_eq!(stack.aws.reset_ledger().line("UpdateItem").write_units, 1.0);
    assert_eq!(last_used().await, json!(first));
    tokio::time::sleep(HOUR).await;
    let second = stack.now();
    stack.client(&secret).submit("echo", json!(1)).await;
    assert_eq!(last_used().await, json!(second));
}

/// A failed update of the last use delays the request by at most 250 ms.
#[tokio::test(start_paused = true)]
async fn request_succeeds_if_last_use_cannot_be_recorded() {
    for fault in [Fault::Before, Fault::Throttle, Fault::Delay(HOUR)] {
        let stack = Stack::new().await;
        let (_, secret) = create(&stack, json!({})).await;
        stack.aws.inject(Plan::always("UpdateItem", fault));
        let start = stack.now();
        assert_eq!(stack.client(&secret).submit("echo", json!(1)).await.status, 202);
        assert!(stack.now().since(start) <= Duration::from_millis(250), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn cost_of_key_requests() {
    let stack = Stack::new().await;
    let operator = stack.operator();
    operator.send(Method::DELETE, "/v1/kinds/none", None).await;
    stack.aws.reset_ledger();
    let body = json!({"name": "x", "scopes": ["jobs:read"]});
    let made = operator.send(Method::POST, &path(&stack), Some(body)).await;
    insta::assert_snapshot!("key_created_cost", stack.aws.reset_ledger());
    assert_eq!(revoke(&operator, &stack, made.id()).await, 204);
    insta::assert_snapshot!("key_revoked_cost", stack.aws.reset_ledger());
}
