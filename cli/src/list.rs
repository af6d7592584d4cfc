//! Paged lists.

use api::{MAX_LIMIT, Page};
use clap::Args;
use serde_json::value::RawValue;

use crate::{
    client::{Client, Request},
    failure::Failure,
    output::{self, Format},
};

#[derive(Clone, Debug, Args)]
pub struct Paging {
    /// Maximum number of items
    #[arg(
        long,
        default_value_t = 20,
        value_parser = clap::value_parser!(u32).range(1..),
        conflicts_with = "all"
    )]
    limit: u32,
    /// List all items
    #[arg(long)]
    all: bool,
    /// Continue from the `next_cursor` of an earlier list
    #[arg(long, allow_hyphen_values = true)]
    cursor: Option<String>,
}

impl Paging {
    /// Reads pages up to the limit; `call` builds the request without limit and cursor.
    pub async fn read(
        &self,
        client: &Client,
        call: impl Fn() -> Request,
    ) -> Result<Page<Box<RawValue>>, Failure> {
        let wanted = if self.all { usize::MAX } else { self.limit as usize };
        let mut read = Page { items: Vec::new(), next_cursor: self.cursor.clone() };
        loop {
            let limit = (wanted - read.items.len()).min(MAX_LIMIT);
            let call = call().query("limit", Some(limit)).query("cursor", read.next_cursor.take());
            let page: Page<Box<RawValue>> = client.send(&call).await?.json()?;
            read.items.extend(page.items);
            read.next_cursor = page.next_cursor;
            if read.next_cursor.is_none() || read.items.len() >= wanted {
                return Ok(read);
            }
        }
    }

    pub async fn print(
        &self,
        client: &Client,
        format: Format,
        columns: &[&str],
        call: impl Fn() -> Request,
    ) -> Result<(), Failure> {
        let page = self.read(client, call).await?;
        output::print_line(&output::format_page(format, &page, columns)?)?;
        if page.next_cursor.is_some() && format == Format::Table && output::stderr_is_terminal() {
            output::print_message("More items exist; list them with --all.");
        }
        Ok(())
    }
}
