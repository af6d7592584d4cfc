use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::value::RawValue;

use super::{Bulk, INLINE_RESULT, JobItem, JobStore, control::unmoved};
use crate::{
    aws::{
        Error,
        jobs::item::AttemptItem,
        key::Key,
        table::{Conditional, Update, millis, number, seconds, text},
    },
    job::{Attempt, By, Job, JobError, Lease, Status, Timing},
    time::Time,
};

/// How an attempt leaves its job.
#[derive(Debug)]
pub enum Ending {
    /// Completed, with this result, shown until then.
    Completed {
        /// The target's answer.
        result: Box<RawValue>,
        /// From when on the job is no longer shown.
        expires_at: Time,
    },
    /// Failed for good, shown until then.
    Failed {
        /// The last attempt, with its error.
        attempt: Attempt,
        /// From when on the job is no longer shown.
        expires_at: Time,
    },
    /// Called off, shown until then.
    Cancelled {
        /// The attempt that was broken off.
        attempt: Attempt,
        /// From when on the job is no longer shown.
        expires_at: Time,
    },
    /// To be tried again.
    Queued {
        /// The attempt, with its error.
        attempt: Attempt,
        /// Not before this.
        due_at: Time,
        /// Whether it stays on its kind's agenda while it waits.
        listed: bool,
    },
}

impl Ending {
    /// Where it leaves its job.
    #[must_use]
    pub const fn status(&self) -> Status {
        match self {
            Self::Completed { .. } => Status::Completed,
            Self::Failed { .. } => Status::Failed,
            Self::Cancelled { .. } => Status::Cancelled,
            Self::Queued { .. } => Status::Queued,
        }
    }

    /// What went wrong, if anything did.
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

/// Whether an attempt was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was.
    Yes,
    /// The claim was lost to a later one in the meantime, and nothing was changed.
    Lost,
    /// The job isn't to be tried again, since its cancellation was asked for, and nothing was changed.
    CancelRequested,
}

/// Only the holder of the latest claim may end an attempt.
const HELD_BY_ME: &str = "#status = :running AND #owner = :me";
/// What puts a job on its kind's agenda.
const LISTING: &[&str] = &["agenda", "#rank"];
/// A job whose cancellation was asked for doesn't wait for another attempt.
const TO_GO_ON: &str =
    "#status = :running AND #owner = :me AND attribute_not_exists(cancel_requested)";
const NAMES: &[(&str, &str)] = &[
    ("#status", "status"),
    ("#owner", "owner"),
    ("#result", "result"),
    ("#error", "error"),
    ("#rank", "rank"),
];

