//! Tests of the permission check: it detects missing and unused permissions.

use serde_json::{Value, json};
use sim::iam::{Call, Policies, ResourceNames};

const NAMES: ResourceNames<'static> = ResourceNames {
    table: "tollgate",
    jobs: "jobs",
    dead_letters: "dead",
    schedules: "schedules",
    role: "role",
    sender: "tollgate@example.com",
    stack: "tollgate",
};

fn policies(change: impl FnOnce(&mut Vec<Value>)) -> Policies {
    let mut template = sim::template().clone();
    let role = &mut template["Resources"]["PollRole"]["Properties"]["Policies"][0]["PolicyDocument"]
        ["Statement"];
    change(role.as_array_mut().unwrap());
    Policies::of(&template)
}

fn get(pk: &str) -> Call {
    let request = json!({"TableName": "tollgate", "Key": {"pk": {"S": pk}, "sk": {"S": "-"}}});
    Call::all(&NAMES, "dynamodb", "GetItem", &request).remove(0)
}

#[test]
fn detects_a_missing_action() {
    let whole = policies(|_| ());
    assert_eq!(whole.used("poll", &get("JOBS#a#1")).len(), 1);
    assert!(whole.used("poll", &get("IDEMPOTENCY#a")).is_empty(), "a key of another function");
    let put = json!({"TableName": "tollgate", "Item": {"pk": {"S": "JOBS#a#1"}}});
    assert!(whole.used("poll", &Call::all(&NAMES, "dynamodb", "PutItem", &put)[0]).is_empty());
    assert!(whole.used("poll", &Call { resource: "another".into(), ..get("JOBS#a#1") }).is_empty());
    let without =
        policies(|statements| statements.retain(|statement| statement["Sid"] != "ReadItems"));
    assert!(without.used("poll", &get("JOBS#a#1")).is_empty());
}

#[test]
fn detects_an_unused_action() {
    let before = policies(|_| ()).grants();
    let added = policies(|statements| {
        let statement =
            statements.iter_mut().find(|statement| statement["Sid"] == "ReadItems").unwrap();
        statement["Action"].as_array_mut().unwrap().push(json!("dynamodb:DeleteItem"));
    });
    let used = added.used("poll", &get("JOBS#a#1"));
    let new: Vec<_> = added.grants().into_iter().filter(|grant| !before.contains(grant)).collect();
    assert!(
        !new.is_empty()
            && new
                .iter()
                .all(|grant| grant.action == "dynamodb:DeleteItem" && !used.contains(grant))
    );
}

/// The minute tick may only write an account's blocks.
#[test]
fn enforces_conditions_on_attributes_and_return_values() {
    let all = policies(|_| ());
    let update = |expression: &str, answer: Option<&str>| {
        let mut request = json!({
            "TableName": "tollgate",
            "Key": {"pk": {"S": "ACCOUNT#a"}, "sk": {"S": "PROFILE"}},
            "UpdateExpression": expression,
        });
        if let Some(answer) = answer {
            request["ReturnValues"] = json!(answer);
        }
        !all.used("quota-check", &Call::all(&NAMES, "dynamodb", "UpdateItem", &request)[0])
            .is_empty()
    };
    assert!(update("SET blocks = :b", None) && update("SET blocks = :b", Some("NONE")));
    assert!(
        !update("SET blocks = :b, max_running = :m", None)
            && !update("SET blocks = :b", Some("ALL_NEW"))
    );
}
