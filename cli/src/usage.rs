//! Usage: how much bandwidth went where and when.

mod chart;

use clap::{Args, Subcommand};
use serde::Deserialize;

use crate::{
    client::{Call, Client},
    failure::Failure,
    output::{self, Format},
    watch::watch,
};

/// Which usage, and what to do with it.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Usage {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    query: Query,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Report usage, as CloudEvents of the type tollgate.bandwidth
    Report {
        /// A file with one event or an array of them; - is standard input.
        file: String,
    },
}

#[derive(Debug, Args)]
struct Query {
    /// Only this direction: egress or ingress.
    #[arg(long = "type", value_name = "DIRECTION")]
    direction: Option<String>,
    /// Only this service.
    #[arg(long)]
    service: Option<String>,
    /// Only this route.
    #[arg(long)]
    route: Option<String>,
    /// Only this account's.
    #[arg(long)]
    account: Option<String>,
    /// How far back to look, such as 5m, 1h or 31d; an hour, if nothing is said.
    #[arg(long, value_name = "DURATION", conflicts_with_all = ["from", "to"])]
    lookback: Option<String>,
    /// From when on, such as 2026-11-20T16:00:00Z.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Until when.
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// How much time a point stands for: 1m, 5m, 1h or 1d.
    #[arg(long, value_name = "DURATION")]
    step: Option<String>,
    /// Draw it anew whenever it changes, until Ctrl-C.
    #[arg(long)]
    watch: bool,
}

/// What a chart is drawn from.
#[derive(Deserialize)]
struct Points {
    items: Vec<Point>,
}

/// One window of one series.
#[derive(Clone, Debug, Deserialize)]
struct Point {
    time: String,
    #[serde(rename = "type")]
    direction: String,
    service: String,
    route: String,
    /// The increase in bytes; none where nothing was reported.
    bandwidth_used: Option<f64>,
}

impl Usage {
    /// Does it: draws a chart of each series, unless told otherwise.
    pub async fn run(self, client: &Client, format: Format) -> Result<(), Failure> {
        if let Some(Command::Report { file }) = self.command {
            return report(client, format, &file).await;
        }
        let look = async || {
            let answer = client.send(&self.query.call()).await?;
            if format == Format::Json {
                Ok(answer.body)
            } else {
                Ok(chart::draw(&answer.json::<Points>()?.items))
            }
        };
        if self.query.watch { watch(look).await } else { output::line(&look().await?) }
    }
}

impl Query {
    fn call(&self) -> Call {
        Call::get(&["v1", "usage"])
            .query("type", self.direction.as_ref())
            .query("service", self.service.as_ref())
            .query("route", self.route.as_ref())
            .query("account", self.account.as_ref())
            .query("lookback_duration", self.lookback.as_ref())
            .query("from", self.from.as_ref())
            .query("to", self.to.as_ref())
            .query("step", self.step.as_ref())
    }
}

async fn report(client: &Client, format: Format, file: &str) -> Result<(), Failure> {
    let events = output::read(file)?;
    let is_batch = events.trim_start().starts_with('[');
    let media_type =
        if is_batch { "application/cloudevents-batch+json" } else { "application/cloudevents+json" };
    let answer = client.send(&Call::post(&["v1", "usage"]).text(media_type, events)).await?;
    if answer.body.is_empty() { Ok(()) } else { output::line(&output::item(format, &answer.body)?) }
}