impl JobStore {
    /// Ends the attempt that was claimed under this token.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn end(
        &self,
        job: &Job,
        by: By<'_>,
        ending: Ending,
        now: Time,
    ) -> Result<Ended, Error> {
        let me = by.token;
        let mut change = Change::new(now);
        let condition = if matches!(ending, Ending::Queued { .. }) { TO_GO_ON } else { HELD_BY_ME };
        match ending {
            Ending::Completed { result, expires_at } => {
                change.finish(Status::Completed, job, by, expires_at);
                self.set_result(&mut change, job, by, result, expires_at).await?;
                change.remove.push("#error");
            }
            Ending::Failed { attempt, expires_at } => {
                change.finish(Status::Failed, job, by, expires_at);
                change.announced(by);
                change.attempt(&attempt, job)?;
            }
            Ending::Cancelled { attempt, expires_at } => {
                change.finish(Status::Cancelled, job, by, expires_at);
                change.announced(by);
                change.attempt(&attempt, job)?;
            }
            Ending::Queued { attempt, due_at, listed } => {
                if listed {
                    change.remove.retain(|name| !LISTING.contains(name));
                }
                change.set("#status = :status", ":status", text(Status::Queued.as_str()));
                change.set("due_at = :due", ":due", millis(due_at));
                change.attempt(&attempt, job)?;
            }
        }
        change.values.push((":running", text(Status::Running.as_str())));
        change.values.push((":me", text(me)));
        let update = change.update(condition);
        match self.table.update(&Key::job(job.account, job.id), update).await? {
            Conditional::Done(_) => Ok(Ended::Yes),
            Conditional::Refused(None) => Ok(Ended::Lost),
            Conditional::Refused(Some(item)) => {
                let item = JobItem::read(item)?;
                Ok(match item.status {
                    _ if item.owner.as_deref() != Some(me) => Ended::Lost,
                    Status::Running => Ended::CancelRequested,
                    // Nobody else has my token: it is on a job that runs no more, so this very call ended it and its answer was lost.
                    _ => Ended::Yes,
                })
            }
        }
    }

    /// Fails a job that no worker holds and that has no attempt left, or that can't have any. `seen` is what was seen of it: if it has
    /// moved since, nothing is changed and the answer is `false`.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn give_up(
        &self,
        job: &Job,
        seen: &Lease,
        by: By<'_>,
        error: JobError,
        expires_at: Time,
        now: Time,
    ) -> Result<bool, Error> {
        let mut change = Change::new(now);
        change.finish(Status::Failed, job, by, expires_at);
        change.announced(by);
        // So that its holder, should it still come, finds that this end isn't its own.
        change.set("#owner = :me", ":me", text(by.token));
        if seen.status == Status::Running {
            change.attempt(&Attempt::crashed(job, error, now), job)?;
        } else {
            change.set_error(&error)?;
        }
        let (condition, values) = unmoved(seen);
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

    /// Gives a job back that `me` claimed and can't run now, as if it had never been claimed. One that was taken over in the meantime stays
    /// as it is.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn hand_back(&self, job: &Job, me: &str, now: Time) -> Result<(), Error> {
        let first = if job.attempts == 1 { ", started_at, attempt_started_at" } else { "" };
        let update = Update {
            expression: format!(
                "SET #status = :queued, attempts = attempts - :one, due_at = :now REMOVE lease_until, #owner{first}"
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

    /// A large result is put before the job says that it is there, under the claim's own token: a slow attempt can't reach the result of a
    /// later one.
    async fn set_result(
        &self,
        change: &mut Change,
        job: &Job,
        by: By<'_>,
        result: Box<RawValue>,
        expires_at: Time,
    ) -> Result<(), Error> {
        if result.get().len() <= INLINE_RESULT {
            change.set("#result = :result", ":result", text(result.get()));
            return Ok(());
        }
        let kept = kept_until(job, by, change.now).map_or(expires_at, |kept| kept.max(expires_at));
        let bulk = Bulk { json: result.get().to_owned(), expires_at: kept.seconds_up() };
        self.table.put(&Key::result(job.account, job.id, by.token), &bulk).await?;
        change.set("result_apart = :apart", ":apart", AttributeValue::Bool(true));
        Ok(())
    }
}

/// Until when a job's items are kept that ends at `now`, if that may be longer than it is shown: as long as a message can come that announces
/// the end, or a repeat of the request that made the job.
fn kept_until(job: &Job, by: By<'_>, now: Time) -> Option<Time> {
    let is_announced = by.event.is_some() || job.callback_url.is_some();
    job.kept_until.max(is_announced.then(|| Timing::messages_gone(now)))
}

/// An update in the making.
pub(super) struct Change {
    now: Time,
    set: Vec<&'static str>,
    remove: Vec<&'static str>,
    pub values: Vec<(&'static str, AttributeValue)>,
}

impl Change {
    pub fn new(now: Time) -> Self {
        // Whatever it comes to, as a rule the job leaves the agenda.
        Self {
            now,
            set: Vec::new(),
            remove: [&["lease_until"], LISTING].concat(),
            values: Vec::new(),
        }
    }

    pub fn set(&mut self, clause: &'static str, name: &'static str, value: AttributeValue) {
        self.set.push(clause);
        self.values.push((name, value));
    }

    pub fn finish(&mut self, status: Status, job: &Job, by: By<'_>, expires_at: Time) {
        self.set("#status = :status", ":status", text(status.as_str()));
        self.set("finished_at = :now", ":now", millis(self.now));
        self.keep(kept_until(job, by, self.now), expires_at);
        self.remove.push("due_at");
    }

    /// Who puts the job back knows by this which end may not be told yet. A completed one isn't put back.
    pub fn announced(&mut self, by: By<'_>) {
        if let Some(event) = by.event {
            self.set("event = :event", ":event", text(event.to_string()));
        }
    }

    /// Shown until `expires_at`, and kept until then or for longer.
    fn keep(&mut self, kept_until: Option<Time>, expires_at: Time) {
        let kept = kept_until.filter(|kept| *kept > expires_at);
        self.set("expires_at = :ttl", ":ttl", seconds(kept.unwrap_or(expires_at)));
        if kept.is_some() {
            self.set("shown_until = :shown", ":shown", millis(expires_at));
        } else {
            self.remove.push("shown_until");
        }
    }

    fn attempt(&mut self, attempt: &Attempt, job: &Job) -> Result<(), Error> {
        if let Some(error) = &attempt.error {
            self.set_error(error)?;
        }
        // The whole list and not an append: the holder alone may write, and knows what is in it.
        let forgotten = (job.history.len() + 1).saturating_sub(Attempt::KEPT);
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
