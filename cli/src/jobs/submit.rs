//! Handing in one job.

use clap::Args;
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use uuid::Uuid;

use super::{Job, wait};
use crate::{
    client::{Call, Client},
    failure::Failure,
    output::{self, Format},
};

/// The job to hand in.
#[derive(Debug, Args)]
pub struct Submit {
    /// What the job is: the name of a kind.
    kind: String,
    /// What its target gets: JSON, @FILE with JSON in it, or - for standard input. It arrives byte for byte.
    #[arg(default_value = "{}")]
    payload: String,
    /// 0 to 9; 9 goes first, where the kind's discipline is priority.
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=9))]
    priority: Option<u8>,
    /// In how long it is due, such as 90s, 15m or 2d; at most a year.
    #[arg(long, value_name = "DURATION", value_parser = wait::duration, conflicts_with = "run_at")]
    delay: Option<std::time::Duration>,
    /// When it is due, such as 2026-11-20T16:00:00Z; at most a year ahead.
    #[arg(long, value_name = "TIME")]
    run_at: Option<String>,
    /// Who is sent the job when it is over.
    #[arg(long, value_name = "URL")]
    callback_url: Option<String>,
    /// A note of your own; may be given several times.
    #[arg(long, value_name = "NAME=VALUE", value_parser = note)]
    metadata: Vec<(String, String)>,
    /// What makes a repeat of this command safe for 24 hours; without it, only the repeats that the command itself makes are.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// For whom, if not for the key's own account; for operators.
    #[arg(long)]
    account: Option<String>,
    /// Wait until the job is over, and print its result; the exit code tells the outcome.
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    patience: wait::Patience,
}

/// The body of `POST /v1/jobs`, with a payload that nothing is done to.
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
    /// Hands it in, and waits for it if that is wanted. Prints the result of a job that was waited for, else the job's id.
    pub async fn run(self, client: &Client, format: Format) -> Result<(), Failure> {
        if self.patience.has_end() && !self.wait {
            return Err(Failure::Usage("--timeout is for --wait.".into()));
        }
        let key = self.idempotency_key.clone().unwrap_or_else(|| Uuid::new_v4().to_string());
        let call = Call::post(&["v1", "jobs"])
            .header("idempotency-key", Some(&key))
            .body(&self.body()?)?;
        let answer =
            client.send(&call).await.inspect_err(|failure| say_how_to_repeat(failure, &key))?;
        let id = answer.json::<wait::Seen>()?.id;
        if self.wait {
            return wait::wait(client, &Job { id, account: self.account }, self.patience, format)
                .await;
        }
        output::line(if format == Format::Json { &answer.body } else { &id })
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
        let (text, place) = match self.payload.strip_prefix('@') {
            Some(file) => (output::read(file)?, file),
            None if self.payload == "-" => (output::read("-")?, "standard input"),
            None => (self.payload.clone(), "PAYLOAD"),
        };
        serde_json::from_str(&text).map_err(|error| {
            Failure::Usage(format!(
                "{place} isn't JSON: {error}. A text is JSON in quotes ('\"text\"'), a file is named @FILE, standard input is -."
            ))
        })
    }
}

/// After an outage nobody knows whether the server took it.
pub fn say_how_to_repeat(failure: &Failure, key: &str) {
    if failure.is_outage() {
        output::note(&format!(
            "It may have been accepted: repeat it with --idempotency-key {key}, and nothing is made twice."
        ));
    }
}

fn note(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it is NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
