//! Subscribers: the command `tollgate events tail`, and a consumer that keeps its output.

use std::{path::PathBuf, process::Stdio};

use live_stack::{JOB_TIMEOUT, stack};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

/// Identifies an event.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventTag {
    pub account: String,
    pub writer: usize,
    pub n: usize,
}

/// Keeps events together with the cursor after them.
#[derive(Debug)]
pub struct Subscriber {
    accounts: Vec<String>,
    cursor: String,
    saved: Vec<Value>,
}

/// The command that `make test-all` built, with the operator's key.
fn tollgate() -> Command {
    let tests: PathBuf = std::env::current_exe().unwrap();
    let program = tests.parent().unwrap().parent().unwrap().join("tollgate");
    let mut command = Command::new(program);
    command.env("TOLLGATE_URL", &stack().url).env("TOLLGATE_KEY", &stack().operator_key);
    command.args(["-o", "json", "events"]).stdin(Stdio::null()).kill_on_drop(true);
    command
}

fn add_accounts(command: &mut Command, accounts: &[String]) {
    accounts.iter().for_each(|account| {
        command.args(["--account", account]);
    });
}

impl Subscriber {
    /// A cursor for the current position.
    pub async fn current_cursor(accounts: &[String]) -> String {
        let mut list = tollgate();
        add_accounts(list.args(["list", "--after", "now"]), accounts);
        let listed = list.output().await.unwrap();
        let page: Value =
            serde_json::from_slice(&listed.stdout).unwrap_or_else(|_| panic!("{listed:?}"));
        assert_eq!(page["items"], Value::Array(Vec::new()));
        page["next_cursor"].as_str().unwrap().to_owned()
    }

    pub fn from(accounts: &[String], cursor: &str) -> Self {
        Self { accounts: accounts.to_vec(), cursor: cursor.to_owned(), saved: Vec::new() }
    }

    /// Follows the accounts until each has its last event. Kills the command whenever `kill_each`
    /// more events arrived, in the middle of a batch. Returns the events and the number of kills.
    pub async fn follow(mut self, kill_each: Option<usize>) -> (Vec<EventTag>, usize) {
        let (mut tail, mut lines) = self.tail();
        let (mut batch, mut kills) = (Vec::new(), 0);
        while !self.is_over() {
            let line = timeout(JOB_TIMEOUT, lines.next_line()).await;
            let line =
                line.unwrap_or_else(|_| panic!("received {} events, then none", self.saved.len()));
            let line =
                line.unwrap().unwrap_or_else(|| panic!("the command exited early: {tail:?}"));
            let told: Value = serde_json::from_str(&line).unwrap();
            if let Some(cursor) = told["next_cursor"].as_str() {
                self.cursor = cursor.to_owned();
                self.saved.append(&mut batch);
                continue;
            }
            batch.push(told);
            if kill_each.is_some_and(|each| self.saved.len() + batch.len() >= each * (kills + 1)) {
                tail.kill().await.unwrap();
                kills += 1;
                // The events of this batch arrive again, because their cursor was not saved.
                batch.clear();
                (tail, lines) = self.tail();
            }
        }
        (self.saved.iter().filter(|event| event["data"].is_object()).map(tagged).collect(), kills)
    }

    fn tail(&self) -> (Child, Lines<BufReader<ChildStdout>>) {
        let mut command = tollgate();
        add_accounts(command.args(["tail", "--cursors", "--after", &self.cursor]), &self.accounts);
        let mut tail = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(tail.stdout.take().unwrap()).lines();
        (tail, lines)
    }

    fn is_over(&self) -> bool {
        self.saved.iter().filter(|event| event["data"] == "the end").count() >= self.accounts.len()
    }
}

fn tagged(event: &Value) -> EventTag {
    let number = |name: &str| usize::try_from(event["data"][name].as_u64().unwrap()).unwrap();
    let account = event["account_id"].as_str().unwrap().to_owned();
    EventTag { account, writer: number("writer"), n: number("n") }
}
