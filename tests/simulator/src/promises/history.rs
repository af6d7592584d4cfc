//! Clients' records: their requests and the responses.

use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// Maximum delay of an AWS call whose caller got no response.
const MAX_CALL_DELAY_MS: i64 = 30_000;

/// Everything recorded about one stack.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Submitted jobs with their clients' observations.
    pub jobs: Vec<JobHistory>,
    /// Ids of other accepted jobs; only the final lists show their end.
    pub accepted: BTreeSet<String>,
    /// Responses to requests for other accounts' jobs, by requesting account.
    pub foreign_reads: Vec<(String, RequestOutcome)>,
    /// Final lists of all jobs, by account.
    pub lists: BTreeMap<String, Vec<Value>>,
    /// Final rows by account, of a table in which each job has its own rows.
    pub rows: BTreeMap<String, Vec<Value>>,
    /// Requests that targets received, in order.
    pub deliveries: Vec<Delivery>,
    /// Published events.
    pub published: Vec<EventHistory>,
    /// Subscribers of events.
    pub subscribers: Vec<SubscriberHistory>,
    /// Usage by series.
    pub usage: Vec<UsageTotals>,
    /// Quotas, each with one recipient.
    pub quotas: Vec<QuotaHistory>,
    /// Occurrences of an operator's schedule.
    pub occurrences: Vec<OccurrenceHistory>,
    /// Invocations refused by recursive loop detection.
    pub dropped_invocations: u64,
    /// Messages left in the dead-letter queue at the end.
    pub dead_letters: usize,
    /// Minute ticks that sent a mail and died before they recorded it. Each may have caused one
    /// repeated mail.
    pub mails_interrupted: usize,
}

/// A time interval in milliseconds of the recorder's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// When the request was sent.
    pub begun: i64,
    /// When the response arrived or the client gave up.
    pub ended: i64,
}

/// A request's result.
#[derive(Clone, Debug)]
pub struct RequestOutcome {
    pub span: Span,
    /// HTTP status; `None` without a response, when the effect is unknown.
    pub status: Option<u16>,
    /// Response body; null without one.
    pub body: Value,
}

/// A job from its submission to its end, as its client saw it.
#[derive(Clone, Debug, Default)]
pub struct JobHistory {
    pub account: String,
    pub kind: String,
    /// Unique mark of the job: its `metadata.mark`.
    pub mark: String,
    /// Whether it was submitted with an `Idempotency-Key`.
    pub keyed: bool,
    /// Maximum number of attempts.
    pub max_attempts: u64,
    pub payload: Value,
    /// Action of its target.
    pub action: TargetAction,
    /// Whether its end publishes an event.
    pub publishes_end: bool,
    /// Whether it has a callback URL.
    pub has_callback: bool,
    /// Responses to each submission: the job or the problem.
    pub tries: Vec<RequestOutcome>,
    /// Each read of the job in order, including responses to cancellations.
    pub reads: Vec<RequestOutcome>,
    /// Each request to retry it.
    pub retries: Vec<RequestOutcome>,
    /// Each request to cancel it.
    pub cancels: Vec<RequestOutcome>,
    /// Its attempts as shown at the end.
    pub attempts: Vec<Value>,
}

/// The action of a job's target.
#[derive(Clone, Debug, Default)]
pub enum TargetAction {
    /// Returns the payload.
    #[default]
    Echo,
    /// Sends an HTTP request, which the target records.
    Http,
    /// Publishes the payload as an event.
    Event,
    /// Writes rows with these keys, or conflicts with an existing row.
    Rows(Vec<String>),
}

/// A request received by a target or by a receiver of callbacks.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Header `webhook-id`.
    pub id: String,
    /// Header `tollgate-attempt`.
    pub attempt: u64,
    pub body: Value,
    pub is_callback: bool,
    /// Response status; 0 without a response.
    pub answered: u16,
}

/// An event published by a client. A writer publishes one at a time.
#[derive(Clone, Debug)]
pub struct EventHistory {
    pub account: String,
    /// The writer, which publishes the next event after the previous one is accepted.
    pub writer: String,
    /// The event's data, unique among all events.
    pub data: Value,
    /// Responses to each try to publish it.
    pub tries: Vec<RequestOutcome>,
}

