//! `tollgate submit`.

use clap::Args;
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use uuid::Uuid;

use super::{Job, wait};
use crate::{
    client::{Client, Request},
    failure::Failure,
    output::{self, Format},
};

#[derive(Debug, Args)]
pub struct Submit {
    /// Job type: the name of a kind
    kind: String,
    /// Payload for the target: JSON, @FILE with JSON, or - for standard input. It is passed on
    /// unchanged
    #[arg(default_value = "{}")]
    payload: String,
    /// Priority from 0 to 9, highest first, if the kind's discipline is priority
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=9))]
    priority: Option<u8>,
    /// Delay until the job is due, such as 90s, 15m or 2d; at most one year
    #[arg(
        long,
        value_name = "DURATION",
        value_parser = wait::parse_duration,
        conflicts_with = "run_at"
    )]
    delay: Option<std::time::Duration>,
    /// Time at which the job is due, such as 2026-11-20T16:00:00Z; at most one year ahead
    #[arg(long, value_name = "TIME")]
    run_at: Option<String>,
    /// URL that receives the job when it ends
    #[arg(long, value_name = "URL")]
    callback_url: Option<String>,
    /// Metadata to store with the job; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_metadata)]
    metadata: Vec<(String, String)>,
    /// Makes it safe to repeat this command for 24 hours; without it, only the automatic retries
    /// are safe
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Account to submit for, if not the key's own (operators only)
    #[arg(long)]
    account: Option<String>,
    /// Wait until the job ends, and print its result; the exit code gives the outcome
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    patience: wait::WaitOptions,
}

/// Body of `POST /v1/jobs`. `RawValue` passes the payload on byte for byte.
#[derive(Serialize)]
struct Body<'a> {
    kind: &'a str,
    payload: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_at: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    callback_url: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
}

impl Submit {
    /// Submits the job. Prints its id, or with `--wait` its result.
    pub async fn run(self, client: &Client, format: Format) -> Result<(), Failure> {
        if self.patience.has_timeout() && !self.wait {
            return Err(Failure::Usage("--timeout requires --wait.".into()));
        }
        let key = self.idempotency_key.clone().unwrap_or_else(|| Uuid::new_v4().to_string());
        let call = Request::post(&["v1", "jobs"])
            .header("idempotency-key", Some(&key))
            .body(&self.body()?)?;
        let answer =
            client.send(&call).await.inspect_err(|failure| print_retry_hint(failure, &key))?;
        let id = answer.json::<wait::JobState>()?.id;
        if self.wait {
            return wait::wait(client, &Job { id, account: self.account }, self.patience, format)
                .await;
        }
        output::print_line(if format == Format::Json { &answer.body } else { &id })
    }

    fn body(&self) -> Result<Body<'_>, Failure> {
        Ok(Body {
            kind: &self.kind,
            payload: self.payload()?,
            priority: self.priority,
            delay_seconds: self.delay.map(|delay| delay.as_secs()),
            run_at: self.run_at.as_deref(),
            callback_url: self.callback_url.as_deref(),
            metadata: self
                .metadata
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect(),
            account: self.account.as_deref(),
        })
    }

    fn payload(&self) -> Result<Box<RawValue>, Failure> {
        let (text, origin) = match self.payload.strip_prefix('@') {
            Some(file) => (output::read_input(file)?, file),
            None if self.payload == "-" => (output::read_input("-")?, "standard input"),
            None => (self.payload.clone(), "PAYLOAD"),
        };
        serde_json::from_str(&text).map_err(|error| {
            Failure::Usage(format!(
                "{origin} isn't JSON: {error}. Quote strings as JSON ('\"text\"'), \
                 name a file as @FILE, use - for standard input."
            ))
        })
    }
}

/// After an outage the client cannot know whether the server accepted the request.
pub fn print_retry_hint(failure: &Failure, key: &str) {
    if failure.is_outage() {
        output::print_message(&format!(
            "The request may have been accepted: repeat it with --idempotency-key {key}, \
             which creates no duplicates."
        ));
    }
}

fn parse_metadata(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("must be NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
