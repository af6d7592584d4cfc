//! What clients write down: what they asked for, and what they were told.

use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// How much later than a request a call may arrive that it made and of which it didn't hear.
const LATEST_MS: i64 = 30_000;

/// Everything that was noted of one stack.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    /// Jobs that were asked for.
    pub jobs: Vec<JobNote>,
    /// The ids of jobs that were accepted beside those, and of which the lists alone tell the end.
    pub accepted: BTreeSet<String>,
    /// Jobs that accounts were shown when they looked for those of others: an account, and what it was shown.
    pub strangers: Vec<(String, Answered)>,
    /// The lists that accounts were shown at the end: all jobs of an account.
    pub lists: BTreeMap<String, Vec<Value>>,
    /// Rows that accounts were shown at the end, of a table in which each job keeps its own.
    pub rows: BTreeMap<String, Vec<Value>>,
    /// Requests that targets got, in their order.
    pub deliveries: Vec<Delivery>,
    /// Events that were published.
    pub published: Vec<EventNote>,
    /// Who read events.
    pub subscribers: Vec<SubscriberNote>,
    /// Usage, by series.
    pub usage: Vec<UsageNote>,
    /// Quotas, each with one recipient.
    pub quotas: Vec<QuotaNote>,
    /// Occurrences of an operator's schedule.
    pub occurrences: Vec<OccurrenceNote>,
    /// How many invocations Lambda refused as a part of a loop.
    pub loops_ended: u64,
    /// How many messages are left in the dead-letter queue when nothing is under way.
    pub dead_letters: usize,
    /// How many runs of the check sent a mail and ended before they could say so: each may have had one sent again.
    pub mails_interrupted: usize,
}

/// From when to when something was under way, in milliseconds by the clock of whoever takes the notes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// When it was asked.
    pub begun: i64,
    /// When it was answered, or given up.
    pub ended: i64,
}

/// A request and its answer.
#[derive(Clone, Debug)]
pub struct Answered {
    /// When.
    pub span: Span,
    /// The HTTP status; none if no answer came, so that nobody knows what was done.
    pub status: Option<u16>,
    /// The body; null if there was none.
    pub body: Value,
}

/// A job that a client asked for, until it was told that it is accepted, and all that it was told of it.
#[derive(Clone, Debug, Default)]
pub struct JobNote {
    /// Whose.
    pub account: String,
    /// Of which kind.
    pub kind: String,
    /// What tells it from all others: the job's `metadata.mark`.
    pub mark: String,
    /// Whether it was asked for under an `Idempotency-Key`.
    pub keyed: bool,
    /// How often it may be attempted.
    pub max_attempts: u64,
    /// Its payload.
    pub payload: Value,
    /// What becomes of it.
    pub work: Work,
    /// Whether its end is an event.
    pub tells: bool,
    /// Whether its end is sent to its client.
    pub calls_back: bool,
    /// Each try to have it accepted; the body is the job, or the problem.
    pub tries: Vec<Answered>,
    /// Each look at it, in their order, also through what cancelled it.
    pub looks: Vec<Answered>,
    /// Each request to put it back.
    pub retries: Vec<Answered>,
    /// Each request to cancel it.
    pub cancels: Vec<Answered>,
    /// Its attempts, as shown at the end.
    pub attempts: Vec<Value>,
}

/// What a job's target does.
#[derive(Clone, Debug, Default)]
pub enum Work {
    /// Returns the payload.
    #[default]
    Echo,
    /// Is asked over HTTP, and tells so.
    Http,
    /// Publishes the payload.
    Event,
    /// Keeps rows, with these keys; the job may be one that can't be applied.
    Rows(Vec<String>),
}

/// A request that a target, or a receiver of callbacks, got.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The field `webhook-id`.
    pub id: String,
    /// The field `tollgate-attempt`.
    pub attempt: u64,
    /// What it brought.
    pub body: Value,
    /// Whether it is a callback's.
    pub is_callback: bool,
    /// What was answered: 0 if nothing was.
    pub answered: u16,
}

