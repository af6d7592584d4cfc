//! Following events from a script.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use serde_json::{Value, json};

use crate::{home::Home, operator::Operator, server::Server};

#[test]
fn tail_survives_an_outage() {
    let mut server = Server::start();
    let operator = Operator::with_accounts(&server, &["acme"]);
    operator.publish("acme", "first");
    let home = Home::with(&server.url, &server.operator);
    let acme = operator.id("acme");
    let mut command =
        home.command(&["events", "tail", "--account", acme, "--oldest", "-o", "json"]);
    let mut tail = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    let mut notes = BufReader::new(tail.stderr.take().unwrap()).lines();
    let mut data =
        || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap()["data"].clone();
    operator.publish("acme", r#"{"second": 2}"#);
    assert_eq!([data(), data()], [json!("first"), json!({"second": 2})]);
    server.stop_api();
    assert!(notes.next().unwrap().unwrap().contains("is down"));
    server.start_api();
    operator.publish("acme", "third");
    assert_eq!(data(), "third");
    assert_eq!(notes.next().unwrap().unwrap(), "The server is back.");
    tail.kill().unwrap();
    tail.wait().unwrap();

    let list = |more: &[&str]| -> Value {
        let all = [&["events", "list", "--account", acme, "-o", "json"], more].concat();
        serde_json::from_str(&home.run(&all).ok()).unwrap()
    };
    let first = list(&["--limit", "1"]);
    assert_eq!(first["items"][0]["data"], "first");
    let rest = list(&["--after", first["next_cursor"].as_str().unwrap()]);
    assert_eq!(rest["items"][1]["data"], "third");
}

#[test]
fn tail_resumes_from_a_saved_cursor() {
    let server = Server::start();
    let operator = Operator::with_accounts(&server, &["acme"]);
    let home = Home::with(&server.url, &server.operator);
    let acme = operator.id("acme");
    let mut cursor: Option<String> = None;
    for told in ["first", "second"] {
        operator.publish("acme", told);
        let mut command =
            home.command(&["events", "tail", "--cursors", "--account", acme, "-o", "json"]);
        match &cursor {
            None => command.arg("--oldest"),
            Some(cursor) => command.args(["--after", cursor]),
        };
        let mut tail = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
        let mut line = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
        assert_eq!(line()["data"], told);
        cursor = line()["next_cursor"].as_str().map(str::to_owned);
        tail.kill().unwrap();
        tail.wait().unwrap();
    }
    let page = home
        .run(&["events", "list", "--account", acme, "--after", &cursor.unwrap(), "-o", "json"])
        .ok();
    assert_eq!(serde_json::from_str::<Value>(&page).unwrap()["items"], json!([]));
}

#[test]
fn tail_exits_when_the_key_is_invalid() {
    let server = Server::start();
    let run = Home::with(&server.url, "tg_other").run(&["events", "tail"]);
    assert_eq!(run.code, 4, "{run:?}");
}

#[test]
fn the_rate_is_shown() {
    let server = Server::start();
    let home = Home::with(&server.url, &server.tenant);
    let rate = home.run(&["rate"]).ok();
    assert!(rate.contains("events_per_second") && rate.contains("window_seconds"), "{rate}");
}

/// A cursor's alphabet includes the hyphen.
#[test]
fn a_cursor_may_begin_with_a_hyphen() {
    let server = Server::start();
    let home = Home::with(&server.url, &server.tenant);
    for command in [
        &["events", "list", "--after"][..],
        &["events", "tail", "--after"],
        &["jobs", "list", "--cursor"],
    ] {
        let run = home.run(&[command, &["-Kx"]].concat());
        assert!(run.code == 3 && run.err.contains("is not a cursor"), "{command:?} {run:?}");
    }
}
