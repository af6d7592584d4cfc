//! `tollgate jobs batch`.

use api::ProblemBody;
use clap::Args;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{submit::print_retry_hint, wait::JobState};
use crate::{
    bulk,
    client::{Client, Request},
    failure::{self, ErrorResponse, Failure},
    output::{self, Format},
};

#[derive(Debug, Args)]
pub struct Batch {
    /// File of jobs in the API's format, {"kind": …, "payload": …}: one per line, or an array. -
    /// is standard input
    file: String,
    /// Makes it safe to repeat this command with the same file for 24 hours
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

/// Result of one job, as the API returns it.
#[derive(Deserialize)]
struct BatchItem {
    status: u16,
    job: Option<JobState>,
    problem: Option<ProblemBody>,
}

impl Batch {
    /// Submits the jobs, up to 100 per request, and prints a line for each, in order. Fails if
    /// one was rejected.
    pub async fn run(self, client: &Client, format: Format) -> Result<(), Failure> {
        let jobs = bulk::read(&self.file)?;
        let key = self.idempotency_key.unwrap_or_else(|| Uuid::new_v4().to_string());
        let mut refused = Vec::new();
        let mut number = 0;
        for (chunk, jobs) in bulk::chunks(&jobs).into_iter().enumerate() {
            let call = Request::post(&["v1", "jobs", "batch"])
                .header("idempotency-key", Some(format!("{key}-{chunk}")))
                .body(&json!({"jobs": jobs}))?;
            let items: Value = client
                .send(&call)
                .await
                .inspect_err(|failure| print_retry_hint(failure, &key))?
                .json()?;
            for item in items["items"].as_array().into_iter().flatten() {
                number += 1;
                let outcome: BatchItem = serde_json::from_value(item.clone())
                    .map_err(|error| Failure::Local(error.to_string()))?;
                let line = if format == Format::Json {
                    item.to_string()
                } else {
                    item_line(number, &outcome)
                };
                output::print_line(&line)?;
                refused.extend((outcome.status >= 400).then_some(outcome.status));
            }
        }
        let Some(status) = refused.iter().max() else { return Ok(()) };
        let message = format!("{} of {number} jobs were not accepted.", refused.len());
        Err(Failure::Rejected(Box::new(ErrorResponse::of(*status, message))))
    }
}

fn item_line(number: usize, outcome: &BatchItem) -> String {
    match (&outcome.job, &outcome.problem) {
        (Some(job), _) => format!("{number}\taccepted\t{}", job.id),
        (None, Some(problem)) => {
            format!(
                "{number}\trefused\t{}",
                output::escape_controls(&failure::problem_text(problem))
            )
        }
        (None, None) => format!("{number}\t{}", outcome.status),
    }
}
