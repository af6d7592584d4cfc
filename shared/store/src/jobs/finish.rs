use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::value::RawValue;

use super::{Bulk, INLINE_RESULT, JobItem, JobStore, control::unchanged_since};
use crate::{
    Error,
    jobs::item::AttemptItem,
    key::Key,
    table::{Conditional, Update, millis, number, seconds, text},
};
use model::{
    job::{Attempt, EndedBy, Job, JobError, Lease, Status, Timing},
    time::Time,
};

/// How an attempt ends.
#[derive(Debug)]
pub enum AttemptEnd {
    Completed {
        /// The target's response.
        result: Box<RawValue>,
        /// End of the job's visibility.
        expires_at: Time,
    },
    /// Failed permanently.
    Failed {
        /// The last attempt, with its error.
        attempt: Attempt,
        /// End of the job's visibility.
        expires_at: Time,
    },
    Cancelled {
        /// The aborted attempt.
        attempt: Attempt,
        /// End of the job's visibility.
        expires_at: Time,
    },
    /// Queued for another attempt.
    Queued {
        /// The attempt, with its error.
        attempt: Attempt,
        /// Earliest start of the next attempt.
        due_at: Time,
        /// Whether the job stays in its kind's ready queue while it waits.
        listed: bool,
    },
}

impl AttemptEnd {
    /// The job's status after the attempt.
    #[must_use]
    pub const fn status(&self) -> Status {
        match self {
            Self::Completed { .. } => Status::Completed,
            Self::Failed { .. } => Status::Failed,
            Self::Cancelled { .. } => Status::Cancelled,
            Self::Queued { .. } => Status::Queued,
        }
    }

    #[must_use]
    pub const fn error(&self) -> Option<&JobError> {
        match self {
            Self::Completed { .. } => None,
            Self::Failed { attempt, .. }
            | Self::Cancelled { attempt, .. }
            | Self::Queued { attempt, .. } => attempt.error.as_ref(),
        }
    }
}

/// Result of ending an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndResult {
    Written,
    /// A later claim took over the job; nothing changed.
    LeaseLost,
    /// Cancellation was requested, so the job can't be queued again; nothing changed.
    CancelRequested,
}

/// Only the holder of the latest claim may end an attempt.
const HELD_BY_ME: &str = "#status = :running AND #owner = :me";
/// Attributes that place a job in its kind's ready queue.
const READY_QUEUE_ATTRIBUTES: &[&str] = &["agenda", "#rank"];
/// A job whose cancellation was requested must not be queued for another attempt.
const HELD_AND_NOT_CANCELLED: &str =
    "#status = :running AND #owner = :me AND attribute_not_exists(cancel_requested)";
const NAMES: &[(&str, &str)] = &[
    ("#status", "status"),
    ("#owner", "owner"),
    ("#result", "result"),
    ("#error", "error"),
    ("#rank", "rank"),
];

