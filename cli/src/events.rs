//! `tollgate events`: list, follow and publish events.

mod feed;
mod interactive;

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use model::{account::ApiKey, time::Time};
use serde::Deserialize;
use serde_json::{
    json,
    value::{RawValue, to_raw_value},
};
use uuid::Uuid;

use crate::{
    client::{Client, Request},
    failure::Failure,
    output::{self, Format},
};
use feed::{Feed, FeedItem, StartPosition};

const COLUMNS: [&str; 6] = ["time", "account_id", "type", "data", "source", "id"];

#[derive(Debug, Args)]
pub struct Events {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List events, oldest first
    List(List),
    /// Print events as they arrive, until Ctrl-C; reconnects after outages and misses no event
    Tail(Tail),
    /// Publish an event and print its id
    Publish(Publish),
}

#[derive(Debug, Args)]
struct AccountsArg {
    /// Account to read, if not the key's own; may be repeated (operators only)
    #[arg(long)]
    account: Vec<String>,
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    accounts: AccountsArg,
    /// Continue from the `next_cursor` of an earlier list; or `now`, for a cursor that starts now
    #[arg(long, value_name = "CURSOR", allow_hyphen_values = true)]
    after: Option<String>,
    /// Maximum number of events
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=100))]
    limit: u16,
}

#[derive(Debug, Args)]
struct Tail {
    #[command(flatten)]
    of: AccountsArg,
    /// Start after this cursor instead of now, such as the one printed on Ctrl-C
    #[arg(long, value_name = "CURSOR", allow_hyphen_values = true)]
    after: Option<String>,
    /// Start with the oldest stored event
    #[arg(long, conflicts_with = "after")]
    oldest: bool,
    /// Print {"next_cursor":"…"} on a separate line after each batch of events. To process each
    /// event exactly once, save the cursor together with the results of the events before it, and
    /// discard events after the last cursor
    #[arg(long)]
    cursors: bool,
}

#[derive(Debug, Args)]
struct Publish {
    /// Event data: JSON, or else a plain string; @FILE with either, or - for standard input
    data: String,
    /// Account to publish for, if not the key's own
    #[arg(long)]
    account: Option<String>,
    /// Event source, such as a host name; defaults to the key's name
    #[arg(long)]
    source: Option<String>,
    /// Makes it safe to repeat this command for 24 hours
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Event {
    account_id: String,
    time: Time,
    data: Box<RawValue>,
    source: Option<String>,
}

impl Event {
    /// `<2021-02-06 17:35:30:000>: [account]: "data" [source]`, in UTC.
    fn line(&self, account: &str) -> String {
        // RFC 3339 in UTC, to the millisecond: 2021-02-06T17:35:30.000Z.
        let time = self.time.to_string().replace('T', " ").replace('.', ":").replace('Z', "");
        let source = self.source.as_deref().unwrap_or("-");
        let line = format!("<{time}>: [{account}]: {} [{source}]", self.data.get());
        output::escape_controls(&line)
    }
}

impl Events {
    /// Runs the subcommand; without one, starts the interactive client.
    pub async fn run(self, client: &Client, format: Format) -> Result<(), Failure> {
        match self.command {
            None => interactive::run(client).await,
            Some(Command::List(list)) => {
                let call = feed::events_request(&list.accounts.account, list.after.as_deref());
                let page = client.send(&call.query("limit", Some(list.limit))).await?.json()?;
                output::print_line(&output::format_page(format, &page, &COLUMNS)?)
            }
            Some(Command::Tail(tail)) => tail.run(client, format).await,
            Some(Command::Publish(publish)) => publish.run(client, format).await,
        }
    }
}

impl Tail {
    async fn run(self, client: &Client, format: Format) -> Result<(), Failure> {
        let start = match self.after {
            Some(cursor) => StartPosition::After(cursor),
            None if self.oldest => StartPosition::Oldest,
            None => StartPosition::Now,
        };
        let mut feed = Feed::new(client, self.of.account, start);
        loop {
            let news = tokio::select! {
                news = feed.next() => news?,
                _ = tokio::signal::ctrl_c() => {
                    let cursor = feed.cursor().map_or_else(
                        String::new,
                        |cursor| format!("Continue with `--after {cursor}`."),
                    );
                    return Err(Failure::Interrupted(cursor));
                }
            };
            match news {
                FeedItem::Events(events) => {
                    for raw in events {
                        let line = if format == Format::Json {
                            raw.get().to_owned()
                        } else {
                            let event = feed::parse_event(&raw)?;
                            event.line(&event.account_id)
                        };
                        output::print_line(&line)?;
                    }
                    if let Some(cursor) = feed.cursor().filter(|_| self.cursors) {
                        output::print_line(&json!({"next_cursor": cursor}).to_string())?;
                    }
                }
                FeedItem::Outage(why) => output::print_message(&format!(
                    "The server is down ({why}); retrying until it is back."
                )),
                FeedItem::Recovered => output::print_message("The server is back."),
            }
        }
    }
}

impl Publish {
    async fn run(self, client: &Client, format: Format) -> Result<(), Failure> {
        let own = || Some(client.key()?.reveal().parse::<ApiKey>().ok()?.account.to_string());
        let account = self.account.clone().or_else(own);
        let account = account.ok_or_else(|| Failure::Usage("missing --account".into()))?;
        let text = match self.data.strip_prefix('@') {
            Some(file) => output::read_input(file)?,
            None if self.data == "-" => output::read_input("-")?,
            None => self.data,
        };
        let data: Box<RawValue> =
            serde_json::from_str(&text).or_else(|_| json_string(text.trim_end_matches('\n')))?;
        let mut body = BTreeMap::from([("data", data)]);
        if let Some(source) = &self.source {
            body.insert("source", json_string(source)?);
        }
        let key = self.idempotency_key.unwrap_or_else(|| Uuid::new_v4().to_string());
        let call = Request::post(&["v1", "accounts", &account, "events"])
            .header("idempotency-key", Some(key))
            .body(&body)?;
        let answer = client.send(&call).await?;
        let id = answer.json::<Published>()?.id;
        output::print_line(if format == Format::Json { &answer.body } else { &id })
    }
}

/// A text as a JSON string.
fn json_string(text: &str) -> Result<Box<RawValue>, Failure> {
    to_raw_value(text).map_err(|error| Failure::Local(error.to_string()))
}

/// Response to publishing an event.
#[derive(Deserialize)]
struct Published {
    id: String,
}
