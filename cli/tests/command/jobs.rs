//! Submitting jobs, waiting for them, and controlling them.

use rexpect::{reader::Options, session::spawn_with_options};
use serde_json::{Value, json};
use sim::{Fault, Plan};

use crate::{home::Home, server::Server};

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn submit_with_wait_prints_the_result() {
    let server = Server::start();
    let home = Home::with(&server.url, &server.tenant);
    // Must arrive byte for byte; the number is larger than any integer type.
    let payload = r#"{"b": 123456789012345678901234567890, "a": 1.10}"#;
    let run = home.run(&["submit", "echo", payload, "--wait", "--metadata", "of=mine"]);
    assert_eq!((run.code, run.out.trim_end(), run.err.as_str()), (0, payload, ""));
    let file = home.write("payload.json", "[1,2]");
    assert_eq!(home.run(&["submit", "echo", &format!("@{file}"), "--wait"]).ok(), "[1,2]");
    assert_eq!(home.run_with(&["submit", "echo", "-", "--wait"], "\"piped\"").ok(), "\"piped\"");
    let all = home.run(&["submit", "echo", "--wait", "-o", "json", "--metadata", "of=mine"]).ok();
    assert_eq!(parsed(&all)["metadata"], json!({"of": "mine"}));
    assert_eq!(parsed(&all)["status"], "completed");
}

#[test]
fn each_outcome_has_its_exit_code() {
    let server = Server::start();
    let operator = Home::with(&server.url, &server.operator);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let spec = json!({
        "schema": {},
        "target": {"type": "http", "url": format!("http://{closed}/")},
        "retry": {"max_attempts": 1},
    });
    operator.run(&["kinds", "apply", &operator.write("doomed.json", &spec.to_string())]).ok();
    let home = Home::with(&server.url, &server.tenant);

    let failed = home.run(&["submit", "doomed", "--wait"]);
    assert_eq!((failed.code, failed.out.as_str()), (10, ""), "{failed:?}");
    assert!(failed.err.contains("failed after 1 attempt: "), "{failed:?}");
    let id = failed.err.split_whitespace().nth(1).unwrap();
    let attempts = parsed(&home.run(&["jobs", "attempts", id, "-o", "json"]).ok());
    assert_eq!(attempts["items"].as_array().unwrap().len(), 1);
    assert!(home.run(&["jobs", "attempts", id]).ok().starts_with("NUMBER"));

    let later = home.run(&["submit", "echo", "--delay", "1h"]).ok();
    let waited = home.run(&["jobs", "wait", &later, "--timeout", "1s"]);
    assert_eq!((waited.code, waited.out.as_str()), (12, ""), "{waited:?}");
    assert!(waited.err.contains(&format!("tollgate jobs wait {later}")), "{waited:?}");
    home.run(&["jobs", "cancel", &later]).ok();
    assert_eq!(home.run(&["jobs", "wait", &later]).code, 11);
    assert_eq!(home.run(&["jobs", "cancel", &later]).code, 6);
    home.run(&["jobs", "retry", &later]).ok();
    assert_eq!(home.run(&["jobs", "wait", &later]).ok(), "{}");
}

#[test]
fn jobs_are_listed_page_by_page() {
    let server = Server::start();
    let home = Home::with(&server.url, &server.tenant);
    let jobs: String =
        (0..130).map(|n| format!("{{\"kind\": \"echo\", \"payload\": {n}}}\n")).collect();
    let accepted = home.run_with(&["jobs", "batch", "-"], &jobs).ok();
    assert_eq!(accepted.lines().filter(|line| line.contains("\taccepted\tjob_")).count(), 130);
    let count = |arguments: &[&str]| {
        let list = parsed(&home.run(&[&["jobs", "list", "-o", "json"], arguments].concat()).ok());
        (list["items"].as_array().unwrap().len(), list["next_cursor"].is_null())
    };
    assert_eq!(count(&[]), (20, false));
    assert_eq!(count(&["--limit", "125"]), (125, false));
    assert_eq!(count(&["--all"]), (130, true));
    let table = home.run(&["jobs", "list", "--limit", "2"]).ok();
    assert_eq!(table.lines().count(), 3, "{table}");
    assert!(table.lines().next().unwrap().starts_with("ID"), "{table}");
}

#[test]
fn batch_reports_each_job() {
    let server = Server::start();
    let home = Home::with(&server.url, &server.tenant);
    let jobs = r#"[{"kind": "echo", "payload": 1}, {"kind": "none", "payload": 1}, 7]"#;
    let run = home.run_with(&["jobs", "batch", "-"], jobs);
    assert_eq!(run.code, 3, "{run:?}");
    let statuses: Vec<_> = run.out.lines().map(|line| line.split('\t').nth(1).unwrap()).collect();
    assert_eq!(statuses, ["accepted", "refused", "refused"]);
    assert!(run.err.contains("2 of 3 jobs were not accepted"), "{run:?}");
    assert_eq!(home.run_with(&["jobs", "batch", "-"], "[{").code, 2);
}

#[test]
fn repeat_with_the_same_key_creates_no_second_job() {
    let server = Server::start();
    let home = Home::with(&server.url, &server.tenant);
    let submit = ["submit", "echo", "1", "--idempotency-key", "once"];
    let first = home.run(&submit).ok();
    assert_eq!(home.run(&submit).ok(), first);
    assert_eq!(home.run(&["submit", "echo", "2", "--idempotency-key", "once"]).code, 3);
    assert_ne!(home.run(&["submit", "echo", "1"]).ok(), first);
}

#[test]
fn retry_after_a_lost_response_creates_no_second_job() {
    let server = Server::start();
    let home = Home::with(&server.url, &server.tenant);
    // The message is sent but the response lost, often enough that the stack gives up and the
    // client receives an error.
    server.aws.inject(Plan::new(|operation, nth| {
        if operation == "SendMessage" && nth <= 3 { Fault::After } else { Fault::None }
    }));
    assert_eq!(home.run(&["submit", "echo", "5", "--wait"]).ok(), "5");
    assert_eq!(server.aws.heal(), 3);
    let list = parsed(&home.run(&["jobs", "list", "-o", "json"]).ok());
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
}

#[test]
fn reports_persistent_server_errors() {
    let server = Server::start();
    let home = Home::with(&server.url, &server.tenant);
    server.aws.inject(Plan::always("Query", Fault::Throttle));
    let run = home.run(&["jobs", "list"]);
    assert_eq!(run.code, 8, "{run:?}");
    assert!(run.err.contains("503 unavailable"), "{run:?}");
}

#[test]
fn wait_shows_progress_and_stops_on_ctrl_c() {
    let server = Server::start();
    let home = Home::with(&server.url, &server.tenant);
    let submit = home.command(&["submit", "echo", "--wait", "--delay", "1h"]);
    let options = Options::new().timeout_ms(Some(20_000)).strip_ansi_escape_codes(true);
    let mut terminal = spawn_with_options(submit, options).unwrap();
    terminal.exp_regex("job_[0-9a-z]{26} queued, ").unwrap();
    terminal.send_control('c').unwrap();
    terminal.exp_string("The job continues: `tollgate jobs wait job_").unwrap();
    terminal.exp_eof().unwrap();
    let ended = format!("{:?}", terminal.process().wait());
    assert!(ended.ends_with(", 130))"), "{ended}");
}
