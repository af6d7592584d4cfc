//! `tollgate accounts`.

use clap::{ArgGroup, Args, Subcommand};
use serde_json::{Map, Value};

use crate::{
    client::{Client, Request},
    failure::Failure,
    list::Paging,
    output::{self, Format},
};

const COLUMNS: [&str; 5] = ["id", "name", "is_active", "max_running", "created_at"];

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create an account and show it
    Create(Create),
    /// List accounts
    List(Paging),
    /// Show an account
    Show {
        /// Account id, acc_…
        id: String,
    },
    /// Rename, activate or deactivate an account, or limit its concurrently running jobs
    Update(Update),
}

#[derive(Debug, Args)]
pub struct Create {
    /// Account name
    name: String,
    /// Create the account as inactive; its keys are rejected
    #[arg(long)]
    inactive: bool,
    /// Maximum number of jobs running at the same time
    #[arg(long, value_name = "NUMBER")]
    max_running: Option<u32>,
}

#[derive(Debug, Args)]
#[command(group(
    ArgGroup::new("change").args(["name", "active", "max_running"]).required(true).multiple(true)
))]
pub struct Update {
    /// Account id, acc_…
    id: String,
    /// New name
    #[arg(long)]
    name: Option<String>,
    /// Whether the account's keys are accepted
    #[arg(long, value_name = "true|false")]
    active: Option<bool>,
    /// Maximum number of jobs running at the same time, or none for no limit of its own
    #[arg(long, value_name = "NUMBER|none", value_parser = parse_limit)]
    max_running: Option<RunningLimit>,
}

/// A concurrency limit; `None` removes it.
#[derive(Clone, Copy, Debug)]
struct RunningLimit(Option<u32>);

fn parse_limit(text: &str) -> Result<RunningLimit, String> {
    if text == "none" {
        return Ok(RunningLimit(None));
    }
    text.parse().map(|cap| RunningLimit(Some(cap))).map_err(|_| "must be a number or none".into())
}

impl Command {
    pub async fn run(self, client: &Client, format: Format) -> Result<(), Failure> {
        let call = match self {
            Self::List(extent) => {
                return extent
                    .print(client, format, &COLUMNS, || Request::get(&["v1", "accounts"]))
                    .await;
            }
            Self::Create(create) => Request::post(&["v1", "accounts"]).body(&create.body())?,
            Self::Show { id } => Request::get(&["v1", "accounts", &id]),
            Self::Update(update) => {
                Request::patch(&["v1", "accounts", &update.id]).body(&update.body())?
            }
        };
        output::print_line(&output::format_item(format, &client.send(&call).await?.body)?)
    }
}

impl Create {
    fn body(&self) -> Map<String, Value> {
        let mut body = Map::new();
        body.insert("name".into(), self.name.clone().into());
        if self.inactive {
            body.insert("is_active".into(), false.into());
        }
        if let Some(cap) = self.max_running {
            body.insert("max_running".into(), cap.into());
        }
        body
    }
}

impl Update {
    fn body(&self) -> Map<String, Value> {
        let changes = [
            ("name", self.name.clone().map(Value::from)),
            ("is_active", self.active.map(Value::from)),
            ("max_running", self.max_running.map(|RunningLimit(cap)| cap.into())),
        ];
        changes.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}