impl JobStore {
    /// Ends the attempt whose claim has the token in `by`.
    ///
    /// # Errors
    /// Fails when the table can't be written.
    pub async fn end_attempt(
        &self,
        job: &Job,
        by: EndedBy<'_>,
        ending: AttemptEnd,
        now: Time,
    ) -> Result<EndResult, Error> {
        let me = by.token;
        let mut change = Change::new(now);
        let condition = if matches!(ending, AttemptEnd::Queued { .. }) {
            HELD_AND_NOT_CANCELLED
        } else {
            HELD_BY_ME
        };
        match ending {
            AttemptEnd::Completed { result, expires_at } => {
                change.finish(Status::Completed, job, by, expires_at);
                self.set_result(&mut change, job, by, result, expires_at).await?;
                change.remove.push("#error");
            }
            AttemptEnd::Failed { attempt, expires_at } => {
                change.finish(Status::Failed, job, by, expires_at);
                change.set_end_event(by);
                change.record_attempt(&attempt, job)?;
            }
            AttemptEnd::Cancelled { attempt, expires_at } => {
                change.finish(Status::Cancelled, job, by, expires_at);
                change.set_end_event(by);
                change.record_attempt(&attempt, job)?;
            }
            AttemptEnd::Queued { attempt, due_at, listed } => {
                if listed {
                    change.remove.retain(|name| !READY_QUEUE_ATTRIBUTES.contains(name));
                }
                change.set("#status = :status", ":status", text(Status::Queued.as_str()));
                change.set("due_at = :due", ":due", millis(due_at));
                change.record_attempt(&attempt, job)?;
            }
        }
        change.values.push((":running", text(Status::Running.as_str())));
        change.values.push((":me", text(me)));
        let update = change.update(condition);
        match self.table.update(&Key::job(job.account, job.id), update).await? {
            Conditional::Done(_) => Ok(EndResult::Written),
            Conditional::Refused(None) => Ok(EndResult::LeaseLost),
            Conditional::Refused(Some(item)) => {
                let item = JobItem::read(item)?;
                Ok(match item.status {
                    _ if item.owner.as_deref() != Some(me) => EndResult::LeaseLost,
                    Status::Running => EndResult::CancelRequested,
                    // The token is unique and the job no longer runs: this call ended the attempt
                    // and its response was lost.
                    _ => EndResult::Written,
                })
            }
        }
    }

    /// Fails a job that no worker holds and that has no attempts left or can't run. Returns `false`
    /// and changes nothing if the job changed since `seen`.
    ///
    /// # Errors
    /// Fails when the table can't be written.
    pub async fn fail_abandoned(
        &self,
        job: &Job,
        seen: &Lease,
        by: EndedBy<'_>,
        error: JobError,
        expires_at: Time,
        now: Time,
    ) -> Result<bool, Error> {
        let mut change = Change::new(now);
        change.finish(Status::Failed, job, by, expires_at);
        change.set_end_event(by);
        // Replaces the owner, so that a late holder detects that the job ended without it.
        change.set("#owner = :me", ":me", text(by.token));
        if seen.status == Status::Running {
            change.record_attempt(&Attempt::crashed(job, error, now), job)?;
        } else {
            change.set_error(&error)?;
        }
        let (condition, values) = unchanged_since(seen);
        change.values.extend(values);
        let update = change.update(condition);
        match self.table.update(&Key::job(job.account, job.id), update).await? {
            Conditional::Done(_) => Ok(true),
            Conditional::Refused(item) => {
                let item = item.map(JobItem::read).transpose()?;
                Ok(item.is_some_and(|item| item.owner.as_deref() == Some(by.token)))
            }
        }
    }

    /// Releases a job that `me` claimed but can't run, and undoes the claim. A job that was taken
    /// over since then stays unchanged.
    ///
    /// # Errors
    /// Fails when the table can't be written.
    pub async fn release(&self, job: &Job, me: &str, now: Time) -> Result<(), Error> {
        let first = if job.attempts == 1 { ", started_at, attempt_started_at" } else { "" };
        let update = Update {
            expression: format!(
                "SET #status = :queued, attempts = attempts - :one, due_at = :now \
                 REMOVE lease_until, #owner{first}"
            ),
            condition: Some(HELD_BY_ME),
            names: vec![("#status", "status"), ("#owner", "owner")],
            values: vec![
                (":queued", text(Status::Queued.as_str())),
                (":running", text(Status::Running.as_str())),
                (":me", text(me)),
                (":one", number(1)),
                (":now", millis(now)),
            ],
            returns: None,
        };
        self.table.update(&Key::job(job.account, job.id), update).await.map(drop)
    }

    /// Writes a large result before the job's item refers to it. Its key holds the lease token, so
    /// that a slow attempt can't overwrite the result of a later one.
    async fn set_result(
        &self,
        change: &mut Change,
        job: &Job,
        by: EndedBy<'_>,
        result: Box<RawValue>,
        expires_at: Time,
    ) -> Result<(), Error> {
        if result.get().len() <= INLINE_RESULT {
            change.set("#result = :result", ":result", text(result.get()));
            return Ok(());
        }
        let kept = kept_until(job, by, change.now).map_or(expires_at, |kept| kept.max(expires_at));
        let bulk = Bulk { json: result.get().to_owned(), expires_at: kept.seconds_ceil() };
        self.table.put(&Key::result(job.account, job.id, by.token), &bulk).await?;
        change.set("result_apart = :apart", ":apart", AttributeValue::Bool(true));
        Ok(())
    }
}

