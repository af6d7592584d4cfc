//! Isolation of tenants.

use http::Method;
use model::account::Scope;
use serde_json::json;
use sim::Stack;

#[tokio::test(start_paused = true)]
async fn job_of_another_account_is_not_found() {
    let stack = Stack::new().await;
    let id = stack.tenant().submit("echo", json!(1)).await.id().to_owned();
    let stranger =
        stack.client(&stack.create_account_key(&[Scope::JobsRead, Scope::JobsWrite]).await);
    let theirs = stranger.job(&id).await;
    let unknown = stranger.job("job_01kagzwy00e81840g2081040g2").await;
    assert_eq!((theirs.status, &theirs.body["detail"]), (404, &unknown.body["detail"]));
    assert_eq!(stranger.get(&format!("/v1/jobs/{id}/attempts")).await.status, 404);
    assert_eq!(stranger.get("/v1/jobs").await.body["items"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn only_admin_acts_for_other_accounts() {
    let stack = Stack::new().await;
    let account = stack.tenant_account();
    let body = json!({"kind": "echo", "payload": 1, "account": account});
    let accepted = stack.operator().send(Method::POST, "/v1/jobs", Some(body.clone())).await;
    assert_eq!(accepted.status, 202);
    assert_eq!(stack.tenant().job(accepted.id()).await.status, 200);
    assert_eq!(stack.operator().job(accepted.id()).await.status, 404);
    let path = format!("/v1/jobs/{}?account={account}", accepted.id());
    let shown = stack.operator().get(&path).await;
    assert_eq!((shown.status, accepted.header("location")), (200, path.as_str()));
    assert_eq!(
        (&shown.body["links"]["self"], &accepted.body["links"]["self"]),
        (&json!(path), &json!(path))
    );
    let list = stack.operator().get(&format!("/v1/jobs?account={account}")).await;
    assert_eq!(list.body["items"][0]["links"]["self"], json!(path));

    let stranger =
        stack.client(&stack.create_account_key(&[Scope::JobsRead, Scope::JobsWrite]).await);
    assert_eq!(
        stranger.send(Method::POST, "/v1/jobs", Some(body)).await.problem_type(),
        "missing-scope"
    );
    assert_eq!(stranger.get(&path).await.problem_type(), "missing-scope");
    let unknown =
        json!({"kind": "echo", "payload": 1, "account": "acc_01kagzwy00e40r2081040g2081"});
    let refused = stack.operator().send(Method::POST, "/v1/jobs", Some(unknown)).await;
    assert_eq!((refused.status, &refused.body["errors"][0]["pointer"]), (422, &json!("/account")));
}

#[tokio::test(start_paused = true)]
async fn scopes_are_enforced() {
    let stack = Stack::new().await;
    let reader = stack.client(&stack.create_account_key(&[Scope::JobsRead]).await);
    let writer = stack.client(&stack.create_account_key(&[Scope::JobsWrite]).await);
    assert_eq!(reader.submit("echo", json!(1)).await.problem_type(), "missing-scope");
    assert_eq!(writer.get("/v1/jobs").await.problem_type(), "missing-scope");
    let kind = json!({"schema": {}, "target": {"type": "echo"}});
    for client in [&reader, &writer] {
        assert_eq!(
            client.send(Method::PUT, "/v1/kinds/echo", Some(kind.clone())).await.problem_type(),
            "missing-scope"
        );
        assert_eq!(
            client.send(Method::DELETE, "/v1/kinds/echo", None).await.problem_type(),
            "missing-scope"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn key_of_a_deactivated_account_is_refused_within_30_s() {
    let stack = Stack::new().await;
    let key = stack.create_account_key(&[Scope::JobsRead]).await;
    let client = stack.client(&key);
    assert_eq!(client.get("/v1/jobs").await.status, 200);
    let accounts = stack.accounts();
    let known = accounts.caller(&key.parse().unwrap(), stack.now()).await.unwrap().unwrap();
    accounts
        .put_account(&model::account::Account { is_active: false, ..known.1.clone() })
        .await
        .unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(30)).await;
    let refused = client.get("/v1/jobs").await;
    assert_eq!((refused.status, refused.problem_type()), (403, "account-inactive"));
}
