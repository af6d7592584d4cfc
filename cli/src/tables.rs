//! `tollgate tables`: rows written by jobs with the target `records`.

use clap::Subcommand;

use crate::{
    client::{Client, Request},
    failure::Failure,
    list::Paging,
    output::Format,
};

const COLUMNS: [&str; 2] = ["key", "values"];

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read the rows of a table
    Rows {
        /// Table name
        table: String,
        /// Account of the table, if not the key's own (operators only)
        #[arg(long)]
        account: Option<String>,
        #[command(flatten)]
        extent: Paging,
    },
}

impl Command {
    pub async fn run(self, client: &Client, format: Format) -> Result<(), Failure> {
        let Self::Rows { table, account, extent } = self;
        let call =
            || Request::get(&["v1", "tables", &table, "rows"]).query("account", account.as_ref());
        extent.print(client, format, &COLUMNS, call).await
    }
}
