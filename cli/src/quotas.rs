//! `tollgate quotas`.

use clap::Subcommand;

use crate::{
    client::Client,
    definitions::{Files, NameArg, Resource},
    failure::Failure,
    list::Paging,
    output::Format,
};

const NOUN: Resource = Resource {
    path: "quotas",
    columns: &["name", "type", "limit_bytes", "used", "percent", "period", "period_end"],
};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create quotas, or replace those with the same names
    Apply(Files),
    /// List quotas
    List {
        /// Account to list, if not the key's own (operators only)
        #[arg(long)]
        account: Option<String>,
        #[command(flatten)]
        extent: Paging,
    },
    /// Show a quota and its usage
    Show(NameArg),
    /// Delete a quota and its usage
    Delete(NameArg),
}

impl Command {
    pub async fn run(self, client: &Client, format: Format) -> Result<(), Failure> {
        match self {
            Self::Apply(files) => NOUN.apply(client, format, &files).await,
            Self::List { account, extent } => {
                NOUN.list(client, format, &extent, account.as_deref()).await
            }
            Self::Show(named) => NOUN.show(client, format, &named).await,
            Self::Delete(named) => NOUN.delete(client, &named).await,
        }
    }
}