/// A subscriber and all its events in order.
#[derive(Clone, Debug, Default)]
pub struct SubscriberHistory {
    pub name: String,
    /// The account whose events it reads, from the first to the last.
    pub account: String,
    pub events: Vec<Value>,
}

/// Usage of one series.
#[derive(Clone, Debug, Default)]
pub struct UsageTotals {
    /// Account and filter of the series.
    pub series: String,
    /// Bytes accepted or measured.
    pub accepted: u64,
    /// Bytes its chart shows.
    pub shown: u64,
}

/// A quota whose thresholds were reached one at a time.
#[derive(Clone, Debug, Default)]
pub struct QuotaHistory {
    pub name: String,
    pub account: String,
    /// Reached thresholds in percent.
    pub reached: Vec<u64>,
    /// Thresholds of the sent mails, in order.
    pub mailed: Vec<u64>,
    /// Bytes used according to the quota at the end.
    pub shown: u64,
    /// Bytes actually used.
    pub used: u64,
}

/// An occurrence of an operator's schedule.
#[derive(Clone, Debug, Default)]
pub struct OccurrenceHistory {
    /// Due time.
    pub at: String,
    /// Whether Scheduler sent it or moved it to the dead-letter queue.
    pub is_delivered: bool,
    /// Its jobs as shown at the end.
    pub jobs: Vec<Value>,
}

impl RequestOutcome {
    /// Whether the request certainly had no effect.
    #[must_use]
    pub fn had_no_effect(&self) -> bool {
        self.status.is_some_and(|status| (400..500).contains(&status))
    }

    /// The interval in which the request may have taken effect. Without a success response it
    /// extends past the end, because a late call may still arrive.
    fn effective(&self) -> Span {
        let late =
            if self.status.is_some_and(|status| status < 300) { 0 } else { MAX_CALL_DELAY_MS };
        Span { ended: self.span.ended + late, ..self.span }
    }

    /// Status of the job in the body.
    #[must_use]
    pub fn job_status(&self) -> &str {
        self.body["status"].as_str().unwrap_or_default()
    }

    /// Whether the job in the body has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        matches!(self.job_status(), "completed" | "failed" | "cancelled")
    }
}

impl JobHistory {
    /// The job's id, if it was accepted.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.accepted().next()?.body["id"].as_str()
    }

    /// The responses that accepted it.
    pub fn accepted(&self) -> impl Iterator<Item = &RequestOutcome> {
        self.tries.iter().filter(|told| told.status == Some(202))
    }

    /// The last successful read.
    #[must_use]
    pub fn last(&self) -> Option<&RequestOutcome> {
        self.reads.iter().rfind(|look| look.status == Some(200))
    }

    /// Retry requests that may have taken effect.
    pub fn possible_retries(&self) -> impl Iterator<Item = &RequestOutcome> {
        self.retries.iter().filter(|retry| !retry.had_no_effect())
    }

    /// Successful reads grouped between possible retries. The job may end once per group.
    pub(super) fn lives(&self) -> Vec<Vec<&RequestOutcome>> {
        let mut bounds: Vec<_> = self.possible_retries().map(RequestOutcome::effective).collect();
        bounds.push(Span { begun: i64::MAX, ended: i64::MAX });
        let mut starts = vec![i64::MIN];
        starts.extend(bounds.iter().map(|bound| bound.ended));
        let lives = starts.into_iter().zip(bounds).map(|(from, bound)| {
            let is_of_it =
                |look: &&RequestOutcome| look.span.begun >= from && look.span.ended <= bound.begun;
            let found =
                self.reads.iter().filter(|look| look.status.is_some_and(|status| status < 300));
            found.filter(is_of_it).collect()
        });
        lives.collect()
    }
}

impl fmt::Display for JobHistory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "job {} ({}, {})", self.id().unwrap_or("without an id"), self.mark, self.kind)
    }
}
