//! Compatibility routes: the APIs of the earlier systems, used as their clients use them.

mod gatekeeper;
mod tasker;
mod tracker;

use serde_json::{Value, json};
use sim::{ApiResponse, Stack};

/// A stack with the default kinds of these routes. Deletions go to the URL `tasker` if given, and
/// to the echo target otherwise.
async fn stack(tasker: Option<&str>) -> Stack {
    let stack = Stack::new().await;
    let mut kind: Value =
        serde_json::from_str(include_str!("../../infra/kinds/user.delete.json")).unwrap();
    match tasker {
        Some(url) => kind["target"]["url"] = json!(url),
        None => kind["target"] = json!({"type": "echo"}),
    }
    // As many attempts as the default kind, without the backoff.
    kind["retry"] = json!({"max_attempts": 3, "initial_seconds": 0});
    stack.define("user.delete", kind).await;
    let kind = serde_json::from_str(include_str!("../../infra/kinds/activities.json")).unwrap();
    stack.define("activities", kind).await;
    stack.aws.reset_ledger();
    stack
}

fn token(answer: &ApiResponse) -> String {
    answer.body["token"].as_str().unwrap_or_else(|| panic!("no token: {answer:?}")).to_owned()
}
