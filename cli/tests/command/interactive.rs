//! The interactive client, on a real pseudo-terminal.

use rexpect::{
    reader::Options,
    session::{PtySession, spawn_with_options},
};
use serde_json::json;
use shared::time::Time;

use crate::{
    home::Home,
    publisher::{self, Publisher},
};

const CTRL_C: char = 'c';
const CTRL_D: char = 'd';

/// A person at a terminal.
struct Person {
    terminal: PtySession,
    /// All that was shown so far.
    seen: String,
    _home: Home,
}

impl Person {
    fn at(publisher: &Publisher) -> Self {
        let home = Home::with(&publisher.url(), publisher::KEY);
        let options = Options::new().timeout_ms(Some(20_000)).strip_ansi_escape_codes(true);
        let terminal = spawn_with_options(home.command(&["events"]), options).unwrap();
        let mut person = Self { terminal, seen: String::new(), _home: home };
        person.sees("tollgate> ");
        person
    }

    fn types(&mut self, line: &str) {
        self.terminal.send_line(line).unwrap();
    }

    fn begins(&mut self, line: &str) {
        self.terminal.send(line).unwrap();
        self.terminal.flush().unwrap();
    }

    fn presses(&mut self, control: char) {
        self.terminal.send_control(control).unwrap();
    }

    /// Waits until this is shown.
    fn sees(&mut self, text: &str) {
        let before = self
            .terminal
            .exp_string(text)
            .unwrap_or_else(|error| panic!("{text}: {error}\nso far: {}", self.seen));
        self.seen += &before;
        self.seen += text;
    }

    /// Waits until the client has left, which has to be a success.
    fn leaves_well(mut self) -> String {
        self.seen += &self.terminal.exp_eof().unwrap();
        let ended = format!("{:?}", self.terminal.process().wait());
        assert!(ended.starts_with("Ok(Exited(") && ended.ends_with(", 0))"), "{ended} {}", self.seen);
        self.seen
    }
}

fn at(text: &str) -> Time {
    text.parse().unwrap()
}

#[test]
fn a_session() {
    let publisher = Publisher::start(&["acme", "beta", "gamma"]);
    publisher.publish("acme", json!("long ago"), at("2021-02-06T17:35:30.000Z"));
    let mut person = Person::at(&publisher);
    person.types("events");
    person.sees("Whose events?");
    person.types("accounts");
    person.sees("gamma");
    person.sees("accounts> ");
    person.begins("ac\t");
    person.sees("acme");
    person.types("");
    person.sees("Chosen: acme");
    person.types("nobody beta");
    person.sees("No account is called nobody");
    person.sees("Chosen: acme, beta");
    person.presses(CTRL_C);
    person.sees("tollgate> ");

    person.types("events");
    publisher.wait_for_questions(1);
    publisher.publish("acme", json!("data"), at("2100-02-06T17:35:30.000Z"));
    person.sees("<2100-02-06 17:35:30:000>: [acme]: \"data\" [host-1]");
    publisher.publish("gamma", json!("not chosen yet"), at("2100-02-06T17:35:31.001Z"));
    publisher.publish("beta", json!({"n": 1}), at("2100-02-06T17:35:31.042Z"));
    person.sees("<2100-02-06 17:35:31:042>: [beta]: {\"n\":1} [host-1]");

    person.presses(CTRL_C);
    person.sees("tollgate> ");
    publisher.publish("beta", json!("meanwhile"), at("2100-02-06T17:36:00.000Z"));
    person.types("accounts gamma");
    person.sees("Chosen: acme, beta, gamma");
    person.types("events");
    person.sees("[beta]: \"meanwhile\"");
    publisher.publish("gamma", json!("\u{1b}[2J\u{9b}2J"), at("2100-02-06T17:37:00.000Z"));
    person.sees("[gamma]: \"\\u001b[2J\\u{9b}2J\"");

    person.presses(CTRL_D);
    let seen = person.leaves_well();
    assert!(!seen.contains("long ago") && !seen.contains("not chosen yet"), "{seen}");
}

#[test]
fn an_outage_is_told_of_once_and_costs_no_event() {
    let mut publisher = Publisher::start(&["acme"]);
    let mut person = Person::at(&publisher);
    person.types("accounts acme");
    person.sees("Chosen: acme");
    person.types("events");
    publisher.wait_for_questions(1);
    for outage in 0..2 {
        publisher.publish("acme", json!(format!("before {outage}")), at("2100-01-01T00:00:00.000Z"));
        person.sees(&format!("before {outage}"));
        publisher.go_away();
        person.sees("The server is away");
        publisher.publish("acme", json!(format!("during {outage}")), at("2100-01-01T00:00:01.000Z"));
        publisher.come_back();
        person.sees("The server is back.");
        person.sees(&format!("during {outage}"));
    }
    person.presses(CTRL_C);
    person.sees("tollgate> ");
    person.presses(CTRL_C);
    let seen = person.leaves_well();
    assert_eq!(seen.matches("The server is away").count(), 2, "{seen}");
    assert_eq!(seen.matches("The server is back").count(), 2, "{seen}");
    assert_eq!(seen.matches("during 1").count(), 1, "{seen}");
}

#[test]
fn the_end_of_the_input_leaves_from_everywhere() {
    let publisher = Publisher::start(&["acme"]);
    let mut person = Person::at(&publisher);
    person.presses(CTRL_D);
    person.leaves_well();

    let mut person = Person::at(&publisher);
    person.types("accounts");
    person.sees("accounts> ");
    person.presses(CTRL_D);
    person.leaves_well();

    let mut person = Person::at(&publisher);
    person.types("help");
    person.sees("Tab completes");
    person.types("nonsense");
    person.sees("nonsense? There is");
    person.presses(CTRL_D);
    person.leaves_well();
}

#[test]
fn a_server_that_is_away_from_the_start_can_come_back() {
    let mut publisher = Publisher::start(&["acme"]);
    publisher.go_away();
    let mut person = Person::at(&publisher);
    person.types("accounts");
    person.sees("can't be reached");
    person.sees("tollgate> ");
    publisher.come_back();
    person.types("accounts acme");
    person.sees("Chosen: acme");
    person.presses(CTRL_D);
    person.leaves_well();
}
