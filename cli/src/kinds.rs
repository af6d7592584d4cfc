//! `tollgate kinds`.

use clap::Subcommand;

use crate::{
    client::Client,
    definitions::{Files, NameArg, Resource},
    failure::Failure,
    list::Paging,
    output::Format,
};

const NOUN: Resource = Resource {
    path: "kinds",
    columns: &["name", "target", "discipline", "disabled", "description"],
};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create kinds, or replace those with the same names
    Apply(Files),
    /// List kinds
    List {
        #[command(flatten)]
        extent: Paging,
    },
    /// Show a kind
    Show(NameArg),
    /// Delete a kind
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
