//! What the server tells of itself: whether it is there, how much happens, its metrics.

use clap::Args;

use crate::{
    client::{Call, Client},
    failure::Failure,
    output::{self, Format},
    watch::watch,
};

/// How to show the rate.
#[derive(Debug, Args)]
pub struct Rate {
    /// Show it anew whenever it changes, until Ctrl-C.
    #[arg(long)]
    watch: bool,
}

impl Rate {
    /// Shows how many events and jobs there are a second.
    pub async fn run(self, client: &Client, format: Format) -> Result<(), Failure> {
        let look =
            async || output::item(format, &client.send(&Call::get(&["v1", "rate"])).await?.body);
        if self.watch { watch(look).await } else { output::line(&look().await?) }
    }
}

/// Asks whose the key is, and what it may do.
pub async fn whoami(client: &Client, format: Format) -> Result<(), Failure> {
    output::line(&output::item(format, &client.send(&Call::get(&["v1", "token"])).await?.body)?)
}

/// Asks whether the server is there.
pub async fn heartbeat(client: &Client, format: Format) -> Result<(), Failure> {
    output::line(&output::item(format, &client.send(&Call::get(&["heartbeat"])).await?.body)?)
}

/// Prints the totals since deployment, as Prometheus reads them.
pub async fn metrics(client: &Client) -> Result<(), Failure> {
    output::line(&client.send(&Call::get(&["metrics"])).await?.body)
}
