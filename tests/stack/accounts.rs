//! Accounts: the operator creates, updates and lists them.

use std::time::Duration;

use http::Method;
use model::account::Scope;
use serde_json::{Value, json};
use sim::{Client, Stack};

const UNKNOWN_ACCOUNT: &str = "/v1/accounts/acc_01kagzwy00e40r2081040g2081";

pub async fn create(operator: &Client, name: &str) -> String {
    let made = operator.send(Method::POST, "/v1/accounts", Some(json!({"name": name}))).await;
    assert_eq!(made.status, 201, "{made:?}");
    made.id().to_owned()
}

#[tokio::test(start_paused = true)]
async fn creates_reads_and_updates_accounts() {
    let stack = Stack::new().await;
    let operator = stack.operator();
    let made = operator.send(Method::POST, "/v1/accounts", Some(json!({"name": "Billing"}))).await;
    let path = format!("/v1/accounts/{}", made.id());
    assert_eq!((made.status, made.header("location")), (201, path.as_str()));
    insta::assert_json_snapshot!("account", made.body, {".id" => "acc_…"});
    assert_eq!(operator.get(&path).await.body, made.body);

    let patch = async |change: Value| operator.send(Method::PATCH, &path, Some(change)).await;
    let capped = patch(json!({"name": "Bills", "max_running": 7})).await;
    assert_eq!(capped.status, 200);
    assert_eq!((&capped.body["name"], &capped.body["max_running"]), (&json!("Bills"), &json!(7)));
    let uncapped = patch(json!({"max_running": null, "is_active": false})).await;
    assert_eq!(
        (&uncapped.body["max_running"], &uncapped.body["is_active"]),
        (&Value::Null, &json!(false))
    );
    assert_eq!(patch(json!({})).await.body, uncapped.body);
    assert_eq!(
        (operator.get(&path).await.body, &uncapped.body["name"]),
        (uncapped.body.clone(), &json!("Bills"))
    );
}

#[tokio::test(start_paused = true)]
async fn unknown_account_is_not_found() {
    let stack = Stack::new().await;
    let operator = stack.operator();
    assert_eq!(operator.get(UNKNOWN_ACCOUNT).await.problem_type(), "not-found");
    for change in [json!({"name": "x"}), json!({})] {
        assert_eq!(
            operator.send(Method::PATCH, UNKNOWN_ACCOUNT, Some(change)).await.problem_type(),
            "not-found"
        );
    }
    assert_eq!(operator.get("/v1/accounts/7").await.problem_type(), "invalid-parameter");
    assert_eq!(operator.get(UNKNOWN_ACCOUNT).await.status, 404, "PATCH must not create an account");
}

#[tokio::test(start_paused = true)]
async fn reports_all_violations() {
    let stack = Stack::new().await;
    let operator = stack.operator();
    let path = format!("/v1/accounts/{}", stack.tenant_account());
    let mut shown = Vec::new();
    for (method, path, bad) in [
        (Method::POST, "/v1/accounts", json!({"max_running": 0, "is_active": "yes", "keys": []})),
        (Method::POST, "/v1/accounts", json!({"name": "", "max_running": 1001})),
        (Method::POST, "/v1/accounts", json!({"name": "two\nlines"})),
        (Method::POST, "/v1/accounts", json!({"name": "x".repeat(101)})),
        (
            Method::PATCH,
            &path,
            json!({"name": null, "is_active": null, "max_running": 1.5, "id": "x"}),
        ),
    ] {
        let answer = operator.send(method, path, Some(bad.clone())).await;
        assert_eq!(answer.status, 422, "{bad}");
        shown.push(answer.body["errors"].clone());
    }
    insta::assert_json_snapshot!(shown);
    assert_eq!(operator.get(&path).await.body["name"], "tenant");
}

