use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::value::RawValue;

use super::{Bulk, INLINE_RESULT, JobItem, JobStore};
use crate::{
    aws::{
        Error,
        jobs::item::AttemptItem,
        key::Key,
        table::{Conditional, Update, millis, number, seconds, text},
    },
    job::{Attempt, Job, JobError, Lease, Status},
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
    /// To be tried again.
    Queued {
        /// The attempt, with its error.
        attempt: Attempt,
        /// Not before this.
        due_at: Time,
    },
}

/// Only the holder of the latest claim may end an attempt.
const HELD_BY_ME: &str = "#status = :running AND #owner = :me";
const NAMES: &[(&str, &str)] =
    &[("#status", "status"), ("#owner", "owner"), ("#result", "result"), ("#error", "error")];

impl JobStore {
    /// Ends the attempt that `me` claimed. `false`: the claim was lost to a later one in the meantime, and nothing was changed.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn end(&self, job: &Job, me: &str, ending: Ending, now: Time) -> Result<bool, Error> {
        let mut change = Change::new(now);
        match ending {
            Ending::Completed { result, expires_at } => {
                change.finish(Status::Completed, job.kept_until, expires_at);
                self.set_result(&mut change, job, me, result, expires_at).await?;
                change.remove.push("#error");
            }
            Ending::Failed { attempt, expires_at } => {
                change.finish(Status::Failed, job.kept_until, expires_at);
                change.attempt(&attempt, job)?;
            }
            Ending::Queued { attempt, due_at } => {
                change.set("#status = :status", ":status", text(Status::Queued.as_str()));
                change.set("due_at = :due", ":due", millis(due_at));
                change.attempt(&attempt, job)?;
            }
        }
        change.values.push((":running", text(Status::Running.as_str())));
        change.values.push((":me", text(me)));
        let update = change.update(HELD_BY_ME);
        match self.table.update(&Key::job(job.account, job.id), update).await? {
            Conditional::Done(_) => Ok(true),
            Conditional::Refused(None) => Ok(false),
            Conditional::Refused(Some(item)) => {
                // Nobody else has my token: if it is on a job that runs no more, this very call ended it and its answer was lost.
                let item = JobItem::read(item)?;
                Ok(item.owner.as_deref() == Some(me) && item.status != Status::Running)
            }
        }
    }

    /// Fails a job that no worker holds and that has no attempt left, or whose message ended among the dead letters. `seen` is what
    /// was seen of it: if it has moved since, nothing is changed and the answer is `false`.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn give_up(
        &self,
        job: &Job,
        seen: &Lease,
        error: JobError,
        expires_at: Time,
        now: Time,
    ) -> Result<bool, Error> {
        let mut change = Change::new(now);
        change.finish(Status::Failed, job.kept_until, expires_at);
        // So that its holder, should it still come, finds that this end isn't its own.
        change.remove.push("#owner");
        if seen.status == Status::Running {
            change.attempt(&Attempt::crashed(job, error, now), job)?;
        } else {
            change.set_error(&error)?;
        }
        change.values.push((":seen", text(seen.status.as_str())));
        change.values.push((":attempts", number(seen.attempts)));
        let update = change.update("#status = :seen AND attempts = :attempts");
        match self.table.update(&Key::job(job.account, job.id), update).await? {
            Conditional::Done(_) => Ok(true),
            Conditional::Refused(_) => Ok(false),
        }
    }

    /// A large result is put before the job says that it is there, under the claim's own token: a slow attempt can't reach the result of a
    /// later one.
    async fn set_result(
        &self,
        change: &mut Change,
        job: &Job,
        me: &str,
        result: Box<RawValue>,
        expires_at: Time,
    ) -> Result<(), Error> {
        if result.get().len() <= INLINE_RESULT {
            change.set("#result = :result", ":result", text(result.get()));
            return Ok(());
        }
        let bulk = Bulk { json: result.get().to_owned(), expires_at: expires_at.seconds_up() };
        self.table.put(&Key::result(job.account, job.id, me), &bulk).await?;
        change.set("result_apart = :apart", ":apart", AttributeValue::Bool(true));
        Ok(())
    }
}

/// An update in the making.
struct Change {
    now: Time,
    set: Vec<&'static str>,
    remove: Vec<&'static str>,
    values: Vec<(&'static str, AttributeValue)>,
}

impl Change {
    fn new(now: Time) -> Self {
        Self { now, set: Vec::new(), remove: vec!["lease_until"], values: Vec::new() }
    }

    fn set(&mut self, clause: &'static str, name: &'static str, value: AttributeValue) {
        self.set.push(clause);
        self.values.push((name, value));
    }

    fn finish(&mut self, status: Status, kept_until: Option<Time>, expires_at: Time) {
        self.set("#status = :status", ":status", text(status.as_str()));
        self.set("finished_at = :now", ":now", millis(self.now));
        let kept = kept_until.filter(|kept| *kept > expires_at);
        self.set("expires_at = :ttl", ":ttl", seconds(kept.unwrap_or(expires_at)));
        if kept.is_some() {
            self.set("shown_until = :shown", ":shown", millis(expires_at));
        } else {
            self.remove.push("shown_until");
        }
        self.remove.push("due_at");
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

    fn update(self, condition: &'static str) -> Update {
        let expression = format!("SET {} REMOVE {}", self.set.join(", "), self.remove.join(", "));
        let used = |name: &str| expression.contains(name) || condition.contains(name);
        let names = NAMES.iter().copied().filter(|(name, _)| used(name)).collect();
        Update { expression, condition: Some(condition), names, values: self.values, returns: None }
    }
}

fn serialized(value: &impl serde::Serialize) -> Result<AttributeValue, Error> {
    serde_dynamo::to_attribute_value(value).map_err(|e| Error::Corrupt("this version", e.to_string()))
}
