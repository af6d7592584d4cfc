//! Waiting for a job: long polls, a progress line, and an exit code per outcome.

use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::SignedDuration;
use model::job::Status;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Job;
use crate::{
    client::{Client, Response},
    failure::Failure,
    output::{self, Format},
};

/// Longest long poll that the API grants.
const MAX_LONG_POLL: Duration = Duration::from_secs(20);
/// Interval between polls if the server does not hold the request.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, Args)]
pub struct WaitOptions {
    /// How long to wait, such as 90s or 15m; the job continues after that. Waits indefinitely by
    /// default
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    timeout: Option<Duration>,
}

impl WaitOptions {
    pub const fn has_timeout(self) -> bool {
        self.timeout.is_some()
    }
}

/// The fields of a job that are read here; unknown fields are ignored.
#[derive(Debug, Deserialize)]
pub struct JobState {
    pub id: String,
    status: Status,
    attempts: u32,
    max_attempts: u32,
    result: Option<Box<RawValue>>,
    error: Option<JobFailure>,
}

#[derive(Debug, Deserialize)]
struct JobFailure {
    code: String,
    message: String,
}

/// Parses a duration, such as `90s`, `15m` or `1h 30m`; a bare number is seconds.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse() {
        return Ok(Duration::from_secs(seconds));
    }
    let read: Option<SignedDuration> = text.parse().ok();
    let read = read.and_then(|read| Duration::try_from(read).ok());
    // jiff does not convert days to a duration; here a day is 24 hours.
    let days = || {
        text.strip_suffix('d')?
            .parse()
            .ok()
            .map(|days: u32| Duration::from_secs(u64::from(days) * 86_400))
    };
    read.or_else(days).ok_or_else(|| "must be a duration such as 90s, 15m, 2h or 1d".into())
}

/// Waits for a job. Prints the result if it completed; as JSON, prints the whole job with any
/// outcome.
pub async fn wait(
    client: &Client,
    job: &Job,
    patience: WaitOptions,
    format: Format,
) -> Result<(), Failure> {
    let progress = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}, {elapsed}") {
        progress.set_style(style);
    }
    progress.set_message(job.id.clone());
    progress.enable_steady_tick(Duration::from_millis(100));
    let waited = tokio::select! {
        waited = wait_until_ended(client, job, patience.timeout, |seen, _| {
            progress.set_message(status_line(seen));
            Ok(())
        }) => waited,
        _ = tokio::signal::ctrl_c() =>
            Err(Failure::Interrupted(continuation_hint(job, "The job continues"))),
    };
    progress.finish_and_clear();
    let (seen, answer) = waited?;
    if format == Format::Json {
        output::print_line(&answer.body)?;
    } else if seen.status == Status::Completed {
        output::print_line(seen.result.as_deref().map_or("null", RawValue::get))?;
    }
    outcome(&seen)
}

/// Prints a job on each change, until it ends.
pub async fn follow(client: &Client, job: &Job, format: Format) -> Result<(), Failure> {
    let show = |_: &JobState, answer: &Response| {
        output::print_line(&format!("{}\n", output::format_item(format, &answer.body)?))
    };
    wait_until_ended(client, job, None, show).await.map(drop)
}

/// Polls a job until it ends or `timeout` passes. Calls `show` once per state.
async fn wait_until_ended(
    client: &Client,
    job: &Job,
    timeout: Option<Duration>,
    show: impl Fn(&JobState, &Response) -> Result<(), Failure>,
) -> Result<(JobState, Response), Failure> {
    let start = Instant::now();
    let mut known: Option<String> = None;
    loop {
        let left = timeout.map_or(MAX_LONG_POLL, |timeout| timeout.saturating_sub(start.elapsed()));
        // The first poll does not wait, so that a state can be shown immediately.
        let wait =
            known.as_ref().map(|_| format!("wait={}", left.min(MAX_LONG_POLL).as_secs().max(1)));
        let call = job.get().header("if-none-match", known.as_ref()).header("prefer", wait);
        let asked = Instant::now();
        let answer = client.send(&call).await?;
        if answer.status != 304 {
            let seen: JobState = answer.json()?;
            show(&seen, &answer)?;
            if seen.status.is_terminal() {
                return Ok((seen, answer));
            }
            known = answer.header("etag").map(str::to_owned);
        } else if asked.elapsed() < POLL_INTERVAL {
            // The server refused to hold the request because too many are waiting; it sends
            // Retry-After.
            tokio::time::sleep(answer.retry_after().unwrap_or(POLL_INTERVAL).min(left)).await;
        }
        if known.is_none() {
            tokio::time::sleep(answer.retry_after().unwrap_or(POLL_INTERVAL).min(left)).await;
        }
        if timeout.is_some_and(|timeout| start.elapsed() >= timeout) {
            return Err(Failure::TimedOut(continuation_hint(
                job,
                "The job has not ended and continues",
            )));
        }
    }
}

fn continuation_hint(job: &Job, how: &str) -> String {
    format!("{how}: `tollgate jobs wait {}` waits for it.", job.id)
}

/// One-line status of a job.
fn status_line(seen: &JobState) -> String {
    let JobState { id, status, attempts, max_attempts, .. } = seen;
    match seen.error.as_ref().filter(|_| *status == Status::Queued) {
        Some(error) => format!(
            "{id} {status} after attempt {attempts} of {max_attempts}: {}",
            output::escape_controls(&error.message)
        ),
        None if *attempts > 0 => format!("{id} {status}, attempt {attempts} of {max_attempts}"),
        None => format!("{id} {status}"),
    }
}

fn outcome(seen: &JobState) -> Result<(), Failure> {
    let JobState { id, status, attempts, .. } = seen;
    if *status == Status::Completed {
        return Ok(());
    }
    let why = seen.error.as_ref().map_or_else(String::new, |error| {
        format!(
            ": {} ({})",
            output::escape_controls(&error.message),
            output::escape_controls(&error.code)
        )
    });
    let times = if *attempts == 1 { "attempt" } else { "attempts" };
    Err(Failure::NotCompleted {
        status: *status,
        message: format!("{id} {status} after {attempts} {times}{why}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_durations() {
        for (text, seconds) in
            [("90", 90), ("90s", 90), ("15m", 900), ("1h 30m", 5400), ("2d", 172_800), ("0s", 0)]
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "-5s", "soon", "m", "1x"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
