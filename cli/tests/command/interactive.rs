//! The interactive client, on a real pseudo-terminal.

use rexpect::{
    reader::Options,
    session::{PtySession, spawn_with_options},
};

use crate::{home::Home, operator::Operator, server::Server};

const CTRL_C: char = 'c';
const CTRL_D: char = 'd';

/// A user at a terminal.
struct User {
    terminal: PtySession,
    /// All output so far.
    seen: String,
    _home: Home,
}

impl User {
    fn at(server: &Server) -> Self {
        Self::with(Home::with(&server.url, &server.operator))
    }

    fn with(home: Home) -> Self {
        let options = Options::new().timeout_ms(Some(20_000)).strip_ansi_escape_codes(true);
        let terminal = spawn_with_options(home.command(&["events"]), options).unwrap();
        let mut person = Self { terminal, seen: String::new(), _home: home };
        person.expect("tollgate> ");
        person
    }

    fn type_line(&mut self, line: &str) {
        self.terminal.send_line(line).unwrap();
    }

    fn type_partial(&mut self, line: &str) {
        self.terminal.send(line).unwrap();
        self.terminal.flush().unwrap();
    }

    fn press(&mut self, control: char) {
        self.terminal.send_control(control).unwrap();
    }

    /// Waits until this text is shown.
    fn expect(&mut self, text: &str) {
        let before = self
            .terminal
            .exp_string(text)
            .unwrap_or_else(|error| panic!("{text}: {error}\nso far: {}", self.seen));
        self.seen += &before;
        self.seen += text;
    }

    /// Waits until an event of this account is shown whose data matches this expression.
    fn expect_event(&mut self, account: &str, data: &str) {
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
    fn expect_exit(mut self) -> String {
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
    let operator = Operator::with_accounts(&server, &["acme", "beta", "gamma"]);
    operator.publish("acme", "long ago");
    let mut person = User::at(&server);
    person.type_line("events");
    person.expect("No account is chosen;");
    person.type_line("accounts");
    person.expect("gamma");
    person.expect("accounts> ");
    person.type_partial("ac\t");
    person.expect("acme");
    person.type_line("");
    person.expect("Chosen: acme");
    person.type_line("nobody beta");
    person.expect("No account is named nobody");
    person.expect("Chosen: acme, beta");
    person.press(CTRL_C);
    person.expect("tollgate> ");

    person.type_line("events");
    person.expect("Watching acme, beta.");
    operator.publish("acme", "data");
    person.expect_event("acme", r#""data""#);
    operator.publish("gamma", "not chosen yet");
    operator.publish("beta", r#"{"n":1}"#);
    person.expect_event("beta", r#"\{"n":1\}"#);

    person.press(CTRL_C);
    person.expect("tollgate> ");
    operator.publish("beta", "meanwhile");
    person.type_line("accounts gamma");
    person.expect("Chosen: acme, beta, gamma");
    person.type_line("events");
    person.expect_event("beta", r#""meanwhile""#);
    operator.publish("gamma", "\u{1b}[2J\u{9b}2J");
    person.expect_event("gamma", r#""\\u001b\[2J\\u\{9b\}2J""#);

    person.press(CTRL_D);
    let seen = person.expect_exit();
    assert!(!seen.contains("long ago"), "{seen}");
}

#[test]
fn reports_an_outage_once_and_loses_no_event() {
    let mut server = Server::start();
    let operator = Operator::with_accounts(&server, &["acme"]);
    let mut person = User::at(&server);
    person.type_line("accounts acme");
    person.expect("Chosen: acme");
    person.type_line("events");
    person.expect("Watching acme.");
    for outage in 0..2 {
        operator.publish("acme", &format!("before {outage}"));
        person.expect(&format!("before {outage}"));
        server.stop_api();
        person.expect("The server is down");
        server.start_api();
        // The client may not have noticed yet that the server is back.
        operator.publish("acme", &format!("during {outage}"));
        person.expect("The server is back.");
        person.expect(&format!("during {outage}"));
    }
    person.press(CTRL_C);
    person.expect("tollgate> ");
    person.press(CTRL_C);
    let seen = person.expect_exit();
    assert_eq!(seen.matches("The server is down").count(), 2, "{seen}");
    assert_eq!(seen.matches("The server is back").count(), 2, "{seen}");
    assert_eq!(seen.matches("during 1").count(), 1, "{seen}");
}

#[test]
fn end_of_input_exits_from_every_prompt() {
    let server = Server::start();
    let mut person = User::at(&server);
    person.press(CTRL_D);
    person.expect_exit();

    let mut person = User::at(&server);
    person.type_line("accounts");
    person.expect("accounts> ");
    person.press(CTRL_D);
    person.expect_exit();

    let mut person = User::at(&server);
    person.type_line("help");
    person.expect("Tab completes");
    person.type_line("nonsense");
    person.expect("nonsense: unknown command");
    person.press(CTRL_D);
    person.expect_exit();
}

#[test]
fn recovers_if_the_server_is_down_at_the_start() {
    let mut server = Server::start();
    let _operator = Operator::with_accounts(&server, &["acme"]);
    server.stop_api();
    let mut person = User::at(&server);
    person.type_line("accounts");
    person.expect("cannot reach");
    person.expect("tollgate> ");
    server.start_api();
    person.type_line("accounts acme");
    person.expect("Chosen: acme");
    person.press(CTRL_D);
    person.expect_exit();
}

#[test]
fn a_tenant_sees_its_own_account() {
    let server = Server::start();
    let home = Home::with(&server.url, &server.tenant);
    let mut person = User::with(home);
    person.type_line("events");
    person.expect("Watching acc_");
    let home = Home::with(&server.url, &server.tenant);
    home.run(&["events", "publish", "mine", "--source", "host-1"]).ok();
    person.expect_event("acc_[0-9a-z]{26}", r#""mine""#);
    person.press(CTRL_D);
    person.expect_exit();
}

#[test]
fn reads_commands_from_a_pipe() {
    let server = Server::start();
    let _operator = Operator::with_accounts(&server, &["acme"]);
    let home = Home::with(&server.url, &server.operator);
    let said = home.run_with(&["events"], "accounts acme\nnonsense\n").ok();
    assert!(said.contains("Chosen: acme") && said.contains("nonsense: unknown command"), "{said}");
}
