//! `tollgate rate`, `whoami`, `heartbeat` and `metrics`.

use clap::Args;

use crate::{
    client::{Call, Client},
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
        let look =
            async || output::item(format, &client.send(&Call::get(&["v1", "rate"])).await?.body);
        if self.watch { watch(look).await } else { output::line(&look().await?) }
    }
}

pub async fn whoami(client: &Client, format: Format) -> Result<(), Failure> {
    output::line(&output::item(format, &client.send(&Call::get(&["v1", "token"])).await?.body)?)
}

pub async fn heartbeat(client: &Client, format: Format) -> Result<(), Failure> {
    output::line(&output::item(format, &client.send(&Call::get(&["heartbeat"])).await?.body)?)
}

pub async fn metrics(client: &Client) -> Result<(), Failure> {
    output::line(&client.send(&Call::get(&["metrics"])).await?.body)
}
