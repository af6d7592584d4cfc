//! What the steps of one attempt share: the invocation, the job's message and the claim.

use std::sync::Arc;

use model::{id::JobId, job::JobMessage, time::Time};
use rand::distr::{Alphanumeric, SampleString};
use runtime::telemetry::Traceparent;
use store::{CachedKind, ClaimedJob};

use crate::message::ReceivedMessage;

#[derive(Clone, Copy, Debug)]
pub struct Invocation<'a> {
    /// The Lambda request ID, for logs.
    pub request_id: &'a str,
    /// When Lambda stops the invocation.
    pub deadline: Time,
}

/// A job's message with its delivery and invocation.
#[derive(Clone, Copy, Debug)]
pub struct JobContext<'a> {
    pub message: &'a JobMessage,
    pub delivery: &'a ReceivedMessage,
    pub invocation: Invocation<'a>,
}

impl JobContext<'_> {
    /// The trace of the job that runs, if known. The message carries the trace of its own job only.
    pub fn trace_of(&self, job: JobId) -> Option<&Traceparent> {
        self.delivery.trace.as_ref().filter(|_| self.message.id == job)
    }
}

#[derive(Debug)]
pub struct RunningAttempt {
    pub claimed: ClaimedJob,
    /// `None` if the kind is no longer defined.
    pub kind: Option<Arc<CachedKind>>,
    /// The claim's token. It is random, so that no other write can be mistaken for this attempt's.
    pub owner: String,
    /// When the job was claimed.
    pub claimed_at: Time,
    pub lease_until: Time,
    /// Whether the job came from the ready queue. The message that ran it may then be another
    /// job's.
    pub from_ready_queue: bool,
}

/// A random token that identifies a claim or the end of a job.
pub fn random_token() -> String {
    Alphanumeric.sample_string(&mut rand::rng(), 20)
}
