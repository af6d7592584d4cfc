//! Events: reading them, following them, publishing them.

mod feed;
mod interactive;

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::{
    json,
    value::{RawValue, to_raw_value},
};
use shared::{account::ApiKey, time::Time};
use uuid::Uuid;

use crate::{
    client::{Call, Client},
    failure::Failure,
    output::{self, Format},
};
use feed::{Feed, News, Start};

const COLUMNS: [&str; 6] = ["time", "account_id", "type", "data", "source", "id"];

/// What to do with events.
#[derive(Debug, Args)]
pub struct Events {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List events, oldest first
    List(List),
    /// Print events as they come, until Ctrl-C; outages are sat out, and nothing is missed
    Tail(Tail),
    /// Publish an event; prints its id
    Publish(Publish),
}

/// Whose events.
#[derive(Debug, Args)]
struct Of {
    /// Whose, if not the key's own account's; may be given several times. For operators.
    #[arg(long)]
    account: Vec<String>,
}

/// Which events to list.
#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    of: Of,
    /// Go on from here: the `next_cursor` of an earlier list; or `now`, for a cursor that begins now.
    #[arg(long, value_name = "CURSOR", allow_hyphen_values = true)]
    after: Option<String>,
    /// How many to list at most.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=100))]
    limit: u16,
}

/// Which events to follow.
#[derive(Debug, Args)]
struct Tail {
    #[command(flatten)]
    of: Of,
    /// From here on, instead of from now on: a cursor, such as the one that Ctrl-C leaves behind.
    #[arg(long, value_name = "CURSOR", allow_hyphen_values = true)]
    after: Option<String>,
    /// From the oldest event on that is kept.
    #[arg(long, conflicts_with = "after")]
    oldest: bool,
    /// After each portion of events, print {"next_cursor":"…"} on a line of its own. Whoever keeps that with what it made of the events before
    /// it, and drops those behind the last one, misses none and has none twice, however it ends.
    #[arg(long)]
    cursors: bool,
}

/// The event to publish.
#[derive(Debug, Args)]
struct Publish {
    /// The data: JSON, or else a text; @FILE with either in it, or - for standard input.
    data: String,
    /// Whose event, if not the key's own account's.
    #[arg(long)]
    account: Option<String>,
    /// Where it comes from, such as a host's name; the key's name, if nothing is said.
    #[arg(long)]
    source: Option<String>,
    /// What makes a repeat of this command safe for 24 hours.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

/// An event.
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
        output::printable(&line)
    }
}

impl Events {
    /// Does it; without a command, lets a person choose accounts and watch.
    pub async fn run(self, client: &Client, format: Format) -> Result<(), Failure> {
        match self.command {
            None => interactive::run(client).await,
            Some(Command::List(list)) => {
                let call = feed::call(&list.of.account, list.after.as_deref());
                let page = client.send(&call.query("limit", Some(list.limit))).await?.json()?;
                output::line(&output::list(format, &page, &COLUMNS)?)
            }
            Some(Command::Tail(tail)) => tail.run(client, format).await,
            Some(Command::Publish(publish)) => publish.run(client, format).await,
        }
    }
}

impl Tail {
    async fn run(self, client: &Client, format: Format) -> Result<(), Failure> {
        let start = match self.after {
            Some(cursor) => Start::After(cursor),
            None if self.oldest => Start::Oldest,
            None => Start::Now,
        };
        let mut feed = Feed::new(client, self.of.account, start);
        loop {
            let news = tokio::select! {
                news = feed.next() => news?,
                _ = tokio::signal::ctrl_c() => {
                    let cursor = feed.cursor().map_or_else(String::new, |cursor| format!("`--after {cursor}` goes on from here."));
                    return Err(Failure::Interrupted(cursor));
                }
            };
            match news {
                News::Events(events) => {
                    for raw in events {
                        let line = if format == Format::Json {
                            raw.get().to_owned()
                        } else {
                            let event = feed::read(&raw)?;
                            event.line(&event.account_id)
                        };
                        output::line(&line)?;
                    }
                    if let Some(cursor) = feed.cursor().filter(|_| self.cursors) {
                        output::line(&json!({"next_cursor": cursor}).to_string())?;
                    }
                }
                News::Gone(why) => output::note(&format!(
                    "The server is away ({why}); trying again until it is back."
                )),
                News::Back => output::note("The server is back."),
            }
        }
    }
}

impl Publish {
    async fn run(self, client: &Client, format: Format) -> Result<(), Failure> {
        let own = || Some(client.key()?.reveal().parse::<ApiKey>().ok()?.account.to_string());
        let account = self.account.clone().or_else(own);
        let account =
            account.ok_or_else(|| Failure::Usage("Whose event? Name the --account.".into()))?;
        let text = match self.data.strip_prefix('@') {
            Some(file) => output::read(file)?,
            None if self.data == "-" => output::read("-")?,
            None => self.data,
        };
        let data: Box<RawValue> =
            serde_json::from_str(&text).or_else(|_| raw(text.trim_end_matches('\n')))?;
        let mut body = BTreeMap::from([("data", data)]);
        if let Some(source) = &self.source {
            body.insert("source", raw(source)?);
        }
        let key = self.idempotency_key.unwrap_or_else(|| Uuid::new_v4().to_string());
        let call = Call::post(&["v1", "accounts", &account, "events"])
            .header("idempotency-key", Some(key))
            .body(&body)?;
        let answer = client.send(&call).await?;
        let id = answer.json::<Published>()?.id;
        output::line(if format == Format::Json { &answer.body } else { &id })
    }
}

/// A text as JSON.
fn raw(text: &str) -> Result<Box<RawValue>, Failure> {
    to_raw_value(text).map_err(|error| Failure::Local(error.to_string()))
}

/// What publishing answers.
#[derive(Deserialize)]
struct Published {
    id: String,
}
