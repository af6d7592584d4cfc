//! Lists of schedules.

use api::Cursor;
use http::Method;
use model::account::{ApiKey, Scope};
use serde_json::json;
use sim::Stack;

use super::spec;

#[tokio::test(start_paused = true)]
async fn tenant_lists_own_schedules_and_operator_lists_all() {
    let stack = Stack::new().await;
    let operator = stack.operator();
    let stranger_key = stack.create_account_key(&[Scope::JobsRead, Scope::JobsWrite]).await;
    let stranger = stack.client(&stranger_key);
    let strangers = stranger_key.parse::<ApiKey>().unwrap().account;
    // The stranger's schedules sort first, so the tenant's pages have to skip them.
    for n in 0..25 {
        let path = format!("/v1/schedules/a-{n:02}");
        operator.send(Method::PUT, &path, Some(spec(&stack, json!({"account": strangers})))).await;
    }
    for name in ["b", "c"] {
        operator
            .send(Method::PUT, &format!("/v1/schedules/{name}"), Some(spec(&stack, json!({}))))
            .await;
    }
    let tenant = stack.tenant();
    let names = async |client: &sim::Client, query: &str| -> (Vec<String>, Option<String>) {
        let page = client.get(&format!("/v1/schedules?{query}")).await;
        assert_eq!(page.status, 200, "{page:?}");
        let items = page.body["items"].as_array().unwrap();
        let names =
            items.iter().map(|schedule| schedule["name"].as_str().unwrap().to_owned()).collect();
        (names, page.body["next_cursor"].as_str().map(str::to_owned))
    };
    let (first, cursor) = names(&tenant, "limit=1").await;
    assert_eq!(first, ["b"]);
    let (second, _) = names(&tenant, &format!("limit=1&cursor={}", cursor.unwrap())).await;
    assert_eq!(second, ["c"]);
    assert_eq!(names(&stranger, "limit=100").await.0.len(), 25);
    assert_eq!(names(&operator, "limit=100").await.0.len(), 27);
    assert_eq!(
        names(&operator, &format!("account={}", stack.tenant_account())).await.0,
        ["b", "c"]
    );

    assert_eq!(tenant.get("/v1/schedules/b").await.status, 200);
    assert_eq!(tenant.get("/v1/schedules/a-00").await.problem_type(), "not-found");
    assert_eq!(
        tenant.get(&format!("/v1/schedules?account={strangers}")).await.problem_type(),
        "missing-scope"
    );
    for method in [Method::PUT, Method::DELETE] {
        let refused = tenant.send(method, "/v1/schedules/b", Some(spec(&stack, json!({})))).await;
        assert_eq!(refused.problem_type(), "missing-scope");
    }
    let writer = stack.client(&stack.create_account_key(&[Scope::JobsWrite]).await);
    assert_eq!(writer.get("/v1/schedules").await.problem_type(), "missing-scope");
}

/// The cost of a page and the content of its cursor do not depend on other accounts.
#[tokio::test(start_paused = true)]
async fn tenant_list_reads_no_other_accounts_items() {
    let stack = Stack::new().await;
    let operator = stack.operator();
    let stranger =
        stack.create_account_key(&[Scope::JobsRead]).await.parse::<ApiKey>().unwrap().account;
    for n in 0..120 {
        let path = format!("/v1/schedules/m-{n:03}");
        operator.send(Method::PUT, &path, Some(spec(&stack, json!({"account": stranger})))).await;
    }
    for name in ["a", "n", "z"] {
        operator
            .send(Method::PUT, &format!("/v1/schedules/{name}"), Some(spec(&stack, json!({}))))
            .await;
    }
    // The index entry of this one becomes stale when it moves to another account.
    operator
        .send(Method::PUT, "/v1/schedules/n", Some(spec(&stack, json!({"account": stranger}))))
        .await;

    let tenant = stack.tenant();
    let (mut seen, mut path) = (Vec::new(), "/v1/schedules?limit=1".to_owned());
    for pages in 1.. {
        let before = stack.aws.ledger();
        let page = tenant.get(&path).await;
        let after = stack.aws.ledger();
        assert_eq!(after.count("Query") - before.count("Query"), 1);
        assert!(after.count("GetItem") - before.count("GetItem") <= 1);
        seen.extend(page.body["items"].as_array().unwrap().iter().map(|item| item["name"].clone()));
        let Some(cursor) = page.body["next_cursor"].as_str() else { break };
        let shown =
            Cursor::decode(cursor, &format!("schedules {}", stack.tenant_account())).unwrap();
        assert!(["a", "n", "z"].contains(&shown.after.as_str()), "{shown:?}");
        path = format!("/v1/schedules?limit=1&cursor={cursor}");
        assert!(pages < 5, "{seen:?}");
    }
    assert_eq!(seen, ["a", "z"]);
}
