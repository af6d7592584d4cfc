//! The smoke test of a deployed stack uses every policy statement or documents why it can't.

use std::collections::BTreeSet;

use serde_json::Value;
use sim::template;

const TABLE: &str = include_str!("../../infra/local/smoke_statements.json");
const STEPS: &str = include_str!("../../infra/local/smoke_steps.py");

/// All statements, each as the names of its policy and itself.
fn statements(template: &Value) -> BTreeSet<String> {
    let resources = template["Resources"].as_object().unwrap().values();
    let roles = resources.filter(|resource| resource["Type"] == "AWS::IAM::Role");
    let policies = roles.flat_map(|role| role["Properties"]["Policies"].as_array().unwrap());
    let named = policies.flat_map(|policy| {
        let name = policy["PolicyName"].as_str().unwrap();
        let statements = policy["PolicyDocument"]["Statement"].as_array().unwrap();
        statements.iter().map(move |statement| {
            format!("{name} {}", statement["Sid"].as_str().expect("a statement has a Sid"))
        })
    });
    named.collect()
}

/// Differences between the table of statements and a template.
fn differences(table: &Value, template: &Value) -> Vec<String> {
    let statements = statements(template);
    let rows = |part: &str| table[part].as_object().unwrap().keys();
    let rows: Vec<&String> = rows("steps").chain(rows("excused")).collect();
    let covers = |row: &str, statement: &str| {
        row == statement || row.strip_prefix('*').is_some_and(|sid| statement.ends_with(sid))
    };
    let missing = statements.iter().filter(|one| !rows.iter().any(|row| covers(row, one)));
    let stale = rows.iter().filter(|row| !statements.iter().any(|one| covers(row, one)));
    missing
        .map(|one| format!("no step uses {one}"))
        .chain(stale.map(|row| format!("there is no {row}")))
        .collect()
}

fn table() -> Value {
    serde_json::from_str(TABLE).unwrap()
}

#[test]
fn each_statement_has_a_step_or_an_exemption() {
    assert_eq!(differences(&table(), template()), [""; 0], "smoke_statements.json");
}

#[test]
fn detects_added_and_removed_statements() {
    let mut more = template().clone();
    let policy = &mut more["Resources"]["PollRole"]["Properties"]["Policies"][0]["PolicyDocument"];
    policy["Statement"].as_array_mut().unwrap()[0]["Sid"] = "New".into();
    let found = differences(&table(), &more);
    assert!(found.contains(&"no step uses poll New".to_owned()), "{found:?}");
    assert!(found.iter().any(|one| one.starts_with("there is no poll ")), "{found:?}");
}

#[test]
fn every_step_of_the_smoke_test_is_used() {
    let lines = STEPS.split_once("LINES:").unwrap().1.split_once('=').unwrap().1;
    let words = lines.split(|c: char| !c.is_alphanumeric() && c != '_');
    // The pages come from a function without AWS permissions.
    let expected: BTreeSet<&str> = words.filter(|word| !["", "console"].contains(word)).collect();
    let table = table();
    let rows = table["steps"].as_object().unwrap().values();
    let used = rows.flat_map(|steps| steps.as_array().unwrap());
    let used: BTreeSet<&str> = used.map(|step| step.as_str().unwrap()).collect();
    assert_eq!(used, expected);
}

#[test]
fn exemptions_give_a_reason() {
    for (statement, reason) in table()["excused"].as_object().unwrap() {
        assert!(reason.as_str().unwrap().len() > 20, "{statement}");
    }
}
