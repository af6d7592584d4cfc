//! Accounts, API keys and webhook secrets.

use serde_json::Value;

use crate::{home::Home, server::Server};

#[test]
fn manages_accounts_keys_and_secrets() {
    let server = Server::start();
    let operator = Home::with(&server.url, &server.operator);
    let made =
        operator.run(&["accounts", "create", "acme", "--max-running", "3", "-o", "json"]).ok();
    let made: Value = serde_json::from_str(&made).unwrap();
    let account = made["id"].as_str().unwrap();
    assert_eq!((&made["name"], &made["max_running"]), (&"acme".into(), &3.into()));

    let key = operator.run(&[
        "keys",
        "create",
        account,
        "--scopes",
        "jobs:read,jobs:write",
        "--name",
        "ci",
    ]);
    assert_eq!(key.code, 0, "{key:?}");
    let secret = key.out.trim_end();
    assert!(secret.starts_with("tg_") && !secret.contains(char::is_whitespace), "{secret}");
    assert!(!key.err.contains(secret), "the key is on standard error, which may be logged");
    let keys = operator.run(&["keys", "list", account]).ok();
    assert!(keys.contains("ci") && !keys.contains("tg_"), "{keys}");

    let tenant = Home::with(&server.url, secret);
    assert_eq!(tenant.run(&["submit", "echo", "7", "--wait"]).ok(), "7");
    let whose: Value = serde_json::from_str(&tenant.run(&["whoami", "-o", "json"]).ok()).unwrap();
    assert_eq!(
        (&whose["account_id"], &whose["account_name"], &whose["name"]),
        (&made["id"], &made["name"], &"ci".into())
    );
    // An API key contains its account's id.
    assert_eq!(tenant.run(&["secrets", "list"]).ok().matches("whsec_").count(), 1);
    tenant.run(&["secrets", "rotate"]).ok();
    assert_eq!(operator.run(&["secrets", "list", account]).ok().matches("whsec_").count(), 2);
    assert_eq!(tenant.run(&["accounts", "list"]).code, 4);

    operator
        .run(&["accounts", "update", account, "--active", "false", "--max-running", "none"])
        .ok();
    let shown: Value =
        serde_json::from_str(&operator.run(&["accounts", "show", account, "-o", "json"]).ok())
            .unwrap();
    assert_eq!((&shown["is_active"], &shown["max_running"]), (&false.into(), &Value::Null));
    assert_eq!(operator.run(&["accounts", "update", account]).code, 2);

    let id = format!("key_{}", secret.split('_').nth(2).unwrap());
    assert_eq!(operator.run(&["keys", "revoke", account, &id]).ok(), format!("{id}\trevoked"));
    let list = operator.run(&["accounts", "list"]).ok();
    assert!(list.starts_with("ID") && list.contains("acme"), "{list}");
}
