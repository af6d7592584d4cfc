//! Sources: where usage is collected from.

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

/// What to do with sources.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Define sources, new ones or others in the place of those with the same names
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
    /// Does it.
    pub async fn run(self, client: &Client, format: Format) -> Result<(), Failure> {
        match self {
            Self::Apply(files) => NOUN.apply(client, format, &files).await,
            Self::List { extent } => NOUN.list(client, format, &extent, None).await,
            Self::Show(named) => NOUN.show(client, format, &named).await,
            Self::Delete(named) => NOUN.delete(client, &named).await,
        }
    }
}
