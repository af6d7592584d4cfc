//! Following events in a script.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use serde_json::{Value, json};
use shared::time::Time;

use crate::{
    home::Home,
    publisher::{self, Publisher, id},
};

fn later(second: u8) -> Time {
    format!("2100-01-01T00:00:0{second}.250Z").parse().unwrap()
}

#[test]
fn tail_goes_on_where_it_was_told_to_and_through_an_outage() {
    let mut publisher = Publisher::start(&["acme"]);
    publisher.publish("acme", json!("old"), "2021-01-01T00:00:00Z".parse().unwrap());
    publisher.publish("acme", json!("new"), later(1));
    let home = Home::with(&publisher.url(), publisher::KEY);
    let acme = id("acme");
    let mut command = home.command(&["events", "tail", "--account", &acme, "--oldest", "-o", "json"]);
    let mut tail = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    let mut notes = BufReader::new(tail.stderr.take().unwrap()).lines();
    let mut data = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap()["data"].clone();
    assert_eq!([data(), data()], ["old", "new"]);
    publisher.go_away();
    assert!(notes.next().unwrap().unwrap().contains("is away"));
    publisher.publish("acme", json!("meanwhile"), later(2));
    publisher.come_back();
    assert_eq!(data(), "meanwhile");
    assert_eq!(notes.next().unwrap().unwrap(), "The server is back.");
    tail.kill().unwrap();
    tail.wait().unwrap();

    let list = home.run(&["events", "list", "--account", &acme, "--after", "1", "-o", "json"]).ok();
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!((&list["items"][0]["data"], &list["next_cursor"]), (&json!("new"), &json!("3")));
}

#[test]
fn tail_ends_when_the_key_opens_nothing() {
    let publisher = Publisher::start(&["acme"]);
    let run = Home::with(&publisher.url(), "tg_other").run(&["events", "tail"]);
    assert_eq!(run.code, 4, "{run:?}");
}