/// How long the items of a job that ends at `now` must be kept, if that may exceed its visibility.
/// They are needed while a message can arrive that announces the end, or a repeat of the request
/// that created the job.
fn kept_until(job: &Job, by: EndedBy<'_>, now: Time) -> Option<Time> {
    let is_announced = by.event.is_some() || job.callback_url.is_some();
    job.kept_until.max(is_announced.then(|| Timing::messages_expired_at(now)))
}

/// Builder of an update.
pub(super) struct Change {
    now: Time,
    set: Vec<&'static str>,
    remove: Vec<&'static str>,
    pub values: Vec<(&'static str, AttributeValue)>,
}

impl Change {
    pub fn new(now: Time) -> Self {
        // Ending an attempt removes the job from the ready queue unless the caller decides
        // otherwise.
        Self {
            now,
            set: Vec::new(),
            remove: [&["lease_until"], READY_QUEUE_ATTRIBUTES].concat(),
            values: Vec::new(),
        }
    }

    pub fn set(&mut self, clause: &'static str, name: &'static str, value: AttributeValue) {
        self.set.push(clause);
        self.values.push((name, value));
    }

    pub fn finish(&mut self, status: Status, job: &Job, by: EndedBy<'_>, expires_at: Time) {
        self.set("#status = :status", ":status", text(status.as_str()));
        self.set("finished_at = :now", ":now", millis(self.now));
        self.set_expiry(kept_until(job, by, self.now), expires_at);
        self.remove.push("due_at");
    }

    /// A retry reads from this which end event may still be unpublished. Completed jobs can't be
    /// retried.
    pub fn set_end_event(&mut self, by: EndedBy<'_>) {
        if let Some(event) = by.event {
            self.set("event = :event", ":event", text(event.to_string()));
        }
    }

    /// Sets visibility until `expires_at`, and the TTL to that time or later.
    fn set_expiry(&mut self, kept_until: Option<Time>, expires_at: Time) {
        let kept = kept_until.filter(|kept| *kept > expires_at);
        self.set("expires_at = :ttl", ":ttl", seconds(kept.unwrap_or(expires_at)));
        if kept.is_some() {
            self.set("shown_until = :shown", ":shown", millis(expires_at));
        } else {
            self.remove.push("shown_until");
        }
    }

    fn record_attempt(&mut self, attempt: &Attempt, job: &Job) -> Result<(), Error> {
        if let Some(error) = &attempt.error {
            self.set_error(error)?;
        }
        // Replaces the whole list instead of appending: only the holder may write and it knows the
        // contents.
        let forgotten = (job.history.len() + 1).saturating_sub(Attempt::MAX_HISTORY);
        let kept = job.history.iter().skip(forgotten).chain([attempt]);
        let history: Vec<_> = kept.filter_map(AttemptItem::of).collect();
        self.set("history = :history", ":history", serialized(&history)?);
        Ok(())
    }

    fn set_error(&mut self, error: &JobError) -> Result<(), Error> {
        self.set("#error = :error", ":error", serialized(error)?);
        Ok(())
    }

    pub fn update(self, condition: &'static str) -> Update<'static> {
        let expression = format!("SET {} REMOVE {}", self.set.join(", "), self.remove.join(", "));
        let used = |name: &str| expression.contains(name) || condition.contains(name);
        let names = NAMES.iter().copied().filter(|(name, _)| used(name)).collect();
        Update { expression, condition: Some(condition), names, values: self.values, returns: None }
    }
}

fn serialized(value: &impl serde::Serialize) -> Result<AttributeValue, Error> {
    serde_dynamo::to_attribute_value(value)
        .map_err(|e| Error::Corrupt("this version", e.to_string()))
}
