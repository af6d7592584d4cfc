//! `tollgate sources`.

use clap::Subcommand;

use crate::{
    client::Client,
    definitions::{Files, NameArg, Resource},
    failure::Failure,
    list::Paging,
    output::Format,
};

const NOUN: Resource = Resource {
    path: "sources",
    columns: &["name", "type", "url", "last_success_at", "last_error"],
};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create sources, or replace those with the same names
    Apply(Files),
    /// List sources
    List {
        #[command(flatten)]
        extent: Paging,
    },
    /// Show a source
    Show(NameArg),
    /// Delete a source
    Delete(NameArg),
}

impl Command {
    pub async fn run(self, client: &Client, format: Format) -> Result<(), Failure> {
        match self {
            Self::Apply(files) => NOUN.apply(client, format, &files).await,
            Self::List { extent } => NOUN.list(client, format, &extent, None).await,
            Self::Show(named) => NOUN.show(client, format, &named).await,
            Self::Delete(named) => NOUN.delete(client, &named).await,
        }
    }
}