/// An event that a client published, one after the other of the same writer.
#[derive(Clone, Debug)]
pub struct EventNote {
    /// Of which account.
    pub account: String,
    /// Who wrote it: a writer begins the next when the last is accepted.
    pub writer: String,
    /// Its data, which no other event has.
    pub data: Value,
    /// Each try to have it accepted.
    pub tries: Vec<Answered>,
}

/// A subscriber, and every event it was sent, in their order.
#[derive(Clone, Debug, Default)]
pub struct SubscriberNote {
    /// What to call it.
    pub name: String,
    /// Whose events it reads, from the first to the last.
    pub account: String,
    /// The events.
    pub events: Vec<Value>,
}

/// What was used of one series.
#[derive(Clone, Debug, Default)]
pub struct UsageNote {
    /// Whose, and which.
    pub series: String,
    /// How many bytes were accepted, or went through.
    pub accepted: u64,
    /// How many its chart shows.
    pub shown: u64,
}

/// A quota, of which each threshold was reached by itself.
#[derive(Clone, Debug, Default)]
pub struct QuotaNote {
    /// Its name.
    pub name: String,
    /// The account whose it is.
    pub account: String,
    /// The thresholds that were reached, in percent.
    pub reached: Vec<u64>,
    /// Of which thresholds mails were sent, in their order.
    pub mailed: Vec<u64>,
    /// How much of it is used at the end, by itself.
    pub shown: u64,
    /// How much was used.
    pub used: u64,
}

/// An occurrence of an operator's schedule.
#[derive(Clone, Debug, Default)]
pub struct OccurrenceNote {
    /// When it was due.
    pub at: String,
    /// Whether Scheduler sent it, or handed it over as a dead letter.
    pub is_delivered: bool,
    /// The jobs of it, as shown at the end.
    pub jobs: Vec<Value>,
}

impl Answered {
    /// Whether the request is known to have had no effect.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.status.is_some_and(|status| (400..500).contains(&status))
    }

    /// When it may have had its effect: until it was answered, or if nobody knows what came of it, some time later.
    fn effective(&self) -> Span {
        let late = if self.status.is_some_and(|status| status < 300) { 0 } else { LATEST_MS };
        Span { ended: self.span.ended + late, ..self.span }
    }

    /// The status of the job that it shows.
    #[must_use]
    pub fn job_status(&self) -> &str {
        self.body["status"].as_str().unwrap_or_default()
    }

    /// Whether it shows a job that is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.job_status(), "completed" | "failed" | "cancelled")
    }
}

impl JobNote {
    /// The job's id, if it was accepted.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.accepted().next()?.body["id"].as_str()
    }

    /// The answers that accepted it.
    pub fn accepted(&self) -> impl Iterator<Item = &Answered> {
        self.tries.iter().filter(|told| told.status == Some(202))
    }

    /// The last that was seen of it.
    #[must_use]
    pub fn last(&self) -> Option<&Answered> {
        self.looks.iter().rfind(|look| look.status == Some(200))
    }

    /// Requests to put it back that may have done so.
    pub fn put_back(&self) -> impl Iterator<Item = &Answered> {
        self.retries.iter().filter(|retry| !retry.is_refused())
    }

    /// Looks that found it, and after which it was not put back before the next: in each group it may end once.
    pub(super) fn lives(&self) -> Vec<Vec<&Answered>> {
        let mut bounds: Vec<_> = self.put_back().map(Answered::effective).collect();
        bounds.push(Span { begun: i64::MAX, ended: i64::MAX });
        let mut froms = vec![i64::MIN];
        froms.extend(bounds.iter().map(|bound| bound.ended));
        let lives = froms.into_iter().zip(bounds).map(|(from, bound)| {
            let is_of_it =
                |look: &&Answered| look.span.begun >= from && look.span.ended <= bound.begun;
            let found =
                self.looks.iter().filter(|look| look.status.is_some_and(|status| status < 300));
            found.filter(is_of_it).collect()
        });
        lives.collect()
    }
}

impl fmt::Display for JobNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "job {} ({}, {})", self.id().unwrap_or("without an id"), self.mark, self.kind)
    }
}