#[tokio::test(start_paused = true)]
async fn lists_accounts_oldest_first_in_pages() {
    let stack = Stack::new().await;
    let operator = stack.operator();
    for name in ["a", "b", "c"] {
        tokio::time::sleep(Duration::from_millis(2)).await;
        create(&operator, name).await;
    }
    let (mut names, mut query) = (Vec::new(), "?limit=2".to_owned());
    loop {
        let page = operator.get(&format!("/v1/accounts{query}")).await;
        assert_eq!(page.status, 200, "{page:?}");
        let items = page.body["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        names.extend(items.iter().map(|account| account["name"].as_str().unwrap().to_owned()));
        let Some(cursor) = page.body["next_cursor"].as_str() else { break };
        query = format!("?limit=2&cursor={cursor}");
    }
    names[..2].sort();
    assert_eq!(names, ["operator", "tenant", "a", "b", "c"]);
}

#[tokio::test(start_paused = true)]
async fn keys_of_a_deactivated_account_are_refused_within_30_s() {
    let stack = Stack::new().await;
    let (operator, tenant) = (stack.operator(), stack.tenant());
    assert_eq!(tenant.get("/v1/jobs").await.status, 200);
    let path = format!("/v1/accounts/{}", stack.tenant_account());
    let deactivated = operator.send(Method::PATCH, &path, Some(json!({"is_active": false}))).await;
    assert_eq!(deactivated.body["is_active"], false);
    tokio::time::sleep(Duration::from_secs(30)).await;
    for (status, slug) in [tenant.get("/v1/jobs").await, tenant.submit("echo", json!(1)).await]
        .map(|refused| (refused.status, refused.problem_type().to_owned()))
    {
        assert_eq!((status, slug.as_str()), (403, "account-inactive"));
    }
    operator.send(Method::PATCH, &path, Some(json!({"is_active": true}))).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(tenant.submit("echo", json!(1)).await.status, 202);
}

#[tokio::test(start_paused = true)]
async fn operator_cannot_deactivate_own_account() {
    let stack = Stack::new().await;
    let key = stack.create_account_key(&[Scope::Admin]).await;
    let account = key.parse::<model::account::ApiKey>().unwrap().account;
    let path = format!("/v1/accounts/{account}");
    let off = Some(json!({"is_active": false}));
    let refused = stack.client(&key).send(Method::PATCH, &path, off.clone()).await;
    assert_eq!((refused.status, refused.problem_type()), (409, "own-access"));
    assert_eq!(stack.operator().send(Method::PATCH, &path, off).await.status, 200);
}

/// A changed concurrency limit takes effect in a worker that has the old one cached.
#[tokio::test(start_paused = true)]
async fn new_concurrency_limit_takes_effect_within_20_s() {
    let stack = Stack::new().await;
    let (tenant, worker) = (stack.tenant(), stack.worker());
    let source = sim::EventSource::new(&stack.aws, sim::JOBS, 10);
    let work = async || {
        tenant.submit("echo", json!(1)).await;
        stack.aws.reset_ledger();
        source
            .deliver_once(async |event| {
                Ok::<_, String>(worker.handle(event, "run", stack.deadline()).await)
            })
            .await;
        // The worker queries for slots only if the account has a limit.
        stack.aws.reset_ledger().count("Query")
    };
    assert_eq!(work().await, 0);
    let path = format!("/v1/accounts/{}", stack.tenant_account());
    stack.operator().send(Method::PATCH, &path, Some(json!({"max_running": 1}))).await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(work().await, 1);
}

#[tokio::test(start_paused = true)]
async fn cost_of_account_requests() {
    let stack = Stack::new().await;
    let operator = stack.operator();
    operator.get("/v1/kinds").await;
    operator.send(Method::DELETE, "/v1/kinds/none", None).await;
    stack.aws.reset_ledger();
    let account = create(&operator, "x").await;
    insta::assert_snapshot!("account_created", stack.aws.reset_ledger());
    let change = Some(json!({"name": "y", "max_running": 3}));
    operator.send(Method::PATCH, &format!("/v1/accounts/{account}"), change).await;
    insta::assert_snapshot!("account_updated", stack.aws.reset_ledger());
    operator.get("/v1/accounts").await;
    insta::assert_snapshot!("accounts_listed", stack.aws.reset_ledger());
}
