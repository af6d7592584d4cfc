//! The interactive client: the user chooses accounts and follows their events.
//!
//! It has two nested prompts and a view. `Ctrl-C` returns to the previous level; end of input
//! exits.

mod accounts;
mod prompt;
mod terminal;

use crate::{client::Client, failure::Failure, output};
use accounts::Accounts;
use prompt::{Line, Prompt};
use terminal::{Ended, until_interrupted};

use super::feed::{self, Feed, FeedItem, StartPosition};

const HELP: &str = "\
  accounts            choose accounts by name; Ctrl-C goes back
  accounts NAME …     add these to the selection
  events              print events of the chosen accounts as they arrive; Ctrl-C goes back
  clear               clear the selection
  help                show this help
Times are UTC. Tab completes. Ctrl-C goes back, or exits from here. Ctrl-D exits.";

const COMMANDS: [&str; 4] = ["accounts", "clear", "events", "help"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Stay,
    Leave,
}

struct Session<'a> {
    client: &'a Client,
    prompt: Prompt,
    accounts: Accounts,
    /// Set by the first `events` command; later ones resume from its cursor.
    feed: Option<Feed>,
}

/// Runs until the user exits.
pub async fn run(client: &Client) -> Result<(), Failure> {
    let accounts = Accounts::new(client);
    let mut session = Session { client, prompt: Prompt::new()?, accounts, feed: None };
    output::print_line(
        "Follow the events of accounts. Commands: `accounts`, `events`, `clear`, `help`.",
    )?;
    loop {
        session.prompt.complete_with(session.accounts.commands(&COMMANDS));
        let step = match session.prompt.read("tollgate> ")? {
            Line::Text(line) => session.run_command(line.trim()).await?,
            Line::Interrupted | Line::End => Step::Leave,
        };
        if step == Step::Leave {
            return Ok(());
        }
    }
}

impl Session<'_> {
    async fn run_command(&mut self, line: &str) -> Result<Step, Failure> {
        let (command, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        match command {
            "" => Ok(Step::Stay),
            "accounts" => self.choose(rest.trim()).await,
            "events" => self.watch().await,
            "clear" => {
                self.accounts.clear();
                self.print_selection()
            }
            "help" => print(HELP),
            other => {
                print(&format!("{other}: unknown command. Commands: {}.", COMMANDS.join(", ")))
            }
        }
    }

    /// Adds the named accounts to the selection, or prompts for them.
    async fn choose(&mut self, names: &str) -> Result<Step, Failure> {
        match until_interrupted(self.accounts.load(self.client)).await? {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => return print(&failure.to_string()),
            Err(Ended::Interrupted) => return Ok(Step::Stay),
            Err(Ended::End) => return Ok(Step::Leave),
        }
        if !names.is_empty() {
            return self.add(names);
        }
        print(&self.accounts.list())?;
        loop {
            self.prompt.complete_with(self.accounts.names());
            match self.prompt.read("accounts> ")? {
                Line::Text(line) if line.trim().is_empty() => {}
                Line::Text(line) => {
                    self.add(line.trim())?;
                }
                Line::Interrupted => return Ok(Step::Stay),
                Line::End => return Ok(Step::Leave),
            }
        }
    }

    fn add(&mut self, names: &str) -> Result<Step, Failure> {
        let unknown = self.accounts.choose(names);
        if !unknown.is_empty() {
            print(&format!("No account is named {}; press Tab for a list.", unknown.join(", ")))?;
        }
        self.print_selection()
    }

    fn print_selection(&self) -> Result<Step, Failure> {
        let chosen = self.accounts.chosen_names();
        print(&if chosen.is_empty() {
            "No account is chosen.".into()
        } else {
            format!("Chosen: {}", chosen.join(", "))
        })
    }

    /// Prints events until Ctrl-C or end of input.
    async fn watch(&mut self) -> Result<Step, Failure> {
        if !self.accounts.is_known() {
            match until_interrupted(self.accounts.load(self.client)).await? {
                // If the server is down, the feed reports it.
                Ok(_) => {}
                Err(Ended::Interrupted) => return Ok(Step::Stay),
                Err(Ended::End) => return Ok(Step::Leave),
            }
        }
        let Some(ids) = self.accounts.chosen_ids() else {
            return print("No account is chosen; choose with `accounts`.");
        };
        let feed =
            self.feed.get_or_insert_with(|| Feed::new(self.client, Vec::new(), StartPosition::Now));
        feed.set_accounts(ids);
        // Fix the feed's position before printing "Watching": every later event is shown.
        match until_interrupted(feed.fix_position()).await? {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => return print(&failure.to_string()),
            Err(Ended::Interrupted) => return Ok(Step::Stay),
            Err(Ended::End) => return Ok(Step::Leave),
        }
        print(&format!("Watching {}. Ctrl-C goes back.", self.accounts.chosen_names().join(", ")))?;
        let ended = until_interrupted(show(feed, &self.accounts)).await?;
        feed.pause();
        match ended {
            Ok(Ok(())) | Err(Ended::Interrupted) => {
                // Start a new line after the ^C that the terminal echoes.
                print("")
            }
            Ok(Err(Failure::OutputClosed)) => Err(Failure::OutputClosed),
            Ok(Err(failure)) => print(&failure.to_string()),
            Err(Ended::End) => Ok(Step::Leave),
        }
    }
}

async fn show(feed: &mut Feed, accounts: &Accounts) -> Result<(), Failure> {
    loop {
        match feed.next().await? {
            FeedItem::Events(events) => {
                for event in events {
                    let event = feed::parse_event(&event)?;
                    output::print_line(&event.line(accounts.name_of(&event.account_id)))?;
                }
            }
            FeedItem::Outage(why) => {
                output::print_line(&format!(
                    "The server is down ({why}); retrying until it is back."
                ))?;
            }
            FeedItem::Recovered => output::print_line("The server is back.")?,
        }
    }
}

fn print(text: &str) -> Result<Step, Failure> {
    // Adds an empty line.
    output::print_line(&format!("{text}\n"))?;
    Ok(Step::Stay)
}
