//! The interactive client, on a real pseudo-terminal.

use rexpect::{
    reader::Options,
    session::{PtySession, spawn_with_options},
};

use crate::{home::Home, operator::Operator, server::Server};

const CTRL_C: char = 'c';
const CTRL_D: char = 'd';

/// A user at a terminal.
struct Person {
    terminal: PtySession,
    /// All output so far.
    seen: String,
    _home: Home,
}

impl Person {
    fn at(server: &Server) -> Self {
        Self::with(Home::with(&server.url, &server.operator))
    }

    fn with(home: Home) -> Self {
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

    /// Waits until this text is shown.
    fn sees(&mut self, text: &str) {
        let before = self
            .terminal
            .exp_string(text)
            .unwrap_or_else(|error| panic!("{text}: {error}\nso far: {}", self.seen));
        self.seen += &before;
        self.seen += text;
    }

    /// Waits until an event of this account is shown whose data matches this expression.
    fn sees_event(&mut self, account: &str, data: &str) {
        let line = format!(
            r"<\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d:\d{{3}}>: \[{account}\]: {data} \[host-1\]"
        );
        let found = self.terminal.exp_regex(&line);
        let (before, shown) =
            found.unwrap_or_else(|error| panic!("{line}: {error}\nso far: {}", self.seen));
        self.seen += &before;
        self.seen += &shown;
    }

    /// Waits until the client exits, which must be successful.
    fn leaves_well(mut self) -> String {
        self.seen += &self.terminal.exp_eof().unwrap();
        let ended = format!("{:?}", self.terminal.process().wait());
        assert!(
            ended.starts_with("Ok(Exited(") && ended.ends_with(", 0))"),
            "{ended} {}",
            self.seen
        );
        self.seen
    }
}

#[test]
fn chooses_accounts_and_follows_their_events() {
    let server = Server::start();
    let operator = Operator::of(&server, &["acme", "beta", "gamma"]);
    operator.publishes("acme", "long ago");
    let mut person = Person::at(&server);
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
    person.sees("No account is named nobody");
    person.sees("Chosen: acme, beta");
    person.presses(CTRL_C);
    person.sees("tollgate> ");

    person.types("events");
    person.sees("Watching acme, beta.");
    operator.publishes("acme", "data");
    person.sees_event("acme", r#""data""#);
    operator.publishes("gamma", "not chosen yet");
    operator.publishes("beta", r#"{"n":1}"#);
    person.sees_event("beta", r#"\{"n":1\}"#);

    person.presses(CTRL_C);
    person.sees("tollgate> ");
    operator.publishes("beta", "meanwhile");
    person.types("accounts gamma");
    person.sees("Chosen: acme, beta, gamma");
    person.types("events");
    person.sees_event("beta", r#""meanwhile""#);
    operator.publishes("gamma", "\u{1b}[2J\u{9b}2J");
    person.sees_event("gamma", r#""\\u001b\[2J\\u\{9b\}2J""#);

    person.presses(CTRL_D);
    let seen = person.leaves_well();
    assert!(!seen.contains("long ago"), "{seen}");
}

#[test]
fn reports_an_outage_once_and_loses_no_event() {
    let mut server = Server::start();
    let operator = Operator::of(&server, &["acme"]);
    let mut person = Person::at(&server);
    person.types("accounts acme");
    person.sees("Chosen: acme");
    person.types("events");
    person.sees("Watching acme.");
    for outage in 0..2 {
        operator.publishes("acme", &format!("before {outage}"));
        person.sees(&format!("before {outage}"));
        server.go_away();
        person.sees("The server is down");
        server.come_back();
        // The client may not have noticed yet that the server is back.
        operator.publishes("acme", &format!("during {outage}"));
        person.sees("The server is back.");
        person.sees(&format!("during {outage}"));
    }
    person.presses(CTRL_C);
    person.sees("tollgate> ");
    person.presses(CTRL_C);
    let seen = person.leaves_well();
    assert_eq!(seen.matches("The server is down").count(), 2, "{seen}");
    assert_eq!(seen.matches("The server is back").count(), 2, "{seen}");
    assert_eq!(seen.matches("during 1").count(), 1, "{seen}");
}

#[test]
fn end_of_input_exits_from_every_prompt() {
    let server = Server::start();
    let mut person = Person::at(&server);
    person.presses(CTRL_D);
    person.leaves_well();

    let mut person = Person::at(&server);
    person.types("accounts");
    person.sees("accounts> ");
    person.presses(CTRL_D);
    person.leaves_well();

    let mut person = Person::at(&server);
    person.types("help");
    person.sees("Tab completes");
    person.types("nonsense");
    person.sees("nonsense: unknown command");
    person.presses(CTRL_D);
    person.leaves_well();
}

#[test]
fn recovers_if_the_server_is_down_at_the_start() {
    let mut server = Server::start();
    let _operator = Operator::of(&server, &["acme"]);
    server.go_away();
    let mut person = Person::at(&server);
    person.types("accounts");
    person.sees("can't be reached");
    person.sees("tollgate> ");
    server.come_back();
    person.types("accounts acme");
    person.sees("Chosen: acme");
    person.presses(CTRL_D);
    person.leaves_well();
}

#[test]
fn a_tenant_sees_its_own_account() {
    let server = Server::start();
    let home = Home::with(&server.url, &server.tenant);
    let mut person = Person::with(home);
    person.types("events");
    person.sees("Watching acc_");
    let home = Home::with(&server.url, &server.tenant);
    home.run(&["events", "publish", "mine", "--source", "host-1"]).ok();
    person.sees_event("acc_[0-9a-z]{26}", r#""mine""#);
    person.presses(CTRL_D);
    person.leaves_well();
}

#[test]
fn reads_commands_from_a_pipe() {
    let server = Server::start();
    let _operator = Operator::of(&server, &["acme"]);
    let home = Home::with(&server.url, &server.operator);
    let said = home.run_with(&["events"], "accounts acme\nnonsense\n").ok();
    assert!(said.contains("Chosen: acme") && said.contains("nonsense: unknown command"), "{said}");
}
