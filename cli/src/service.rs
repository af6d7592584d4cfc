//! `tollgate rate`, `whoami`, `heartbeat` and `metrics`.

use clap::Args;

use crate::{
    client::{Client, Request},
    failure::Failure,
    output::{self, Format},
    watch::watch,
};

#[derive(Debug, Args)]
pub struct Rate {
    /// Show the rate again whenever it changes, until Ctrl-C
    #[arg(long)]
    watch: bool,
}

impl Rate {
    pub async fn run(self, client: &Client, format: Format) -> Result<(), Failure> {
        let fetch = async || {
            output::format_item(format, &client.send(&Request::get(&["v1", "rate"])).await?.body)
        };
        if self.watch { watch(fetch).await } else { output::print_line(&fetch().await?) }
    }
}

pub async fn whoami(client: &Client, format: Format) -> Result<(), Failure> {
    output::print_line(&output::format_item(
        format,
        &client.send(&Request::get(&["v1", "token"])).await?.body,
    )?)
}

pub async fn heartbeat(client: &Client, format: Format) -> Result<(), Failure> {
    output::print_line(&output::format_item(
        format,
        &client.send(&Request::get(&["heartbeat"])).await?.body,
    )?)
}

pub async fn metrics(client: &Client) -> Result<(), Failure> {
    output::print_line(&client.send(&Request::get(&["metrics"])).await?.body)
}
