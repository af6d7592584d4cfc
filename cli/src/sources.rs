//! `tollgate sources`.

use clap::Subcommand;

use crate::{
    client::Client,
    definitions::{Files, Named, Noun},
    failure::Failure,
    list::Extent,
    output::Format,
};

const NOUN: Noun =
    Noun { path: "sources", columns: &["name", "type", "url", "last_success_at", "last_error"] };

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create sources, or replace those with the same names
    Apply(Files),
    /// List sources
    List {
        #[command(flatten)]
        extent: Extent,
    },
    /// Show a source
    Show(Named),
    /// Delete a source
    Delete(Named),
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
