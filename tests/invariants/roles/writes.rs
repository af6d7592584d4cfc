//! Which functions may write, and what.

use serde_json::{Value, json};

use super::statements;
use crate::template::{list, template};

/// A function that only answers queries must not change data. Two exceptions are harmless. `poll`
/// may add to the totals, because only it knows the number of its requests. It also takes and
/// releases wait slots.
#[test]
fn poll_can_only_read_add_to_totals_and_take_wait_slots() {
    let reads = ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"];
    let own = ["logs:CreateLogStream", "logs:PutLogEvents"];
    let template = template();
    let mut of_poll = statements(template);
    of_poll.retain(|(role, _)| role == "PollRole");
    assert!(!of_poll.is_empty());
    for (actions, keys) in [
        (&["dynamodb:UpdateItem"][..], "COUNTERS#?"),
        (&["dynamodb:PutItem", "dynamodb:DeleteItem"], "WAIT#*"),
    ] {
        let before = of_poll.len();
        let only = json!({"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [keys]}});
        of_poll.retain(|(_, statement)| {
            let writes = list(&statement["Action"]) == actions && statement["Condition"] == only;
            !(writes && statement["Resource"] == json!({"!GetAtt": "Table.Arn"}))
        });
        assert_eq!(before - of_poll.len(), 1, "{actions:?}");
    }
    for (_, statement) in of_poll {
        assert!(
            list(&statement["Action"])
                .iter()
                .all(|action| reads.contains(action) || own.contains(action)),
            "{statement}"
        );
    }
}

/// Whether a statement updates nothing but these attributes of items, besides their keys.
fn updates_only(statement: &Value, attributes: &[&str]) -> bool {
    let condition = &statement["Condition"];
    let allowed = list(&condition["ForAllValues:StringEquals"]["dynamodb:Attributes"]);
    list(&statement["Action"]) == ["dynamodb:UpdateItem"]
        && allowed == [&["pk", "sk"], attributes].concat()
        && condition["StringEqualsIfExists"]["dynamodb:ReturnValues"] == "NONE"
}

/// Roles with write access to items whose partition key starts with one of these prefixes.
fn writers(template: &Value, prefixes: &[&str]) -> Vec<String> {
    let reads = ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"];
    let writes = |(role, statement): &(String, Value)| {
        let is_harmless = match role.as_str() {
            "QuotaCheckRole" => updates_only(statement, &["blocks"]),
            "SubmitRole" => updates_only(statement, &["last_used_at"]),
            _ => false,
        };
        let keys = list(&statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]);
        !is_harmless
            && keys.iter().any(|key| prefixes.iter().any(|prefix| key.starts_with(prefix)))
            && list(&statement["Action"]).iter().any(|action| !reads.contains(action))
    };
    let mut roles: Vec<_> =
        statements(template).into_iter().filter(writes).map(|(role, _)| role).collect();
    roles.dedup();
    roles
}

/// A function that could write accounts or keys could grant itself the operator's rights.
#[test]
fn only_manage_may_change_accounts() {
    assert_eq!(writers(template(), &["ACCOUNT"]), ["ManageRole"]);
}

/// The worker disables kinds whose target is gone.
#[test]
fn only_manage_may_write_definitions() {
    let template = template();
    assert_eq!(writers(template, &["KINDS"]), ["ManageRole", "QueueWorkerRole"]);
    assert_eq!(writers(template, &["SCHEDULES", "QUOTAS"]), ["ManageRole"]);
    assert_eq!(writers(template, &["SOURCES"]), ["ManageRole"]);
}
