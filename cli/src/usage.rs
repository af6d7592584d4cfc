//! `tollgate usage`: charts bandwidth usage, and reports it.

mod chart;

use api::{Page, UsageAccepted, UsagePoint, UsageReported};
use clap::{Args, Subcommand};
use serde_json::{json, value::RawValue};

use crate::{
    bulk,
    client::{Client, Request},
    failure::{self, ErrorResponse, Failure},
    output::{self, Format},
    watch::watch,
};

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
    /// Report usage as CloudEvents of type tollgate.bandwidth
    Report {
        /// File with one event per line, or an array; - is standard input. An event reported
        /// before, by source and id, counts once
        file: String,
    },
}

#[derive(Debug, Args)]
struct Query {
    /// Only this direction: egress or ingress
    #[arg(long = "type", value_name = "DIRECTION")]
    direction: Option<String>,
    /// Only this service
    #[arg(long)]
    service: Option<String>,
    /// Only this route
    #[arg(long)]
    route: Option<String>,
    /// Only this account
    #[arg(long)]
    account: Option<String>,
    /// Time range ending now, such as 5m, 1h or 31d; defaults to one hour
    #[arg(long, value_name = "DURATION", conflicts_with_all = ["from", "to"])]
    lookback: Option<String>,
    /// Start time, such as 2026-11-20T16:00:00Z
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// End time
    #[arg(long, value_name = "TIME", requires = "from")]
    to: Option<String>,
    /// Duration of each point: 1m, 5m, 1h or 1d
    #[arg(long, value_name = "DURATION")]
    step: Option<String>,
    /// Draw the chart again whenever it changes, until Ctrl-C
    #[arg(long)]
    watch: bool,
}

impl Usage {
    pub async fn run(self, client: &Client, format: Format) -> Result<(), Failure> {
        if let Some(Command::Report { file }) = self.command {
            return report(client, format, &file).await;
        }
        let fetch = async || {
            let items = self.query.read(client).await?;
            if format == Format::Json {
                let page = Page { items, next_cursor: None };
                return serde_json::to_string(&page)
                    .map_err(|error| Failure::Local(error.to_string()));
            }
            let points = items
                .iter()
                .map(|item| serde_json::from_str(item.get()).map_err(output::invalid_response));
            Ok(chart::draw(&points.collect::<Result<Vec<UsagePoint>, _>>()?))
        };
        if self.query.watch { watch(fetch).await } else { output::print_line(&fetch().await?) }
    }
}

impl Query {
    /// Reads all pages.
    async fn read(&self, client: &Client) -> Result<Vec<Box<RawValue>>, Failure> {
        let (mut items, mut cursor) = (Vec::new(), None);
        loop {
            let call = self.call().query("cursor", cursor.take());
            let page: Page<Box<RawValue>> = client.send(&call).await?.json()?;
            items.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(items);
            }
        }
    }

    fn call(&self) -> Request {
        Request::get(&["v1", "usage"])
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

/// Reports a file's events, up to 100 per request, and prints a summary. Fails if one was
/// rejected.
async fn report(client: &Client, format: Format, file: &str) -> Result<(), Failure> {
    let events = bulk::read(file)?;
    let (mut counted, mut duplicates, mut refused) = (0, 0, Vec::new());
    for chunk in bulk::chunks(&events) {
        let body = serde_json::to_string(&json!(chunk))
            .map_err(|error| Failure::Local(error.to_string()))?;
        let call = Request::post(&["v1", "usage"]).text("application/cloudevents-batch+json", body);
        for item in client.send(&call).await?.json::<UsageReported>()?.items {
            let number = counted + duplicates + refused.len() + 1;
            if format == Format::Json {
                output::print_line(
                    &serde_json::to_string(&item)
                        .map_err(|error| Failure::Local(error.to_string()))?,
                )?;
            }
            match item {
                UsageAccepted { problem: Some(problem), status, .. } => {
                    output::print_message(&format!(
                        "{number}\trefused\t{}",
                        output::escape_controls(&failure::problem_text(&problem))
                    ));
                    refused.push(status);
                }
                UsageAccepted { duplicate: Some(true), .. } => duplicates += 1,
                UsageAccepted { .. } => counted += 1,
            }
        }
    }
    if format == Format::Table {
        output::print_line(&format!(
            "{counted} counted, {duplicates} duplicates, {} refused",
            refused.len()
        ))?;
    }
    let Some(status) = refused.iter().max() else { return Ok(()) };
    let message = format!("{} of {} events were not accepted.", refused.len(), events.len());
    Err(Failure::Rejected(Box::new(ErrorResponse::of(*status, message))))
}
