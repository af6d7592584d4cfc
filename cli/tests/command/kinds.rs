//! Kinds and schedules, defined in files.

use serde_json::Value;

use crate::{home::Home, server::Server};

const ECHO: &str = r#"{"schema": {"type": "object"}, "target": {"type": "echo"}}"#;

#[test]
fn kinds_are_applied_listed_shown_and_deleted() {
    let server = Server::start();
    let home = Home::with(&server.url, &server.operator);
    let named_by_file = home.write("report.make.json", ECHO);
    let named_inside = home.write(
        "other.json",
        &ECHO.replacen('{', r#"{"name": "mail.send", "description": "Sends a mail","#, 1),
    );
    let apply = ["kinds", "apply", &named_by_file, &named_inside];
    assert_eq!(home.run(&apply).ok(), "report.make\tcreated\nmail.send\tcreated");
    assert_eq!(home.run(&apply).ok(), "report.make\tupdated\nmail.send\tupdated");
    let applied: Value =
        serde_json::from_str(&home.run(&["kinds", "apply", &named_by_file, "-o", "json"]).ok())
            .unwrap();
    assert_eq!(applied["name"], "report.make");
    insta::assert_snapshot!(home.run(&["kinds", "list"]).ok());
    assert!(home.run(&["kinds", "show", "mail.send"]).ok().contains("Sends a mail"));
    assert_eq!(home.run(&["kinds", "delete", "mail.send"]).ok(), "mail.send\tdeleted");
    assert_eq!(home.run(&["kinds", "show", "mail.send"]).code, 5);
}

#[test]
fn one_bad_file_does_not_stop_the_others() {
    let server = Server::start();
    let home = Home::with(&server.url, &server.operator);
    let bad =
        home.write("bad.json", r#"{"schema": {"type": "nonsense"}, "target": {"type": "echo"}}"#);
    let good = home.write("good.json", ECHO);
    let run = home.run(&["kinds", "apply", &bad, "/nowhere.json", &good]);
    assert_eq!((run.code, run.out.as_str()), (3, "good\tcreated\n"), "{run:?}");
    assert!(run.err.contains("bad.json: ") && run.err.contains("/schema"), "{run:?}");
    assert!(run.err.contains("/nowhere.json can't be read"), "{run:?}");
}

#[test]
fn schedules_are_applied_and_listed() {
    let server = Server::start();
    let home = Home::with(&server.url, &server.operator);
    // An API key contains its account's id.
    let account = format!("acc_{}", server.tenant.split('_').nth(1).unwrap());
    let nightly = format!(
        r#"{{"expression": "cron(0 3 * * ? *)", "account": "{account}",
            "job": {{"kind": "echo", "payload": 1}}}}"#
    );
    let file = home.write("nightly.json", &nightly);
    assert_eq!(home.run(&["schedules", "apply", &file]).ok(), "nightly\tcreated");
    let list = home.run(&["schedules", "list", "--account", &account]).ok();
    assert!(
        list.contains("nightly") && list.contains("cron(0 3 * * ? *)") && list.contains(&account),
        "{list}"
    );
    assert_eq!(home.run(&["schedules", "delete", "nightly"]).ok(), "nightly\tdeleted");
}
