//! Schedules: jobs that recur.

use clap::Subcommand;

use crate::{
    client::Client,
    definitions::{Files, Named, Noun},
    failure::Failure,
    list::Extent,
    output::Format,
};

const NOUN: Noun =
    Noun { path: "schedules", columns: &["name", "expression", "timezone", "account", "enabled"] };

/// What to do with schedules.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Define schedules, new ones or others in the place of those with the same names
    Apply(Files),
    /// List schedules
    List {
        /// Whose, if not the key's own account's; for operators.
        #[arg(long)]
        account: Option<String>,
        #[command(flatten)]
        extent: Extent,
    },
    /// Show a schedule
    Show(Named),
    /// Delete a schedule
    Delete(Named),
}

impl Command {
    /// Does it.
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
