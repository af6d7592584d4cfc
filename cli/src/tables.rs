//! Tables: what jobs of the target `records` wrote.

use clap::Subcommand;

use crate::{
    client::{Call, Client},
    failure::Failure,
    list::Extent,
    output::Format,
};

const COLUMNS: [&str; 2] = ["key", "values"];

/// What to do with tables.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read the rows of a table
    Rows {
        /// The table's name.
        table: String,
        /// Whose table, if not the key's own account's; for operators.
        #[arg(long)]
        account: Option<String>,
        #[command(flatten)]
        extent: Extent,
    },
}

impl Command {
    /// Does it.
    pub async fn run(self, client: &Client, format: Format) -> Result<(), Failure> {
        let Self::Rows { table, account, extent } = self;
        let call =
            || Call::get(&["v1", "tables", &table, "rows"]).query("account", account.as_ref());
        extent.print(client, format, &COLUMNS, call).await
    }
}
